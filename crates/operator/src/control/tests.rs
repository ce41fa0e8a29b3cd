use std::{collections::HashMap, sync::Mutex};

use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::runtime::{reflector, watcher::Event};

use super::*;

/// How long each look takes.
const LOOK: Duration = Duration::from_millis(10);

struct Looks {
    seen: Mutex<HashMap<String, usize>>,
    metrics: Metrics,
    backoff: Backoff<ConfigMap>,
    /// Asks for the object again as soon as it is looked at.
    asker: Asker<ConfigMap>,
}

impl Reconciler for Looks {
    type Object = ConfigMap;
    const KIND: &'static str = "ConfigMap";

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn backoff(&self) -> &Backoff<ConfigMap> {
        &self.backoff
    }

    async fn reconcile(&self, object: &ConfigMap) -> Result<Action, ReconcileError> {
        let name = object.metadata.name.clone().unwrap();
        *self.seen.lock().unwrap().entry(name).or_default() += 1;
        self.asker.ask([ObjectRef::from_obj(object)]);
        tokio::time::sleep(LOOK).await;
        Ok(Action::await_change())
    }
}

fn object(name: usize) -> ConfigMap {
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_string()),
            namespace: Some("team".to_owned()),
            ..ObjectMeta::default()
        },
        ..ConfigMap::default()
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_while_others_are_always_due() {
    let objects = 4 * CONCURRENCY;
    let (store, mut writer) = reflector::store();
    writer.apply_watcher_event(&Event::Init);
    for number in 0..objects {
        writer.apply_watcher_event(&Event::InitApply(object(number)));
    }
    writer.apply_watcher_event(&Event::InitDone);
    let Requests { asker, stream } = Requests::default();
    asker.ask((0..objects).map(|number| ObjectRef::from_obj(&object(number))));
    let reconciler = Arc::new(Looks {
        seen: Mutex::default(),
        metrics: Metrics::default(),
        backoff: Backoff::default(),
        asker,
    });
    let rounds = 50;
    let time = LOOK * 4 * rounds;
    let stop = tokio::time::sleep(time);
    run(reconciler.clone(), store, stream.take_until(stop)).await;
    let seen = reconciler.seen.lock().unwrap();
    let (least, most) = (seen.values().min().unwrap(), seen.values().max().unwrap());
    assert_eq!(seen.len(), objects);
    assert!(
        most - least <= 2,
        "some are looked at {most} times, others {least} times"
    );
}
