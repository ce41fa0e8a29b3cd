//! Suites of every kind in a cluster where children end as they like, caches are behind, and the operator dies between
//! any two writes.

use std::collections::BTreeSet;

use locust_api::v2::{Execution, SuiteStep, When};
use proptest::prelude::*;

use super::{
    stories::{Dice, any_suite},
    *,
};
use crate::cases::cases;

/// An object in the API server.
#[derive(Clone)]
struct Object {
    uid: String,
    ends: Option<Timestamp>,
    verdict: Verdict,
}

/// A cluster with one suite.
struct World {
    dice: Dice,
    suite: LocustTestSuite,
    objects: BTreeMap<String, Object>,
    /// What the cache may show: the objects as they were.
    past: Vec<BTreeMap<String, Child>>,
    now: Timestamp,
    born: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut suite = suite(any_suite(&mut dice));
        suite.status = Some(claimed(&suite, claim(at(0)), at(0)));
        Self {
            dice,
            suite,
            objects: BTreeMap::new(),
            past: Vec::new(),
            now: at(0),
            born: 0,
        }
    }

    fn status(&self) -> &LocustTestSuiteStatus {
        self.suite.status.as_ref().unwrap()
    }

    fn spec_of(&self, name: &str) -> &SuiteStep {
        let spec = &self.suite.spec;
        let mut all = spec.steps.iter().chain(&spec.finally);
        all.find(|step| step.name == name).unwrap()
    }

    fn is_active(&self, object: &Object) -> bool {
        object.ends.is_none_or(|ends| ends > self.now)
    }

    fn truth(&self) -> BTreeMap<String, Child> {
        let child = |object: &Object| Child {
            kind: ChildKind::Job,
            uid: object.uid.clone(),
            state: match object.ends {
                Some(ends) if ends <= self.now => ChildState::Ended(ChildEnd {
                    verdict: object.verdict,
                    reason: "Because".to_owned(),
                    message: "of this".to_owned(),
                    outputs: BTreeMap::new(),
                    comparison: None,
                    at: Some(ends),
                }),
                Some(_) | None => ChildState::Active,
            },
        };
        let all = self.objects.iter();
        all.map(|(name, object)| (name.clone(), child(object)))
            .collect()
    }

    /// What the operator sees: perhaps an old picture, and what was noted and is gone may be known to be.
    fn look(&mut self) -> BTreeMap<String, Child> {
        let truth = self.truth();
        self.past.push(truth.clone());
        let behind = usize::try_from(self.dice.below(4)).unwrap();
        let place = self.past.len().saturating_sub(1 + behind);
        let mut seen = self.past[place].clone();
        let noted: Vec<_> = self
            .status()
            .steps
            .iter()
            .filter_map(|step| step.child.clone())
            .collect();
        for child in noted {
            let uid = child.uid.unwrap();
            let exists = truth.get(&child.name).is_some_and(|it| it.uid == uid);
            if !exists && self.dice.one_in(2) {
                let state = ChildState::Gone;
                let kind = ChildKind::Job;
                seen.insert(child.name, Child { kind, uid, state });
            }
        }
        seen
    }

    /// What becomes of the suite and its children without the operator.
    fn live(&mut self) {
        if self.dice.one_in(30) {
            self.suite.spec.stop = Some(true);
        }
        if self.now < at(600) && self.dice.one_in(10) {
            self.suite.spec.suspend = Some(self.suite.spec.suspend != Some(true));
        } else if self.now >= at(600) {
            self.suite.spec.suspend = None;
        }
        if self.dice.one_in(40)
            && let Some(name) = self.objects.keys().next().cloned()
        {
            self.objects.remove(&name);
        }
    }

    /// One look of the operator, which may die at any point of it. Says whether it lived to write the status.
    fn round(&mut self) -> bool {
        let children = self.look();
        let mut waits = BTreeMap::new();
        let first = plan(&self.suite, &seen(self.now, &children, &waits));
        for step in &first.asks {
            let answer = if self.now >= at(200) {
                WaitState::Holds
            } else {
                WaitState::NotYet("not yet".to_owned())
            };
            waits.insert(step.clone(), answer);
        }
        let mut planned = plan(&self.suite, &seen(self.now, &children, &waits));
        let mut again = self.suite.clone();
        again.status = Some(planned.status.clone());
        let replanned = plan(&again, &seen(self.now, &children, &waits));
        assert_eq!(replanned.status, planned.status, "a plan is complete");
        if self.gives_up(&planned.status) {
            assert_eq!(planned.starts, [], "before it is noted");
        } else {
            assert_eq!(replanned.starts, planned.starts, "and the same every time");
        }
        self.stop(&planned.stops);
        if self.dice.one_in(8) {
            return self.die();
        }
        for start in planned.starts.clone() {
            if self.dice.one_in(20) && !self.objects.contains_key(&start.name) {
                let _ = not_started(&mut planned.status, &start, "No", "no", self.now);
                continue;
            }
            if self.dice.one_in(10) {
                continue; // Refused for now.
            }
            self.assert_may_start(&start, &planned.status);
            let uid = self.post(&start);
            let news = started(&mut planned.status, &start, &uid, self.now);
            assert!(news.is_some());
            if self.dice.one_in(8) {
                return self.die();
            }
        }
        let old = self.status().clone();
        assert_only_grows(&old, &planned.status);
        self.suite.status = Some(planned.status);
        let pause = i64::try_from(planned.look_again.as_secs()).unwrap();
        let pause = pause.min(self.dice.seconds(30));
        self.now += SignedDuration::from_secs(pause);
        true
    }

    fn gives_up(&self, next: &LocustTestSuiteStatus) -> bool {
        let steps = self.status().steps.iter().zip(&next.steps);
        steps.into_iter().any(|(old, new)| {
            !old.phase.is_terminal() && new.reason.as_deref() == Some("WaitForFailed")
        })
    }

    /// Who comes after reads a cache that is no older; how many run at once holds only with that.
    fn die(&mut self) -> bool {
        if self.suite.spec.max_parallel.is_some() {
            self.past.clear();
        }
        false
    }

    fn stop(&mut self, stops: &[Stop]) {
        for stop in stops {
            let soon = self.now + SignedDuration::from_secs(self.dice.seconds(20));
            if let Some(object) = self.objects.get_mut(&stop.name)
                && object.uid == stop.uid
                && object.ends.is_none_or(|ends| ends > soon)
            {
                object.ends = Some(soon);
                object.verdict = *self.dice.of(&[Verdict::Aborted, Verdict::Inconclusive]);
            }
        }
    }

    fn post(&mut self, start: &Start) -> String {
        if let Some(object) = self.objects.get(&start.name) {
            return object.uid.clone();
        }
        self.born += 1;
        let uid = format!("uid-{}", self.born);
        let hangs = self.spec_of(&start.step).timeout.is_some() && self.dice.one_in(3);
        let ends = self.now + SignedDuration::from_secs(self.dice.seconds(150));
        let verdict = *self.dice.of(&[
            Verdict::Passed,
            Verdict::Passed,
            Verdict::Failed,
            Verdict::Inconclusive,
            Verdict::Error,
        ]);
        let object = Object {
            uid: uid.clone(),
            ends: (!hangs).then_some(ends),
            verdict,
        };
        self.objects.insert(start.name.clone(), object);
        uid
    }

    /// The rules for a start, said once more in other words.
    fn assert_may_start(&self, start: &Start, status: &LocustTestSuiteStatus) {
        let spec = &self.suite.spec;
        for step in &self.status().steps {
            if let Some(child) = &step.child {
                assert_ne!(child.name, start.name, "made again");
            }
        }
        let step = |name: &str| status.steps.iter().find(|it| it.name == name).unwrap();
        let stopped = spec.stop == Some(true);
        assert!(stopped || spec.suspend != Some(true), "suspended");
        if spec.finally.iter().any(|it| it.name == start.step) {
            let before = status.steps.iter().take_while(|it| it.name != start.step);
            assert!(before.into_iter().all(|it| it.phase.is_terminal()));
            return;
        }
        assert!(!stopped);
        let own = self.spec_of(&start.step);
        let before: Vec<&str> = match spec.execution.unwrap() {
            Execution::Sequential => {
                let names = spec.steps.iter().map(|it| it.name.as_str());
                names.take_while(|name| *name != start.step).collect()
            }
            Execution::Parallel => vec![],
            Execution::Graph => own.depends_on.iter().map(String::as_str).collect(),
        };
        let failed = before
            .iter()
            .any(|name| step(name).phase == StepPhase::Failed);
        let bad = |name: &&str| step(name).phase == StepPhase::Failed;
        assert!(before.iter().all(|name| step(name).phase.is_terminal()));
        match own.when.unwrap() {
            When::OnPassed => assert!(
                before
                    .iter()
                    .filter(|name| bad(name))
                    .all(|name| self.spec_of(name).optional == Some(true))
            ),
            When::OnFailed => assert!(failed),
            When::Always => {}
        }
        if let Some(most) = spec.max_parallel {
            let others = self.objects.iter().filter(|(name, object)| {
                **name != start.name && name.starts_with("night-s") && self.is_active(object)
            });
            assert!(others.count() < usize::try_from(most).unwrap(), "too many");
        }
    }
}

fn seen<'a>(
    now: Timestamp,
    children: &'a BTreeMap<String, Child>,
    waits: &'a BTreeMap<String, WaitState>,
) -> Seen<'a> {
    Seen {
        now,
        children,
        waits,
    }
}

/// Nothing that is over changes, and nothing goes back.
fn assert_only_grows(old: &LocustTestSuiteStatus, new: &LocustTestSuiteStatus) {
    assert!(new.phase >= old.phase);
    if old.phase.unwrap().is_terminal() {
        assert_eq!(old, new);
    }
    assert_eq!(old.steps.len(), new.steps.len());
    let key = |step: &StepStatus| {
        let comes = step.attempt + i32::from(step.phase < StepPhase::Running);
        (step.phase.is_terminal(), comes, step.phase)
    };
    for (old, new) in old.steps.iter().zip(&new.steps) {
        if old.phase.is_terminal() {
            assert_eq!(old, new);
        } else {
            assert!(
                new.phase.is_terminal() || key(new) >= key(old),
                "{old:?} {new:?}"
            );
        }
    }
}

fn rank(verdict: Verdict) -> usize {
    let order = [
        Verdict::Passed,
        Verdict::Aborted,
        Verdict::Inconclusive,
        Verdict::Failed,
        Verdict::Error,
    ];
    order.iter().position(|it| *it == verdict).unwrap()
}

fn assert_ends(seed: u64) {
    let mut world = World::new(seed);
    let mut rounds = 0;
    while next_step(world.suite.status.as_ref()) == Step::Run {
        world.live();
        world.round();
        rounds += 1;
        assert!(rounds < 3000, "no end: {:?}", world.status().steps);
    }
    let status = world.status().clone();
    let of_finally: Vec<_> = status.steps.iter().filter(|step| step.finally).collect();
    assert_eq!(of_finally.len(), world.suite.spec.finally.len());
    for step in of_finally {
        assert!(matches!(
            step.phase,
            StepPhase::Succeeded | StepPhase::Failed
        ));
    }
    let required = status.steps.iter().filter(|step| {
        step.phase != StepPhase::Skipped && world.spec_of(&step.name).optional != Some(true)
    });
    let worst = required
        .map(|step| rank(step.verdict.unwrap()))
        .max()
        .unwrap_or(0);
    let verdict = status.verdict.unwrap();
    match status.reason.as_deref().unwrap() {
        "Stopped" => assert_eq!(verdict, Verdict::Aborted),
        "NothingRan" => assert_eq!(verdict, Verdict::Error),
        _ => assert_eq!(rank(verdict), worst),
    }
    assert_eq!(
        status.phase == Some(Phase::Succeeded),
        verdict == Verdict::Passed
    );
    // What was made and never noted is stopped when it is seen.
    for _ in 0..80 {
        world.round();
        world.now += SignedDuration::from_secs(1);
    }
    let left: BTreeSet<&str> = world
        .objects
        .iter()
        .filter(|(_, object)| world.is_active(object))
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(left.is_empty(), "{left:?} {:?}", status.steps);
}

proptest! {
    #![proptest_config(cases(128))]
    #[test]
    fn every_suite_ends_by_its_rules(seed: u64) {
        assert_ends(seed);
    }
}
