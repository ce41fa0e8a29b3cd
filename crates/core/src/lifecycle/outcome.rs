//! What became of a run: phase, verdict, reason and message.

use locust_api::{
    reasons,
    v2::{Phase, Verdict},
};

use crate::{pods::PodProblem, report::Report, view::TerminatedView};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// A terminal phase.
    pub phase: Phase,
    /// What the run means.
    pub verdict: Verdict,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
}

impl Outcome {
    pub(super) fn new(
        phase: Phase,
        verdict: Verdict,
        reason: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            phase,
            verdict,
            reason: reason.to_owned(),
            message: message.into(),
        }
    }

    /// The run never made load.
    pub fn error(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Error, reason, message)
    }

    pub(super) fn inconclusive(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Inconclusive, reason, message)
    }

    pub(super) fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Failed, reason, message)
    }

    /// Somebody stopped the run.
    pub fn aborted(message: impl Into<String>) -> Self {
        Self::new(Phase::Failed, Verdict::Aborted, reasons::STOPPED, message)
    }

    pub(super) fn passed(message: impl Into<String>) -> Self {
        Self::new(Phase::Succeeded, Verdict::Passed, reasons::PASSED, message)
    }
}

/// What the pods and Locust itself tell of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence<'a> {
    /// How the master's container ended.
    pub ended: Option<&'a TerminatedView>,
    /// The latest report.
    pub report: Option<&'a Report>,
    /// What keeps pods from running.
    pub problem: Option<&'a PodProblem>,
    /// Who in the cluster ended the master's pod, and why.
    pub disruption: Option<&'a str>,
}
