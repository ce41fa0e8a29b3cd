//! A run that somebody ends: `spec.stop`.
//!
//! Load ends as by Locust's own Stop, so that its numbers are kept. Only a master that cannot be asked is ended through
//! its pod, which gets a deadline: the pod stays, and with it the last words. Deleting it could take them along.

use locust_api::{
    Duration, conditions, reasons,
    v2::{LocustTest, LocustTestStatus, Verdict},
};

use super::{Live, Observed, Outcome, conditions::Writer, listener_of, master_pod};
use crate::time::until;

/// How long a master may be silent before it is ended through its pod: it may only be busy.
const REACHED_WITHIN: Duration = Duration::from_secs(10);
/// How long a load may take to end after it was told to, on top of the stop timeout, before its pod is ended; and as long
/// again before the run is given up.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// What ends a load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StopLoad {
    /// Asking the plugin at this address; it may be asked again and again.
    Ask {
        /// The master's address.
        address: String,
    },
    /// A deadline for the master's pod.
    EndPod {
        /// The pod's name.
        name: String,
        /// The pod's UID.
        uid: String,
    },
}

/// Notes that the run is being ended; says whether this is news.
pub(super) fn note(status: &mut LocustTestStatus, test: &LocustTest, seen: &Observed<'_>) -> bool {
    test.spec.is_stopped()
        && Writer {
            status,
            test,
            now: seen.now,
        }
        .set(
            conditions::STOPPING,
            "True",
            reasons::STOP_REQUESTED,
            "spec.stop is set, and the run is being ended",
        )
}

/// The outcome of a run that is being ended, given the one it has by itself.
pub(super) fn outcome(
    test: &LocustTest,
    status: &LocustTestStatus,
    seen: &Observed<'_>,
    by_itself: Option<Outcome>,
) -> Option<Outcome> {
    if !test.spec.is_stopped() {
        return by_itself;
    }
    match by_itself {
        // What the end of a run looks like when it is ended from outside.
        Some(outcome) if matches!(outcome.verdict, Verdict::Inconclusive | Verdict::Error) => {
            Some(Outcome::aborted(format!("stopped: {}", outcome.message)))
        }
        Some(outcome) => Some(outcome),
        None if may_load(status, seen) => given_up(test, status, seen),
        None => Some(Outcome::aborted("stopped before any load")),
    }
}

/// Whether load may be running. A master that does not answer may have begun since it was last heard, or run without
/// the plugin.
fn may_load(status: &LocustTestStatus, seen: &Observed<'_>) -> bool {
    let is_silent = match seen.live {
        Live::Closed | Live::Unreachable => true,
        Live::NotAsked | Live::Report(_) => false,
    };
    status.start_time.is_some() || is_silent
}

fn given_up(test: &LocustTest, status: &LocustTestStatus, seen: &Observed<'_>) -> Option<Outcome> {
    let limit = Duration::from(patience(test) + ENDS_WITHIN.get());
    (waited(status, seen) >= limit.get()).then(|| {
        Outcome::aborted(format!(
            "stopped, and neither the master nor its pod ended within {limit}: its Job is ended; status.progress has the numbers last seen"
        ))
    })
}

/// What ends the load of a run that has no outcome yet.
pub(super) fn load(
    test: &LocustTest,
    status: &LocustTestStatus,
    seen: &Observed<'_>,
) -> Option<StopLoad> {
    if !test.spec.is_stopped() {
        return None;
    }
    let pod = master_pod(seen.pods)?;
    let address = listener_of(seen.pods)?;
    let waited = waited(status, seen);
    let can_be_asked = match seen.live {
        Live::NotAsked => return None,
        Live::Report(_) => waited < patience(test),
        Live::Closed | Live::Unreachable => waited < REACHED_WITHIN.get(),
    };
    if can_be_asked {
        return Some(StopLoad::Ask {
            address: address.to_owned(),
        });
    }
    pod.spec.active_deadline_seconds.is_none().then_some(())?;
    Some(StopLoad::EndPod {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.clone()?,
    })
}

/// How long a load may take to end after it was told to.
fn patience(test: &LocustTest) -> std::time::Duration {
    let run = test.spec.run.as_ref();
    let stop_timeout = run.and_then(|run| run.stop_timeout);
    stop_timeout.map_or(std::time::Duration::ZERO, Duration::get) + ENDS_WITHIN.get()
}

/// For how long the run has been being ended.
fn waited(status: &LocustTestStatus, seen: &Observed<'_>) -> std::time::Duration {
    let since = status
        .conditions
        .iter()
        .find(|it| it.type_ == conditions::STOPPING)
        .map(|it| it.last_transition_time.0);
    since.map_or(std::time::Duration::ZERO, |since| until(since, seen.now))
}
