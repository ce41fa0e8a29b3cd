//! What a Lease says.

use std::time::Duration;

use jiff::{Timestamp, Unit};
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};

/// What a Lease says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who holds it; nobody when it was given back.
    pub holder: Option<String>,
    /// How long the others shall wait for its next change.
    pub held_for: Option<Duration>,
    /// When this holder took it, by the holder's clock.
    pub acquired: Option<Timestamp>,
    /// When it was written last, by the holder's clock.
    pub renewed: Option<Timestamp>,
    /// How often the holder changed.
    pub transitions: i32,
}

impl Record {
    /// How long the others shall wait; `otherwise` when it does not say.
    pub(super) fn held_for(&self, otherwise: Duration) -> Duration {
        self.held_for.unwrap_or(otherwise)
    }

    /// Taken by `holder` after `before`.
    pub(super) fn taken(
        holder: &str,
        held_for: Duration,
        wall: Timestamp,
        before: Option<&Self>,
    ) -> Self {
        let wall = as_stored(wall);
        Self {
            holder: Some(holder.to_owned()),
            held_for: Some(held_for),
            acquired: Some(wall),
            renewed: Some(wall),
            transitions: before.map_or(0, |before| before.transitions.saturating_add(1)),
        }
    }

    /// The same, later.
    pub(super) fn renewed(&self, wall: Timestamp) -> Self {
        Self {
            renewed: Some(as_stored(wall)),
            ..self.clone()
        }
    }

    /// Given back. The short time is for candidates that do not look at the holder.
    pub(super) fn released(&self, wall: Timestamp) -> Self {
        Self {
            holder: None,
            held_for: Some(Duration::from_secs(1)),
            ..self.renewed(wall)
        }
    }
}

/// Kubernetes stores microseconds.
fn as_stored(wall: Timestamp) -> Timestamp {
    wall.round(Unit::Microsecond).unwrap_or(wall)
}

impl From<&LeaseSpec> for Record {
    fn from(spec: &LeaseSpec) -> Self {
        let LeaseSpec {
            acquire_time,
            holder_identity,
            lease_duration_seconds,
            lease_transitions,
            preferred_holder: _,
            renew_time,
            strategy: _,
        } = spec;
        let seconds = lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            // Older releases of client-go give a Lease back with an empty name.
            holder: holder_identity.clone().filter(|name| !name.is_empty()),
            held_for: seconds.map(Duration::from_secs),
            acquired: acquire_time.as_ref().map(|time| time.0),
            renewed: renew_time.as_ref().map(|time| time.0),
            transitions: lease_transitions.unwrap_or_default(),
        }
    }
}

impl From<&Record> for LeaseSpec {
    fn from(record: &Record) -> Self {
        let Record {
            holder,
            held_for,
            acquired,
            renewed,
            transitions,
        } = record;
        Self {
            acquire_time: acquired.map(MicroTime),
            holder_identity: holder.clone(),
            lease_duration_seconds: held_for
                .and_then(|length| i32::try_from(length.as_secs()).ok()),
            lease_transitions: Some(*transitions),
            preferred_holder: None,
            renew_time: renewed.map(MicroTime),
            strategy: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn record(spec: Value) -> Record {
        Record::from(&serde_json::from_value::<LeaseSpec>(spec).unwrap())
    }

    #[test]
    fn a_record_is_the_same_after_it_was_stored() {
        let wall: Timestamp = "2026-01-02T03:04:05.123456789Z".parse().unwrap();
        let taken = Record::taken("me", Duration::from_secs(15), wall, None);
        let released = taken.renewed(wall).released(wall);
        for written in [taken, released] {
            let stored = serde_json::to_value(LeaseSpec::from(&written)).unwrap();
            assert_eq!(record(stored), written);
        }
    }

    #[test]
    fn what_client_go_writes_is_understood() {
        let held = record(
            json!({"holderIdentity": "locust-operator-7d9f_0b5c", "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-02T03:04:05.000000Z", "renewTime": "2026-01-02T03:04:07.123456Z",
            "leaseTransitions": 3}),
        );
        assert_eq!(held.holder.as_deref(), Some("locust-operator-7d9f_0b5c"));
        assert_eq!(held.held_for, Some(Duration::from_secs(15)));
        assert_eq!(held.transitions, 3);
        for released in [
            json!({"holderIdentity": "", "leaseDurationSeconds": 1}),
            json!({"leaseDurationSeconds": 1}),
            json!({}),
        ] {
            assert_eq!(record(released).holder, None);
        }
    }

    #[test]
    fn nonsense_lengths_count_as_none() {
        let negative = record(json!({"holderIdentity": "a", "leaseDurationSeconds": -1}));
        assert_eq!(negative.held_for(Duration::from_secs(15)).as_secs(), 15);
    }
}
