//! The status of a test that is not claimed yet, so that its spec may still change.

use jiff::Timestamp;
use locust_api::{
    conditions, reasons,
    v2::{LocustTest, LocustTestSpec, LocustTestStatus, Phase},
};

use super::conditions::Writer;
use crate::{queue::Wait, settings::RunSettings};

/// Who keeps a test from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `spec.suspend`.
    Spec,
    /// The operator's `--suspend-new`.
    Operator,
}

impl Hold {
    /// Who keeps this test from starting, if anyone does.
    pub fn of(spec: &LocustTestSpec, settings: &RunSettings) -> Option<Self> {
        if spec.is_suspended() {
            Some(Self::Spec)
        } else {
            settings.suspend_new.then_some(Self::Operator)
        }
    }
}

/// The status of a test whose spec cannot be run.
pub fn invalid(test: &LocustTest, words: &str, now: Timestamp) -> LocustTestStatus {
    let stalled = Some(conditions::STALLED);
    waiting(test, reasons::INVALID_SPEC, words, stalled, now)
}

/// The status of a test that somebody keeps from starting.
pub fn held(test: &LocustTest, hold: Hold, now: Timestamp) -> LocustTestStatus {
    let (reason, words) = match hold {
        Hold::Spec => (
            reasons::SUSPENDED,
            "spec.suspend is set, and nothing is made until it is not",
        ),
        Hold::Operator => (
            reasons::HELD,
            "the operator runs with --suspend-new and starts no test; to keep this one from starting afterwards, set spec.suspend or delete it",
        ),
    };
    waiting(test, reason, words, None, now)
}

/// The status of a test that waits for others.
pub fn queued(test: &LocustTest, wait: &Wait, now: Timestamp) -> LocustTestStatus {
    let Wait { reason, message } = wait;
    waiting(test, reason, message, Some(conditions::QUEUED), now)
}

/// Of the conditions that a test may have only while it waits, it has at most this one.
fn waiting(
    test: &LocustTest,
    reason: &str,
    words: &str,
    condition: Option<&str>,
    now: Timestamp,
) -> LocustTestStatus {
    let mut status = test.status.clone().unwrap_or_default();
    status.phase = Some(Phase::Pending);
    status.reason = Some(reason.to_owned());
    status.message = Some(words.to_owned());
    status.observed_generation = test.metadata.generation;
    let mut writer = Writer {
        status: &mut status,
        test,
        now,
    };
    for kind in [conditions::STALLED, conditions::QUEUED] {
        if Some(kind) == condition {
            writer.set(kind, "True", reason, words);
        } else {
            writer.remove(kind);
        }
    }
    writer.set(conditions::READY, "False", reason, words);
    status
}
