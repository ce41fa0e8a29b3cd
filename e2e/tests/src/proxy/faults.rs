//! What goes wrong between an operator and the API server, and when: decisions only.

use std::collections::BTreeSet;
use std::time::Duration;

/// One request of the operator, as far as faults depend on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// Whether it is a watch.
    pub watch: bool,
    /// Whether it writes the verdict of a test.
    pub verdict: bool,
}

/// Which writes are counted: events come whenever they come, between the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Everything but events.
    Objects,
    /// The same, where runs differ in how many there are: the verdict is the last that can be meant.
    ObjectsToVerdict,
    /// The verdict.
    Verdict,
    /// Kubernetes events.
    Events,
}

/// Whether the API server gets the write at which the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It never gets it.
    Before,
    /// It has done it, and the operator never hears of it.
    After,
}

/// A write at which the operator dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KillPoint {
    /// Which writes are counted.
    pub of: Writes,
    /// The number of the write, from 1.
    pub number: usize,
    /// Before or after it.
    pub when: When,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The API server answers it.
    Pass,
    /// The operator is killed at it.
    Kill(When),
    /// It is refused with this status code.
    Refuse(u16),
    /// The connection ends before the API server gets it.
    CutBefore,
    /// The connection ends when the API server has answered.
    CutAfter,
    /// Nothing comes back, ever.
    Silence,
}

/// What goes wrong; by default nothing.
#[derive(Debug, Default)]
pub struct Faults {
    /// Every call takes this much longer.
    pub delay: Duration,
    /// Events of watches whose path ends like this come so much later.
    pub stale: Option<(&'static str, Duration)>,
    /// So many of 100 calls fail, each in a way chosen by the generator.
    pub failing: Option<(u8, fastrand::Rng)>,
    /// Every call is one too many: 429.
    pub throttled: bool,
    /// Nothing is answered, nor will it be later.
    pub dark: bool,
    kill: Option<KillPoint>,
    counted: usize,
    /// What was listed since history was compacted, if it was: only that can be watched.
    listed: Option<BTreeSet<String>>,
}

impl Call {
    /// Whether it changes something.
    pub fn is_write(&self) -> bool {
        ["POST", "PUT", "PATCH", "DELETE"].contains(&self.method.as_str())
    }

    /// Whether it is about a Kubernetes event.
    pub fn is_event(&self) -> bool {
        self.path.split('/').any(|part| part == "events")
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let method = if self.watch { "WATCH" } else { &self.method };
        write!(f, "{method} {}", self.path)
    }
}

impl Writes {
    /// Whether a call is one of these.
    pub fn counts(self, call: &Call) -> bool {
        match self {
            Self::Objects | Self::ObjectsToVerdict => call.is_write() && !call.is_event(),
            Self::Verdict => call.verdict,
            Self::Events => call.is_write() && call.is_event(),
        }
    }
}

impl std::fmt::Display for Writes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Objects | Self::ObjectsToVerdict => "write",
            Self::Verdict => "verdict",
            Self::Events => "event",
        })
    }
}

impl std::fmt::Display for KillPoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let when = match self.when {
            When::Before => "before",
            When::After => "after",
        };
        write!(f, "{when} {} {}", self.of, self.number)
    }
}

impl Faults {
    /// The operator will die at this write, counted from now on.
    pub(super) fn kill_at(&mut self, point: KillPoint) {
        self.kill = Some(point);
        self.counted = 0;
    }

    /// Watches that begin get 410 until what they are about is listed again.
    pub(super) fn compact(&mut self) {
        self.listed = Some(BTreeSet::new());
    }

    /// Whether writes must come one at a time, so that none slips past the one that kills.
    pub(super) fn is_armed(&self) -> bool {
        self.kill.is_some()
    }

    /// How late events of this watch come.
    pub(super) fn staleness(&self, call: &Call) -> Duration {
        match self.stale {
            Some((ending, late)) if call.path.ends_with(ending) => late,
            _ => Duration::ZERO,
        }
    }

    /// What becomes of this call.
    pub(super) fn fate(&mut self, call: &Call) -> Fate {
        if self.dark {
            return Fate::Silence;
        }
        if self.throttled {
            return Fate::Refuse(429);
        }
        match &mut self.listed {
            Some(listed) if call.watch && !listed.contains(&call.path) => {
                return Fate::Refuse(410);
            }
            Some(listed) if !call.watch => drop(listed.insert(call.path.clone())),
            Some(_) | None => {}
        }
        if let Some(point) = self.kill.filter(|point| point.of.counts(call)) {
            self.counted += 1;
            let last = point.of == Writes::ObjectsToVerdict && call.verdict;
            if self.counted == point.number || last {
                return Fate::Kill(point.when);
            }
        }
        match &mut self.failing {
            Some((percent, generator)) => match generator.u8(0..100) < *percent {
                true => failure(generator),
                false => Fate::Pass,
            },
            None => Fate::Pass,
        }
    }
}

fn failure(generator: &mut fastrand::Rng) -> Fate {
    const WAYS: [Fate; 4] = [
        Fate::Refuse(500),
        Fate::Refuse(503),
        Fate::CutBefore,
        Fate::CutAfter,
    ];
    WAYS[generator.usize(0..WAYS.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(method: &str, path: &str) -> Call {
        Call {
            method: method.to_owned(),
            path: path.to_owned(),
            watch: false,
            verdict: false,
        }
    }

    fn watch(path: &str) -> Call {
        Call {
            watch: true,
            ..call("GET", path)
        }
    }

    #[test]
    fn only_the_write_that_was_named_kills() {
        let job = call("POST", "/apis/batch/v1/namespaces/n/jobs");
        let event = call("POST", "/apis/events.k8s.io/v1/namespaces/n/events");
        let read = call("GET", "/apis/batch/v1/namespaces/n/jobs");
        let calls = [&job, &event, &read, &job, &event];
        let fates = |of, number| -> Vec<Fate> {
            let mut faults = Faults::default();
            faults.kill_at(KillPoint {
                of,
                number,
                when: When::After,
            });
            calls.iter().map(|call| faults.fate(call)).collect()
        };
        const KILL: Fate = Fate::Kill(When::After);
        const PASS: Fate = Fate::Pass;
        assert_eq!(fates(Writes::Objects, 2), [PASS, PASS, PASS, KILL, PASS]);
        assert_eq!(fates(Writes::Events, 1), [PASS, KILL, PASS, PASS, PASS]);
    }

    #[test]
    fn the_verdict_kills_at_the_latest() {
        let write = call(
            "PATCH",
            "/apis/locust.io/v2/namespaces/n/locusttests/t/status",
        );
        let verdict = Call {
            verdict: true,
            ..write.clone()
        };
        let killed = |of, number| {
            let mut faults = Faults::default();
            let when = When::Before;
            faults.kill_at(KillPoint { of, number, when });
            let calls = [&write, &write, &verdict, &write];
            calls
                .iter()
                .position(|call| faults.fate(call) == Fate::Kill(when))
        };
        assert_eq!(killed(Writes::ObjectsToVerdict, 2), Some(1));
        assert_eq!(killed(Writes::ObjectsToVerdict, 9), Some(2));
        assert_eq!(killed(Writes::Verdict, 1), Some(2));
        assert_eq!(killed(Writes::Objects, 4), Some(3));
    }

    #[test]
    fn a_seed_fails_the_same_share_of_calls_in_the_same_ways() {
        let fates = || -> Vec<Fate> {
            let mut faults = Faults {
                failing: Some((20, fastrand::Rng::with_seed(7))),
                ..Faults::default()
            };
            let read = call("GET", "/api");
            (0..1000).map(|_| faults.fate(&read)).collect()
        };
        let (first, second) = (fates(), fates());
        assert_eq!(first, second);
        let failed = first.iter().filter(|fate| **fate != Fate::Pass).count();
        assert!((150..250).contains(&failed), "{failed} of 1000 failed");
        for way in [
            Fate::Refuse(500),
            Fate::Refuse(503),
            Fate::CutBefore,
            Fate::CutAfter,
        ] {
            assert!(first.contains(&way), "{way:?} never came");
        }
    }

    #[test]
    fn one_kind_alone_can_be_stale() {
        let faults = Faults {
            stale: Some(("/pods", Duration::from_secs(5))),
            ..Faults::default()
        };
        let staleness = |path| faults.staleness(&watch(path));
        assert_eq!(staleness("/api/v1/pods"), Duration::from_secs(5));
        assert_eq!(staleness("/apis/batch/v1/jobs"), Duration::ZERO);
    }

    #[test]
    fn what_was_compacted_must_be_listed_to_be_watched() {
        let mut faults = Faults::default();
        faults.compact();
        let (pods, jobs) = (watch("/api/v1/pods"), watch("/apis/batch/v1/jobs"));
        assert_eq!(faults.fate(&pods), Fate::Refuse(410));
        assert_eq!(faults.fate(&call("GET", "/api/v1/pods")), Fate::Pass);
        assert_eq!(faults.fate(&pods), Fate::Pass);
        assert_eq!(faults.fate(&jobs), Fate::Refuse(410));
    }
}
