//! What a claimed suite does next.

use std::time::Duration;

use locust_api::v2::{LocustTestSuite, LocustTestSuiteStatus, Verdict};

use super::{ChildKind, Seen, Step, next_step, round::Round};

/// When to look again at the latest: children bring the suite back before, when they change.
const AT_MOST: Duration = Duration::from_secs(60);
/// And at the earliest.
pub(super) const SOON: Duration = Duration::from_secs(1);

/// What a suite does next.
///
/// The caller acts on `stops`, looks at what `asks` names and plans again with the answers, makes each of `starts` and
/// notes that with [`started`](super::started) or [`not_started`](super::not_started), and then writes the status, once.
/// What it cannot do now it leaves: it is planned again.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The status as it should be; equal to the old one when nothing changed.
    pub status: LocustTestSuiteStatus,
    /// What to create, in this order.
    pub starts: Vec<Start>,
    /// What to stop. It is asked for again until it has ended.
    pub stops: Vec<Stop>,
    /// Names of the steps whose `waitFor` is to be looked at now.
    pub asks: Vec<String>,
    /// What people should hear of, once the status is written.
    pub news: Vec<News>,
    /// When to look again, if nothing happens before.
    pub look_again: Duration,
}

/// A child to create. If an object of this run has the name already, it is the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Name of the step.
    pub step: String,
    /// Which attempt; 1 is the first.
    pub attempt: i32,
    /// Name of the child.
    pub name: String,
    /// What it is.
    pub kind: ChildKind,
}

/// A child to stop, so that it ends with what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// What it is.
    pub kind: ChildKind,
    /// Its name.
    pub name: String,
    /// Its UID: another object of this name is not meant.
    pub uid: String,
}

/// A change worth an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An attempt of a step runs.
    StepStarted {
        /// Name of the step.
        step: String,
        /// Step, child and attempt in a line.
        note: String,
    },
    /// A step is over, and was not skipped.
    StepFinished {
        /// Name of the step.
        step: String,
        /// How it went.
        verdict: Verdict,
        /// Step, verdict, reason and message in a line.
        note: String,
    },
    /// The suite is over.
    SuiteFinished {
        /// How it went.
        verdict: Verdict,
        /// Verdict, reason and message in a line.
        note: String,
    },
}

/// What a suite does next, and what its status is. It depends on nothing but its arguments, so whoever plans again after
/// a crash plans the same.
///
/// A suite that is not claimed does nothing. One that is over may still stop a child that was made and never noted.
pub fn plan(suite: &LocustTestSuite, seen: &Seen<'_>) -> Plan {
    let status = suite.status.clone().unwrap_or_default();
    let step = next_step(Some(&status));
    let mut round = Round::new(suite, status, *seen);
    match step {
        Step::Claim => {}
        Step::Ended => round.stop_strays(),
        Step::Run => {
            round.hear();
            round.settle();
            round.stop_strays();
            round.start();
            round.stop();
            round.conclude();
        }
    }
    let mut plan = round.plan;
    plan.look_again = plan.look_again.clamp(SOON, AT_MOST);
    plan
}

impl Plan {
    /// A plan to do nothing.
    pub(super) const fn idle(status: LocustTestSuiteStatus) -> Self {
        Self {
            status,
            starts: Vec::new(),
            stops: Vec::new(),
            asks: Vec::new(),
            news: Vec::new(),
            look_again: AT_MOST,
        }
    }
}
