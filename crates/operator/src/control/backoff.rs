//! Growing pauses between failed reconciles of the same object.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use kube::{Resource, runtime::reflector::ObjectRef};

use crate::pause::pause;

/// An object that waits longer would be late when the API server is back.
const LONGEST: Duration = Duration::from_secs(15);

/// Failures in a row, per object.
pub(crate) struct Backoff<K: Resource> {
    failures: Mutex<HashMap<ObjectRef<K>, u32>>,
}

impl<K: Resource> Default for Backoff<K> {
    fn default() -> Self {
        Self {
            failures: Mutex::default(),
        }
    }
}

impl<K: Resource<DynamicType = ()> + 'static> Backoff<K> {
    /// Notes a failure; returns how long to wait.
    pub fn failed(&self, object: &ObjectRef<K>) -> Duration {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(object.clone()).or_default();
        *count += 1;
        pause(*count, LONGEST)
    }

    /// Notes a success.
    pub fn succeeded(&self, object: &ObjectRef<K>) {
        self.failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::ConfigMap;

    #[test]
    fn a_success_starts_over() {
        let backoff = Backoff::<ConfigMap>::default();
        let test = ObjectRef::new("a").within("ns");
        assert_eq!(backoff.failed(&test), Duration::from_secs(1));
        assert_eq!(backoff.failed(&test), Duration::from_secs(2));
        backoff.succeeded(&test);
        assert_eq!(backoff.failed(&test), Duration::from_secs(1));
    }
}
