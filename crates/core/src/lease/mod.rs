//! Which of several operator processes acts: the leader lease, seen from one of them.
//!
//! The rules and figures are client-go's, so that the published operator can be a candidate for the same Lease. A
//! candidate knows its own clock only. What other clocks wrote into the Lease is compared, never believed: a holder is
//! late when the Lease did not change for so long *here*.
//!
//! Two never lead at once, because a leader counts its term from before it asked for the write that renews it, and
//! everybody else counts from after they saw that write, and longer ([`Timing::held_for`] > [`Timing::leads_for`]).
//! This needs clocks that run at about the same speed (half as fast again is too much), and a Lease that nobody deletes or
//! edits by hand.

mod record;
#[cfg(test)]
mod tests;

use std::{fmt, ops::Add, time::Duration};

use jiff::Timestamp;

pub use record::Record;

/// A moment of a clock that never goes back and never stops, as the time since a fixed moment of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}

impl Moment {
    /// How long from `self` until `later`; zero when that has passed.
    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

/// What both clocks of a process say.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// All decisions go by this one.
    pub moment: Moment,
    /// For people who read the Lease.
    pub wall: Timestamp,
}

/// How long everything takes.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// So long after the last change that was seen a Lease counts as held, unless it says otherwise.
    pub held_for: Duration,
    /// So long after it asked for its last good write a leader leads.
    pub leads_for: Duration,
    /// A leader renews this often; what failed is tried again this often.
    pub renew_every: Duration,
    /// A candidate looks at the Lease of another this often. More often than client-go does (2 s), so that a Lease that
    /// is given back is taken within a second.
    pub look_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            held_for: Duration::from_secs(15),
            leads_for: Duration::from_secs(10),
            renew_every: Duration::from_secs(2),
            look_every: Duration::from_secs(1),
        }
    }
}

/// A Lease as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it says.
    pub record: Record,
    /// Its `resourceVersion`.
    pub version: String,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Read the Lease.
    Read,
    /// Write the Lease: make it, or replace exactly this version.
    Write {
        /// What it shall say.
        record: Record,
        /// The version to replace; none when there is no Lease yet.
        over: Option<String>,
    },
    /// Nothing before this moment.
    Wait(Moment),
    /// The leadership is over, for good.
    Lost(Loss),
}

/// Why a leadership ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// No write got through in time.
    NotRenewed(Duration),
    /// The Lease names somebody else, or nobody.
    Taken(Option<String>),
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotRenewed(limit) => write!(f, "it was not renewed within {}s", limit.as_secs()),
            Self::Taken(Some(holder)) => write!(f, "{holder:?} holds it now"),
            Self::Taken(None) => f.write_str("it was given back by somebody else"),
        }
    }
}

/// What came of a read or a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The Lease as it is stored now.
    Stored(Stored),
    /// There is no Lease.
    Missing,
    /// Somebody else wrote it in between.
    Conflict,
    /// No answer, or none that helps: whether a write got through is not known.
    Failed,
}

/// What is known of the Lease.
#[derive(Clone, Debug)]
struct Seen {
    stored: Stored,
    /// Since when it is known to say that.
    since: Moment,
    /// When it was looked at last.
    looked: Moment,
}

#[derive(Clone, Copy, Debug)]
struct Term {
    /// When the last good write was asked for.
    renewed: Moment,
    until: Moment,
}

/// One process that leads or wants to.
#[derive(Clone, Debug)]
pub struct Candidate {
    me: String,
    timing: Timing,
    /// `None`: there is no Lease.
    seen: Option<Seen>,
    /// What is known is nothing, or out of date.
    must_read: bool,
    /// After a failure.
    not_before: Moment,
    term: Option<Term>,
}

impl Candidate {
    /// A candidate that knows nothing yet. No other, and no earlier life of this one, may be called `me`.
    pub fn new(me: String, timing: Timing) -> Self {
        Self {
            me,
            timing,
            seen: None,
            must_read: true,
            not_before: Moment(Duration::ZERO),
            term: None,
        }
    }

    /// The name in the Lease when this one leads.
    pub fn name(&self) -> &str {
        &self.me
    }

    /// Who holds the Lease, as far as is known.
    pub fn holder(&self) -> Option<&str> {
        self.seen.as_ref()?.stored.record.holder.as_deref()
    }

    /// Up to when this one leads; it may be over. `None` when it never led.
    pub fn leads_until(&self) -> Option<Moment> {
        self.term.map(|term| term.until)
    }

    /// What to do now.
    pub fn next(&self, now: Now) -> Step {
        match self.term {
            Some(term) => self.next_of_leader(term, now),
            None => self.next_of_follower(now),
        }
    }

    fn next_of_leader(&self, term: Term, now: Now) -> Step {
        if now.moment >= term.until {
            return Step::Lost(Loss::NotRenewed(self.timing.leads_for));
        }
        if now.moment < self.not_before {
            return Step::Wait(self.not_before.min(term.until));
        }
        match &self.seen {
            _ if self.must_read => Step::Read,
            Some(seen) if !self.is_me(&seen.stored.record) => {
                Step::Lost(Loss::Taken(seen.stored.record.holder.clone()))
            }
            Some(_) if now.moment < term.renewed + self.timing.renew_every => {
                Step::Wait(term.renewed + self.timing.renew_every)
            }
            seen => self.write(seen.as_ref(), now.wall),
        }
    }

    fn next_of_follower(&self, now: Now) -> Step {
        if now.moment < self.not_before {
            return Step::Wait(self.not_before);
        }
        match &self.seen {
            _ if self.must_read => Step::Read,
            Some(seen) if !self.is_free(&seen.stored.record) => {
                let late = seen.since + seen.stored.record.held_for(self.timing.held_for);
                let look = seen.looked + self.timing.look_every;
                if now.moment >= late {
                    self.write(Some(seen), now.wall)
                } else if now.moment >= look {
                    Step::Read
                } else {
                    Step::Wait(look.min(late))
                }
            }
            seen => self.write(seen.as_ref(), now.wall),
        }
    }

    fn is_me(&self, record: &Record) -> bool {
        record.holder.as_ref() == Some(&self.me)
    }

    /// One of its own is free too: a write came through whose answer did not.
    fn is_free(&self, record: &Record) -> bool {
        record.holder.is_none() || self.is_me(record)
    }

    fn write(&self, seen: Option<&Seen>, wall: Timestamp) -> Step {
        let held = |stored: &Stored| self.term.is_some() && self.is_me(&stored.record);
        let stored = seen.map(|seen| &seen.stored);
        let record = match stored {
            Some(stored) if held(stored) => stored.record.renewed(wall),
            other => Record::taken(
                &self.me,
                self.timing.held_for,
                wall,
                other.map(|stored| &stored.record),
            ),
        };
        Step::Write {
            record,
            over: stored.map(|stored| stored.version.clone()),
        }
    }

    /// Notes what came of a step that was asked for at `asked`.
    pub fn answered(&mut self, step: &Step, answer: Answer, asked: Moment, now: Moment) {
        match (step, answer) {
            (Step::Read, Answer::Stored(stored)) => {
                self.must_read = false;
                let same = self
                    .seen
                    .take()
                    .filter(|seen| seen.stored.record == stored.record);
                self.seen = Some(Seen {
                    stored,
                    since: same.map_or(now, |seen| seen.since),
                    looked: now,
                });
            }
            (Step::Read, Answer::Missing) => {
                self.must_read = false;
                self.seen = None;
            }
            (Step::Write { .. }, Answer::Stored(stored)) => {
                self.seen = Some(Seen {
                    stored,
                    since: now,
                    looked: now,
                });
                self.written(asked, now);
            }
            (Step::Write { .. }, Answer::Missing | Answer::Conflict) => self.must_read = true,
            (_, Answer::Failed | Answer::Conflict) => {
                self.not_before = (asked + self.timing.renew_every).max(now);
            }
            (Step::Wait(_) | Step::Lost(_), _) => {}
        }
    }

    fn written(&mut self, asked: Moment, now: Moment) {
        // A term that was over for a moment does not come back: its end may have been acted on.
        let in_time = now < asked + self.timing.leads_for;
        match self.term {
            Some(term) if now >= term.until => {}
            None if !in_time => self.must_read = true,
            _ => {
                self.term = Some(Term {
                    renewed: asked,
                    until: asked + self.timing.leads_for,
                });
            }
        }
    }

    /// The write that gives the Lease back, if this one holds it. It must do nothing as a leader from before that
    /// write is sent.
    pub fn release(&self, now: Now) -> Option<Step> {
        self.term.filter(|term| now.moment < term.until)?;
        let Stored { record, version } = &self.seen.as_ref()?.stored;
        self.is_me(record).then(|| Step::Write {
            record: record.released(now.wall),
            over: Some(version.clone()),
        })
    }
}
