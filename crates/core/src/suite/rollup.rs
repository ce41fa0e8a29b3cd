//! From the verdicts of steps to that of their suite.

use locust_api::{
    reasons,
    v2::{LocustTestSuite, LocustTestSuiteStatus, Phase, StepPhase, StepStatus, Verdict},
};

use super::{
    order::{Item, is_stopped, items},
    status::{how, verdict_of},
};
use crate::lifecycle::Outcome;

/// Longest message that is stored.
const MESSAGE_LIMIT: usize = 1024;

/// How the suite went.
pub(super) struct Rollup {
    /// The outcome.
    pub outcome: Outcome,
    /// Which optional steps did not pass, in a sentence; `None` when all did.
    pub optional: Option<String>,
}

/// How a suite went whose steps are all over.
///
/// The worst verdict of the required steps counts, and those that were skipped do not. What was stopped as a whole is
/// Aborted.
pub(super) fn rollup(items: &[Item<'_>], steps: &[StepStatus], is_stopped: bool) -> Rollup {
    let ran: Vec<(&Item<'_>, &StepStatus, Verdict)> = items
        .iter()
        .zip(steps)
        .filter_map(|(item, step)| Some((item, step, verdict_of(step)?)))
        .collect();
    let passed = ran
        .iter()
        .filter(|(_, _, verdict)| *verdict == Verdict::Passed);
    let counted = format!("{} of {} steps passed", passed.count(), steps.len());
    let bad = |required: bool| {
        let is_bad = move |(item, _, verdict): &&(&Item<'_>, &StepStatus, Verdict)| {
            *verdict != Verdict::Passed && item.is_required() == required
        };
        ran.iter().filter(is_bad)
    };
    let say = |prefix: &str, (_, step, verdict): &(&Item<'_>, &StepStatus, Verdict)| {
        format!("{prefix}step {} {}", step.name, how(step, *verdict))
    };
    let optional: Vec<String> = bad(false).map(|it| say("optional ", it)).collect();
    let worst = bad(true).map(|(_, _, verdict)| *verdict).max_by_key(rank);
    let mut parts = vec![counted];
    let named = bad(true).find(|(_, _, verdict)| Some(*verdict) == worst);
    parts.extend(named.map(|it| say("", it)));
    let more = bad(true).count().saturating_sub(1);
    if more > 0 {
        parts.push(format!("{more} more did not pass"));
    }
    if more == 0 && worst.is_none() {
        parts.extend(optional.first().cloned());
    }
    let has_run = items
        .iter()
        .zip(steps)
        .any(|(item, step)| !item.finally && step.phase != StepPhase::Skipped);
    let (verdict, reason) = match worst {
        _ if is_stopped => (Verdict::Aborted, reasons::STOPPED),
        Some(Verdict::Error) => (Verdict::Error, reasons::STEP_ERROR),
        _ if !has_run => (Verdict::Error, reasons::NOTHING_RAN),
        Some(Verdict::Failed) => (Verdict::Failed, reasons::STEP_FAILED),
        Some(Verdict::Inconclusive) => (Verdict::Inconclusive, reasons::STEP_INCONCLUSIVE),
        Some(Verdict::Aborted) => (Verdict::Aborted, reasons::STEP_ABORTED),
        Some(Verdict::Passed) | None => (Verdict::Passed, reasons::PASSED),
    };
    if reason == reasons::NOTHING_RAN {
        parts.push("every step was skipped, so there is nothing to judge".to_owned());
    }
    if is_stopped {
        parts.insert(0, "spec.stop was set".to_owned());
    }
    let phase = if verdict == Verdict::Passed {
        Phase::Succeeded
    } else {
        Phase::Failed
    };
    Rollup {
        outcome: Outcome {
            phase,
            verdict,
            reason: reason.to_owned(),
            message: parts.join("; ").chars().take(MESSAGE_LIMIT).collect(),
        },
        optional: (!optional.is_empty()).then(|| optional.join("; ")),
    }
}

/// How a suite goes so far: the verdict of its steps, without `finally`.
pub fn verdict_so_far(suite: &LocustTestSuite, status: &LocustTestSuiteStatus) -> Verdict {
    let items = items(&suite.spec);
    let steps = items.iter().zip(&status.steps);
    let steps = steps.filter(|(item, _)| !item.finally);
    let (items, steps): (Vec<Item<'_>>, Vec<StepStatus>) =
        steps.map(|(item, step)| (*item, step.clone())).unzip();
    rollup(&items, &steps, is_stopped(&suite.spec))
        .outcome
        .verdict
}

/// How bad a verdict is.
fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Passed => 0,
        Verdict::Aborted => 1,
        Verdict::Inconclusive => 2,
        Verdict::Failed => 3,
        Verdict::Error => 4,
    }
}
