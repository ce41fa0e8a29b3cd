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
    let mut status = waiting(test, reasons::INVALID_SPEC, words, now);
    writer(&mut status, test, now).set(conditions::STALLED, "True", reasons::INVALID_SPEC, words);
    status
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
    waiting(test, reason, words, now)
}

/// The status of a test that waits for others.
pub fn queued(test: &LocustTest, wait: &Wait, now: Timestamp) -> LocustTestStatus {
    let Wait { reason, message } = wait;
    let mut status = waiting(test, reason, message, now);
    writer(&mut status, test, now).set(conditions::QUEUED, "True", reason, message);
    status
}

/// What it says is not true of it any more is left out.
fn waiting(test: &LocustTest, reason: &str, words: &str, now: Timestamp) -> LocustTestStatus {
    let mut status = test.status.clone().unwrap_or_default();
    status.phase = Some(Phase::Pending);
    status.reason = Some(reason.to_owned());
    status.message = Some(words.to_owned());
    status.observed_generation = test.metadata.generation;
    let mut writer = writer(&mut status, test, now);
    // Only one of them is true of a test that waits; setting it again would lose since when.
    let keeps = match reason {
        reasons::INVALID_SPEC => Some(conditions::STALLED),
        reasons::GROUP_BUSY | reasons::NAMESPACE_BUSY => Some(conditions::QUEUED),
        _ => None,
    };
    for kind in [conditions::STALLED, conditions::QUEUED] {
        if Some(kind) != keeps {
            writer.remove(kind);
        }
    }
    writer.set(conditions::READY, "False", reason, words);
    status
}

fn writer<'a>(
    status: &'a mut LocustTestStatus,
    test: &'a LocustTest,
    now: Timestamp,
) -> Writer<'a> {
    Writer { status, test, now }
}
