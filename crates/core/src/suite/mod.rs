//! What a suite does next, and what its status is: pure functions of what was observed.
//!
//! A suite goes claim → run → end, and never back. [`next_step`] says where it is; while it runs, [`plan`] says what to
//! start, to stop and to look at. The names of children follow from suite, step and attempt alone, so whoever plans
//! again after a crash plans the same, and what was made but not noted is found by its name.
//!
//! What the words of the spec leave open is decided here:
//! * A step is judged when all steps before it have finished: `dependsOn` in a Graph, all earlier ones in Sequential, none
//!   in Parallel.
//! * `OnPassed` asks that each passed or is optional. One that was skipped did not pass; but in Sequential an `OnFailed`
//!   step that was not needed does not stand in the way of the rest. `OnFailed` asks that one ran and did not pass,
//!   optional or not.
//! * After a required step that did not pass, `Stop` and `Abort` let nothing start any more but `finally`: no `OnFailed`,
//!   no `Always`, no further attempt. A skipped step is no such step.
//! * A step that waits for its `delay` or `waitFor` counts in `maxParallel`: the service is to come to rest.
//! * `stop` comes before `suspend`: a stopped suite ends, with its `finally`, which `stop` never stops.
//! * Not tried again is a step whose child was deleted, or that could not be made, or whose `waitFor` failed.

mod attempt;
pub mod check;
pub mod children;
mod order;
pub mod outputs;
mod plan;
pub mod retention;
mod rollup;
mod round;
mod seen;
mod status;
mod turns;
mod waiting;

use locust_api::v2::{LocustTestSuiteStatus, Phase};

pub use children::child_name;
pub use plan::{News, Plan, Start, Stop, plan};
pub use rollup::verdict_so_far;
pub use seen::{Child, ChildEnd, ChildKind, ChildState, Seen, WaitState};
pub use status::{claimed, not_started, started};
pub use waiting::{ended_unclaimed, held, invalid, queued, refs_unresolved};

/// Where a suite is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing was done yet: check the spec and claim the suite.
    Claim,
    /// The suite is claimed: plan.
    Run,
    /// The suite is over. A plan may still stop a child that was made and never noted.
    Ended,
}

/// Where the suite with this status is.
pub fn next_step(status: Option<&LocustTestSuiteStatus>) -> Step {
    match status {
        Some(status) if status.phase.is_some_and(Phase::is_terminal) => Step::Ended,
        Some(status) if status.run.is_some() => Step::Run,
        Some(_) | None => Step::Claim,
    }
}

#[cfg(test)]
mod tests;
