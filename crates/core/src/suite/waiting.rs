//! The status of a suite that is not claimed, so that its spec may still change.

use jiff::Timestamp;
use locust_api::{
    conditions, reasons,
    v2::{LocustTestSuite, LocustTestSuiteStatus, Phase},
};

use super::status::{Writer, finish};
use crate::{
    lifecycle::{Hold, Outcome},
    queue::Wait,
};

/// The status of a suite whose spec cannot be run.
pub fn invalid(suite: &LocustTestSuite, words: &str, now: Timestamp) -> LocustTestSuiteStatus {
    let stalled = Some(conditions::STALLED);
    waiting(suite, reasons::INVALID_SPEC, words, stalled, now)
}

/// The status of a suite that somebody keeps from starting.
pub fn held(suite: &LocustTestSuite, hold: Hold, now: Timestamp) -> LocustTestSuiteStatus {
    let (reason, words) = match hold {
        Hold::Spec => (
            reasons::SUSPENDED,
            "spec.suspend is set, and no step starts until it is not",
        ),
        Hold::Operator => (
            reasons::HELD,
            "the operator runs with --suspend-new and starts no suite; to keep this one from starting afterwards, set spec.suspend or delete it",
        ),
    };
    let suspended = (hold == Hold::Spec).then_some(conditions::SUSPENDED);
    waiting(suite, reason, words, suspended, now)
}

/// The status of a suite that waits for others.
pub fn queued(suite: &LocustTestSuite, wait: &Wait, now: Timestamp) -> LocustTestSuiteStatus {
    let Wait { reason, message } = wait;
    waiting(suite, reason, message, Some(conditions::QUEUED), now)
}

/// The status of a suite that names what does not exist yet, or may not be used: `reason` in a word, `words` in a
/// sentence.
pub fn refs_unresolved(
    suite: &LocustTestSuite,
    reason: &str,
    words: &str,
    now: Timestamp,
) -> LocustTestSuiteStatus {
    let mut status = waiting(suite, reason, words, None, now);
    let mut writer = Writer::new(&mut status, suite, now);
    writer.set(conditions::RESOLVED_REFS, "False", reason, words);
    status
}

/// The status of a suite that ends without having been claimed: it was stopped before, or could not start in time. No
/// step ran, so `finally` does not either.
pub fn ended_unclaimed(
    suite: &LocustTestSuite,
    outcome: Outcome,
    now: Timestamp,
) -> LocustTestSuiteStatus {
    let mut status = suite.status.clone().unwrap_or_default();
    status.observed_generation = suite.metadata.generation;
    finish(&mut status, suite, outcome, now);
    status
}

/// Of the conditions that a suite may have only while it waits, it has at most this one.
fn waiting(
    suite: &LocustTestSuite,
    reason: &str,
    words: &str,
    condition: Option<&str>,
    now: Timestamp,
) -> LocustTestSuiteStatus {
    let mut status = suite.status.clone().unwrap_or_default();
    status.phase = Some(Phase::Pending);
    status.reason = Some(reason.to_owned());
    status.message = Some(words.to_owned());
    status.observed_generation = suite.metadata.generation;
    let mut writer = Writer::new(&mut status, suite, now);
    for kind in [
        conditions::STALLED,
        conditions::QUEUED,
        conditions::SUSPENDED,
    ] {
        if Some(kind) == condition {
            writer.set(kind, "True", reason, words);
        } else {
            writer.remove(kind);
        }
    }
    status
}
