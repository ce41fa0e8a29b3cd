//! What becomes of an attempt of a step.

use jiff::Timestamp;
use locust_api::{
    Duration, reasons,
    v2::{StepPhase, StepStatus, SuiteStep, Verdict},
};

use super::{
    seen::{Child, ChildEnd, ChildState},
    status::end,
};
use crate::{retries::limit_after, time::after};

/// Whether an attempt that did not pass may be followed by another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// If `retries` says so.
    MayBe,
    /// In no case.
    Never,
}

/// Takes over how the child of a step that runs is; `child` is the one noted in the status, if it was seen.
///
/// `is_stopped` says that the suite was stopping what runs already.
pub(super) fn hear(
    step: &SuiteStep,
    status: &mut StepStatus,
    child: Option<&Child>,
    is_stopped: bool,
    now: Timestamp,
) {
    let deadline = deadline(step, status);
    match child.map(|child| &child.state) {
        None | Some(ChildState::Active) => {
            if deadline.is_some_and(|(at, _)| at <= now) && !is_overdue(status) {
                status.reason = Some(reasons::STEP_TIMEOUT.to_owned());
                status.message = Some("past its timeout, and being stopped".to_owned());
            }
        }
        Some(ChildState::Ended(child)) => {
            let is_late = deadline
                .zip(child.at)
                .is_some_and(|((deadline, _), at)| at >= deadline);
            match (is_overdue(status) || is_late, deadline) {
                (true, Some((_, timeout))) => conclude_late(step, status, timeout, child, now),
                _ => {
                    let child = if is_stopped {
                        as_stopped(child.clone())
                    } else {
                        child.clone()
                    };
                    conclude(step, status, child, Again::MayBe, now);
                }
            }
        }
        Some(ChildState::Gone) => {
            let lost = |verdict, reason: &str, message: &str| ChildEnd {
                verdict,
                reason: reason.to_owned(),
                message: message.to_owned(),
                outputs: std::collections::BTreeMap::new(),
                comparison: None,
                at: None,
            };
            match deadline.filter(|_| is_overdue(status)) {
                Some((_, timeout)) => {
                    let child = lost(Verdict::Aborted, reasons::STOPPED, "deleted");
                    conclude_late(step, status, timeout, &child, now);
                }
                None if is_stopped => {
                    let child = lost(Verdict::Aborted, reasons::STOPPED, "stopped, and deleted");
                    conclude(step, status, child, Again::Never, now);
                }
                None => {
                    let words = "somebody deleted it before it had ended; it is not made again";
                    let child = lost(Verdict::Error, reasons::CHILD_DELETED, words);
                    conclude(step, status, child, Again::Never, now);
                }
            }
        }
    }
}

/// Whether the attempt is being stopped for its timeout.
pub(super) fn is_overdue(status: &StepStatus) -> bool {
    status.phase == StepPhase::Running && status.reason.as_deref() == Some(reasons::STEP_TIMEOUT)
}

/// When the attempt that runs has taken too long, and the timeout itself.
pub(super) fn deadline(step: &SuiteStep, status: &StepStatus) -> Option<(Timestamp, Duration)> {
    let timeout = step.timeout?;
    Some((after(status.start_time.as_ref()?.0, timeout), timeout))
}

/// What the end of a child looks like that is ended from outside.
fn as_stopped(child: ChildEnd) -> ChildEnd {
    match child.verdict {
        Verdict::Inconclusive | Verdict::Error => ChildEnd {
            verdict: Verdict::Aborted,
            reason: reasons::STOPPED.to_owned(),
            message: format!("stopped: {}", child.message),
            ..child
        },
        Verdict::Passed | Verdict::Failed | Verdict::Aborted => child,
    }
}

fn conclude_late(
    step: &SuiteStep,
    status: &mut StepStatus,
    timeout: Duration,
    child: &ChildEnd,
    now: Timestamp,
) {
    let child = ChildEnd {
        verdict: Verdict::Inconclusive,
        reason: reasons::STEP_TIMEOUT.to_owned(),
        message: format!(
            "took longer than its timeout of {timeout} and was stopped; it said {}: {}",
            child.verdict.as_str(),
            child.message
        ),
        ..child.clone()
    };
    conclude(step, status, child, Again::MayBe, now);
}

/// Ends the attempt, and the step if there is no other.
fn conclude(
    step: &SuiteStep,
    status: &mut StepStatus,
    child: ChildEnd,
    again: Again,
    now: Timestamp,
) {
    let ChildEnd {
        verdict,
        reason,
        message,
        outputs,
        comparison,
        at: _,
    } = child;
    status.verdict = Some(verdict);
    status.reason = Some(reason);
    let limit = limit_after(step.retries.as_ref(), verdict);
    if again == Again::MayBe && status.attempt <= limit {
        let attempts = limit.saturating_add(1);
        status.message = Some(format!(
            "attempt {} of {attempts}: {message}",
            status.attempt
        ));
        status.phase = StepPhase::Waiting;
        status.ready_time = None;
        return;
    }
    status.message = Some(message);
    status.outputs = outputs;
    status.comparison = comparison;
    let phase = if verdict == Verdict::Passed {
        StepPhase::Succeeded
    } else {
        StepPhase::Failed
    };
    end(status, phase, now);
}
