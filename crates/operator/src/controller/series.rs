//! Holding a run that has ended against its series, and keeping the series.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::ConfigMap,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource,
    api::{Patch, PatchParams, PostParams},
};
use locust_api::{
    names,
    v2::{Comparison, LocustSchedule, LocustTest},
};
use locust_core::{
    baseline::{self, Compared, Ended, Stored},
    lifecycle::Decision,
};
use serde_json::{Value, json};

use super::{
    Context,
    status::{name, namespace},
};
use crate::{
    control::{ReconcileError, Trying},
    hub,
};

/// Runs of other tests may enter the same series at the same time.
const TRIES: usize = 5;

/// What was decided, with the comparison if the run has just ended and asks for one. The series is kept before the verdict
/// is: whoever does this again finds the run in it.
pub(super) async fn compare(
    test: &LocustTest,
    decision: Decision,
    context: &Context,
) -> Result<Decision, ReconcileError> {
    let Some(asked) = &test.spec.baseline else {
        return Ok(decision);
    };
    if !baseline::is_due(test, &decision.status) {
        return Ok(decision);
    }
    let schedule = schedule_of(test, context);
    let of_schedule = schedule.as_ref().map(|owner| owner.name.as_str());
    let ended = Ended {
        test,
        status: &decision.status,
        baseline: asked,
        series: asked.series.as_deref().or(of_schedule),
    };
    // A series that is named is nobody's alone.
    let owner = schedule.as_ref().filter(|_| asked.series.is_none());
    let comparison = enter(&ended, owner, context).await?;
    context.metrics.compared(comparison.state.as_str());
    Ok(decision.compared(test, comparison, (context.now)()))
}

async fn enter(
    ended: &Ended<'_>,
    owner: Option<&OwnerReference>,
    context: &Context,
) -> Result<Comparison, ReconcileError> {
    let Some(series) = ended.series else {
        return Ok(baseline::compare(ended, Stored::Missing).comparison);
    };
    let name = baseline::config_map_name(series);
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), namespace(ended.test));
    let mut tries = 0;
    loop {
        tries += 1;
        let found = match api.get_opt(&name).await {
            Ok(found) => found,
            Err(error) => return refused(ended, error, "read the series of a test"),
        };
        let stored = match &found {
            None => Stored::Missing,
            Some(map) if !is_series(map, series) => Stored::Foreign,
            Some(ConfigMap {
                data: Some(data), ..
            }) => Stored::Found(data),
            Some(ConfigMap { data: None, .. }) => Stored::Missing,
        };
        let Compared { comparison, data } = baseline::compare(ended, stored);
        let Some(data) = data else {
            return Ok(comparison);
        };
        let written = match &found {
            None => {
                let map = made(ended.test, &name, series, owner, data);
                api.create(&PostParams::default(), &map).await
            }
            Some(map) => {
                let patch = Patch::Merge(changes(map, &data));
                api.patch(&name, &PatchParams::default(), &patch).await
            }
        };
        match written {
            Ok(_) => return Ok(comparison),
            // Somebody else was first: the run enters what is there now.
            Err(kube::Error::Api(status)) if status.code == 409 && tries < TRIES => {}
            Err(error) => return refused(ended, error, "write the series of a test"),
        }
    }
}

/// A verdict does not wait for a series that the API server will not give or take; for a server that is away it does.
fn refused(
    ended: &Ended<'_>,
    error: kube::Error,
    trying: &'static str,
) -> Result<Comparison, ReconcileError> {
    match error {
        kube::Error::Api(status)
            if (400..500).contains(&status.code) && ![409, 429].contains(&status.code) =>
        {
            Ok(baseline::compare(ended, Stored::Refused(&status.message)).comparison)
        }
        other => Err(other).trying(trying),
    }
}

fn is_series(map: &ConfigMap, series: &str) -> bool {
    let labels = map.metadata.labels.as_ref();
    labels
        .and_then(|labels| labels.get(names::LABEL_SERIES))
        .map(String::as_str)
        == Some(series)
}

fn made(
    test: &LocustTest,
    name: &str,
    series: &str,
    owner: Option<&OwnerReference>,
    data: BTreeMap<String, String>,
) -> ConfigMap {
    let (managed_by, operator) = names::MANAGED_BY;
    let labels = [(managed_by, operator), (names::LABEL_SERIES, series)];
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: test.metadata.namespace.clone(),
            labels: Some(
                labels
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            ),
            owner_references: owner.map(|owner| vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// What makes the map's data this, unless somebody else changes it before.
fn changes(map: &ConfigMap, data: &BTreeMap<String, String>) -> Value {
    let old = map.data.iter().flatten();
    let removed = old
        .filter(|(key, _)| !data.contains_key(*key))
        .map(|(key, _)| (key.clone(), Value::Null));
    let set = data
        .iter()
        .filter(|(key, text)| map.data.as_ref().and_then(|old| old.get(*key)) != Some(text))
        .map(|(key, text)| (key.clone(), Value::from(text.as_str())));
    json!({
        "metadata": {"resourceVersion": map.metadata.resource_version},
        "data": removed.chain(set).collect::<serde_json::Map<_, _>>(),
    })
}

/// The schedule that made the test, itself or by a suite.
fn schedule_of(test: &LocustTest, context: &Context) -> Option<OwnerReference> {
    let kind = LocustSchedule::kind(&());
    if let Some(schedule) = hub::controller(test, &kind) {
        return Some(schedule.clone());
    }
    let Some(suite) = context.hub.suites.store().get(&hub::suite_of(test)?) else {
        tracing::debug!(test = name(test), "the suite of a test is not in the cache");
        return None;
    };
    hub::controller(suite.as_ref(), &kind).cloned()
}
