//! Writing the status: only what changed, and only onto the version it was computed from.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::{ListParams, Patch, PatchParams},
};
use locust_api::v2::{LocustTest, LocustTestStatus};
use locust_core::patch::merge_diff;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Context,
    error::{ReconcileError, Trying},
};

/// Writes `status` if it differs; returns the test as stored.
pub(super) async fn write(
    test: &LocustTest,
    status: &LocustTestStatus,
    context: &Context,
) -> Result<LocustTest, ReconcileError> {
    let as_json = |status: &LocustTestStatus| serde_json::to_value(status).unwrap_or(Value::Null);
    let old = test
        .status
        .as_ref()
        .map(as_json)
        .unwrap_or_else(|| json!({}));
    let Some(change) = merge_diff(&old, &as_json(status)) else {
        return Ok(test.clone());
    };
    // With the resourceVersion a stale cache cannot undo what was written since.
    let patch =
        json!({"metadata": {"resourceVersion": test.meta().resource_version}, "status": change});
    let stored = api(test, context)
        .patch_status(name(test), &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .trying("write the status")?;
    context.own_writes.replaced(test);
    Ok(stored)
}

/// The API of the test's namespace.
pub(super) fn api(test: &LocustTest, context: &Context) -> Api<LocustTest> {
    Api::namespaced(context.client.clone(), namespace(test))
}

/// What the API server has in the test's namespace, and not a cache; `action` completes "cannot …".
pub(super) async fn list<K>(
    test: &LocustTest,
    which: ListParams,
    action: &'static str,
    context: &Context,
) -> Result<Vec<K>, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned,
{
    Api::namespaced(context.client.clone(), namespace(test))
        .list(&which)
        .await
        .map(|list| list.items)
        .trying(action)
}

/// The test's namespace.
pub(super) fn namespace(test: &LocustTest) -> &str {
    test.meta().namespace.as_deref().unwrap_or_default()
}

/// The test's name.
pub(super) fn name(test: &LocustTest) -> &str {
    test.meta().name.as_deref().unwrap_or_default()
}
