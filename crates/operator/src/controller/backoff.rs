//! Growing pauses between failed reconciles of the same test.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::runtime::reflector::ObjectRef;

use crate::{hub::CachedTest, pause::pause};

/// A test that waits longer would be late when the API server is back.
const LONGEST: Duration = Duration::from_secs(15);

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
        pause(*count, LONGEST)
    }

    /// Notes a success.
    pub fn succeeded(&self, test: &ObjectRef<CachedTest>) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(test);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
