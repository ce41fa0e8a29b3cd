//! The status of a test that is not claimed yet, so that its spec may still change.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use locust_api::{
    Duration, conditions, reasons,
    v2::{LocustTest, LocustTestStatus, Phase},
};

use super::{Outcome, conditions::Writer};
use crate::{
    queue::Wait,
    settings::RunSettings,
    time::{after, until},
};

/// Who keeps a test from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// `spec.suspend`.
    Spec,
    /// The operator's `--suspend-new`.
    Operator,
}

impl Hold {
    /// Who keeps a test or a suite from starting, if anyone does.
    pub fn of(is_suspended: bool, settings: &RunSettings) -> Option<Self> {
        if is_suspended {
            Some(Self::Spec)
        } else {
            settings.suspend_new.then_some(Self::Operator)
        }
    }
}

/// What follows when the template of a test cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum Unresolved {
    /// It is tried again after so long.
    Wait(Box<LocustTestStatus>, std::time::Duration),
    /// It was tried for long enough.
    GiveUp(Outcome),
}

/// How soon a template is looked for again, should nothing tell of its change.
const AGAIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The status of a test whose template cannot be used for now. `startDeadline` counts from the first try.
pub fn unresolved(
    test: &LocustTest,
    reason: &'static str,
    words: &str,
    settings: &RunSettings,
    now: Timestamp,
) -> Unresolved {
    let unresolved = Some((conditions::RESOLVED_REFS, "False"));
    let status = waiting(test, reason, words, unresolved, now);
    let within = test.spec.effective_start_deadline(settings.start_deadline);
    match look_again_for_refs(&status.conditions, within, now) {
        Some(again) => Unresolved::Wait(Box::new(status), again),
        None => {
            let words =
                format!("no run could be made from the template within startDeadline: {words}");
            Unresolved::GiveUp(Outcome::error(reason, words))
        }
    }
}

/// When to look again for what does not exist yet; `None` when that was so for as long as it may be, counted from when
/// `ResolvedRefs` became False.
pub fn look_again_for_refs(
    conditions: &[Condition],
    within: Duration,
    now: Timestamp,
) -> Option<std::time::Duration> {
    let unresolved = conditions
        .iter()
        .find(|condition| condition.type_ == conditions::RESOLVED_REFS);
    let since = unresolved.map_or(now, |condition| condition.last_transition_time.0);
    let deadline = after(since, within);
    (deadline > now).then(|| until(now, deadline).min(AGAIN))
}

/// The status of a test whose spec cannot be run.
pub fn invalid(test: &LocustTest, words: &str, now: Timestamp) -> LocustTestStatus {
    let stalled = Some((conditions::STALLED, "True"));
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
    let queued = Some((conditions::QUEUED, "True"));
    waiting(test, reason, message, queued, now)
}

/// Of the conditions that a test may have only while it waits, it has at most this one.
fn waiting(
    test: &LocustTest,
    reason: &str,
    words: &str,
    condition: Option<(&str, &str)>,
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
    for kind in [
        conditions::STALLED,
        conditions::QUEUED,
        conditions::RESOLVED_REFS,
    ] {
        match condition {
            Some((own, word)) if own == kind => {
                writer.set(kind, word, reason, words);
            }
            Some(_) | None => writer.remove(kind),
        }
    }
    writer.set(conditions::READY, "False", reason, words);
    status
}
