//! Points in time.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The latest instant that Kubernetes' `Time` can carry of `millis` since 1970, to whole seconds.
///
/// `None` for what no clock shows.
pub fn from_unix_millis(millis: i64) -> Option<Time> {
    Timestamp::from_second(millis.div_euclid(1000))
        .ok()
        .map(Time)
}

/// `instant` + `length`; saturates at the end of time.
pub fn after(instant: Timestamp, length: locust_api::Duration) -> Timestamp {
    let length = SignedDuration::try_from(length.get()).unwrap_or(SignedDuration::MAX);
    instant.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// How long until `instant`, never negative.
pub fn until(now: Timestamp, instant: Timestamp) -> std::time::Duration {
    std::time::Duration::try_from(instant.duration_since(now)).unwrap_or_default()
}

/// Without fractions of a second, as Kubernetes stores times.
pub fn whole_seconds(instant: Timestamp) -> Time {
    Time(Timestamp::from_second(instant.as_second()).unwrap_or(instant))
}
