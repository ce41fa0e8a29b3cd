//! Which step may start after which.

use locust_api::v2::{
    Execution, LocustTestSuiteSpec, OnFailure, StepPhase, StepStatus, SuiteStep, When,
};

/// A step of a suite.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    /// The step.
    pub step: &'a SuiteStep,
    /// Whether it is one of `finally`.
    pub finally: bool,
}

impl Item<'_> {
    /// Whether the suite passes only if the step does.
    pub fn is_required(&self) -> bool {
        !is_optional(self.step)
    }
}

/// All steps, those of `finally` at the end: the order of the status.
pub(super) fn items(spec: &LocustTestSuiteSpec) -> Vec<Item<'_>> {
    let of = |finally| move |step| Item { step, finally };
    let steps = spec.steps.iter().map(of(false));
    steps.chain(spec.finally.iter().map(of(true))).collect()
}

/// Whether `spec.stop` is set.
pub(super) fn is_stopped(spec: &LocustTestSuiteSpec) -> bool {
    spec.stop == Some(true)
}

/// Whether `spec.suspend` keeps steps from starting. What is stopped is not kept from its end.
pub(super) fn is_suspended(spec: &LocustTestSuiteSpec) -> bool {
    spec.suspend == Some(true) && !is_stopped(spec)
}

/// Whether it is a step's turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Steps before it have not finished.
    NotYet,
    /// It may start.
    Now,
    /// It is not to run; the words say why.
    Never(String),
}

/// Whether it is the turn of the step at `index` of `spec.steps`; `steps` are the statuses in the same order.
pub(super) fn turn(spec: &LocustTestSuiteSpec, index: usize, steps: &[StepStatus]) -> Turn {
    let Some(step) = spec.steps.get(index) else {
        return Turn::NotYet;
    };
    let Some(before) = before(spec, index) else {
        return Turn::NotYet;
    };
    let before: Vec<(&SuiteStep, &StepStatus)> = before
        .into_iter()
        .filter_map(|at| Some((spec.steps.get(at)?, steps.get(at)?)))
        .collect();
    if before.iter().any(|(_, status)| !status.phase.is_terminal()) {
        return Turn::NotYet;
    }
    match step.when.unwrap_or_default() {
        When::Always => Turn::Now,
        When::OnPassed => {
            let obstacle = before
                .into_iter()
                .find(|(step, status)| !lets_pass(step, status, spec.execution));
            obstacle.map_or(Turn::Now, |(step, status)| {
                let became = match status.phase {
                    StepPhase::Skipped => "was skipped",
                    _ => "did not pass",
                };
                Turn::Never(format!("when is OnPassed, and step {} {became}", step.name))
            })
        }
        When::OnFailed => {
            let has_failed = |(_, status): &(_, &StepStatus)| status.phase == StepPhase::Failed;
            if before.iter().any(has_failed) {
                Turn::Now
            } else {
                Turn::Never("when is OnFailed, and no step before it failed".to_owned())
            }
        }
    }
}

/// The places of the steps that must have finished before; `None` when one of them does not exist.
fn before(spec: &LocustTestSuiteSpec, index: usize) -> Option<Vec<usize>> {
    match spec.execution.unwrap_or_default() {
        Execution::Sequential => Some((0..index).collect()),
        Execution::Parallel => Some(Vec::new()),
        Execution::Graph => {
            let place = |name: &String| spec.steps.iter().position(|step| step.name == *name);
            spec.steps
                .get(index)?
                .depends_on
                .iter()
                .map(place)
                .collect()
        }
    }
}

/// Whether a step that is over lets those pass that ask for steps that passed.
fn lets_pass(step: &SuiteStep, status: &StepStatus, execution: Option<Execution>) -> bool {
    let was_not_needed = status.phase == StepPhase::Skipped
        && step.when == Some(When::OnFailed)
        && execution.unwrap_or_default() == Execution::Sequential;
    status.phase == StepPhase::Succeeded || is_optional(step) || was_not_needed
}

fn is_optional(step: &SuiteStep) -> bool {
    step.optional == Some(true)
}

/// Why nothing starts any more but `finally`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Halt<'a> {
    /// `spec.stop`: what runs is stopped.
    Stopped,
    /// This step did not pass, and its `onFailure` is Abort: what runs is stopped.
    Abort(&'a str),
    /// This step did not pass, and its `onFailure` is Stop: what runs goes on.
    Stop(&'a str),
    /// A step of `finally` has started. All others were over then, though what was deleted since looks different.
    Finally,
}

impl Halt<'_> {
    /// Whether steps that run are stopped.
    pub fn stops_what_runs(self) -> bool {
        match self {
            Self::Stopped | Self::Abort(_) => true,
            Self::Stop(_) | Self::Finally => false,
        }
    }
}

/// Why nothing starts any more but `finally`, if that is so.
pub(super) fn halt<'a>(spec: &'a LocustTestSuiteSpec, steps: &[StepStatus]) -> Option<Halt<'a>> {
    if is_stopped(spec) {
        return Some(Halt::Stopped);
    }
    let failed = |wanted: OnFailure| {
        let mut failed = spec.steps.iter().zip(steps).filter(|(step, status)| {
            status.phase == StepPhase::Failed
                && !is_optional(step)
                && step.on_failure.unwrap_or_default() == wanted
        });
        failed.next().map(|(step, _)| step.name.as_str())
    };
    let abort = failed(OnFailure::Abort).map(Halt::Abort);
    let stop = || failed(OnFailure::Stop).map(Halt::Stop);
    let has_begun = |step: &StepStatus| step.finally && step.attempt > 0;
    let finally = || steps.iter().any(has_begun).then_some(Halt::Finally);
    abort.or_else(stop).or_else(finally)
}
