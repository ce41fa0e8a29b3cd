//! Which pods a run has, so that nobody has to look through all of them.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use kube::runtime::reflector::{ObjectRef, Store};
use locust_api::names::LABEL_RUN_ID;
use locust_core::view::PodView;

/// Names of pods by the id of their run.
#[derive(Default)]
pub(crate) struct PodsByRun {
    names: Mutex<HashMap<String, HashSet<String>>>,
}

impl PodsByRun {
    /// Notes a pod that came, changed or went; the store knows which.
    pub(super) fn note(&self, pod: &PodView, store: &Store<PodView>) {
        let (Some(run), Some(name)) = (pod.label(LABEL_RUN_ID), &pod.metadata.name) else {
            return;
        };
        let exists = store.get(&ObjectRef::from_obj(pod)).is_some();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if exists {
            names
                .entry(run.to_owned())
                .or_default()
                .insert(name.clone());
        } else if let Some(of_run) = names.get_mut(run) {
            of_run.remove(name);
            if of_run.is_empty() {
                names.remove(run);
            }
        }
    }

    /// The pods of a run in its namespace.
    pub(super) fn get(
        &self,
        run: &str,
        namespace: &str,
        store: &Store<PodView>,
    ) -> Vec<Arc<PodView>> {
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let of_run = names.get(run).into_iter().flatten();
        of_run
            .filter_map(|name| store.get(&ObjectRef::new(name).within(namespace)))
            .filter(|pod| pod.label(LABEL_RUN_ID) == Some(run))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::{reflector, watcher::Event};
    use serde_json::json;

    fn pod(name: &str, run: &str) -> PodView {
        serde_json::from_value(
            json!({"metadata": {"name": name, "namespace": "ns", "labels": {LABEL_RUN_ID: run}}}),
        )
        .unwrap()
    }

    #[test]
    fn a_run_has_its_pods_as_long_as_they_are_there() {
        let (store, mut writer) = reflector::store();
        let pods = PodsByRun::default();
        let mut see = |event: Event<PodView>| {
            writer.apply_watcher_event(&event);
            if let Event::Apply(pod) | Event::Delete(pod) = &event {
                pods.note(pod, &store);
            }
        };
        see(Event::Apply(pod("a", "one")));
        see(Event::Apply(pod("b", "one")));
        see(Event::Apply(pod("b", "one")));
        see(Event::Apply(pod("c", "two")));
        see(Event::Delete(pod("a", "one")));
        see(Event::Delete(pod("c", "two")));
        let names = |run: &str, namespace: &str| -> Vec<String> {
            let found = pods.get(run, namespace, &store);
            found
                .iter()
                .filter_map(|pod| pod.metadata.name.clone())
                .collect()
        };
        assert_eq!(names("one", "ns"), ["b"]);
        assert!(names("one", "other").is_empty());
        assert!(names("two", "ns").is_empty());
        assert_eq!(pods.names.lock().unwrap().len(), 1);
    }
}
