//! Growing pauses between failed reconciles of the same test.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::runtime::reflector::ObjectRef;

use crate::hub::CachedTest;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Failures in a row, per test.
#[derive(Default)]
pub(super) struct Backoff {
    failures: Mutex<HashMap<ObjectRef<CachedTest>, u32>>,
}

impl Backoff {
    /// Notes a failure; returns how long to wait.
    pub fn failed(&self, test: &ObjectRef<CachedTest>) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(test.clone()).or_default();
        *count += 1;
        pause(*count)
    }

    /// Notes a success.
    pub fn succeeded(&self, test: &ObjectRef<CachedTest>) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(test);
    }
}

/// 1, 2, 4 … 60 seconds.
pub(super) fn pause(failures: u32) -> Duration {
    FIRST
        .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)))
        .min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses: Vec<u64> = [1, 2, 3, 6, 7, 1000]
            .map(|count| pause(count).as_secs())
            .to_vec();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60]);
    }

    #[test]
    fn a_success_starts_over() {
        let backoff = Backoff::default();
        let test = ObjectRef::new("a").within("ns");
        assert_eq!(backoff.failed(&test), Duration::from_secs(1));
        assert_eq!(backoff.failed(&test), Duration::from_secs(2));
        backoff.succeeded(&test);
        assert_eq!(backoff.failed(&test), Duration::from_secs(1));
    }
}
