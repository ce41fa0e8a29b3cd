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
    let stalled = Some((conditions::STALLED, "True"));
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
    let suspended = (hold == Hold::Spec).then_some((conditions::SUSPENDED, "True"));
    waiting(suite, reason, words, suspended, now)
}

/// The status of a suite that waits for others.
pub fn queued(suite: &LocustTestSuite, wait: &Wait, now: Timestamp) -> LocustTestSuiteStatus {
    let Wait { reason, message } = wait;
    let queued = Some((conditions::QUEUED, "True"));
    waiting(suite, reason, message, queued, now)
}

/// The status of a suite that names what does not exist yet, or may not be used: `reason` in a word, `words` in a
/// sentence.
pub fn refs_unresolved(
    suite: &LocustTestSuite,
    reason: &str,
    words: &str,
    now: Timestamp,
) -> LocustTestSuiteStatus {
    let unresolved = Some((conditions::RESOLVED_REFS, "False"));
    waiting(suite, reason, words, unresolved, now)
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

/// Of the conditions that a suite may have only while it waits, it has at most this one. So the time for which a template
/// is waited for, which is counted from one of them, begins again after any other wait.
fn waiting(
    suite: &LocustTestSuite,
    reason: &str,
    words: &str,
    condition: Option<(&str, &str)>,
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
        conditions::RESOLVED_REFS,
    ] {
        match condition {
            Some((own, word)) if own == kind => writer.set(kind, word, reason, words),
            Some(_) | None => writer.remove(kind),
        }
    }
    status
}
