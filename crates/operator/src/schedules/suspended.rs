//! How many schedules are suspended.

use std::{collections::HashSet, sync::Arc};

use kube::runtime::reflector::ObjectRef;
use locust_api::{conditions, v2::LocustSchedule};

use crate::{
    hub::{CachedSchedule, Feed},
    metrics::Metrics,
};

/// Keeps the metric at the number of suspended schedules in the cache.
pub(super) fn count(schedules: &Feed<CachedSchedule>, metrics: &Arc<Metrics>) {
    let (store, metrics) = (schedules.store().clone(), metrics.clone());
    let mut suspended = HashSet::new();
    schedules.subscribe(move |changed| {
        let key = ObjectRef::from_obj(changed);
        // One that was deleted is heard of with what it said last.
        let cached = store.get(&key);
        let cached = cached.as_ref().and_then(|cached| cached.0.as_ref().ok());
        if cached.is_some_and(is_suspended) {
            suspended.insert(key);
        } else {
            suspended.remove(&key);
        }
        metrics.schedules_suspended(suspended.len());
    });
}

fn is_suspended(schedule: &LocustSchedule) -> bool {
    let conditions = schedule.status.iter().flat_map(|status| &status.conditions);
    let mut suspended = conditions.filter(|condition| condition.type_ == conditions::SUSPENDED);
    suspended.any(|condition| condition.status == "True")
}
