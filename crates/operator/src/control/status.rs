//! Writing a status: only what changed, and only onto the version it was computed from.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource,
    api::{Patch, PatchParams},
    core::object::HasStatus,
};
use locust_core::patch::merge_diff;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{ReconcileError, Trying};

/// Writes `status` if it differs from the object's; returns the object as stored, or `None` when there was nothing to
/// write.
pub(crate) async fn write<K>(
    object: &K,
    status: &K::Status,
    client: &Client,
) -> Result<Option<K>, ReconcileError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus
        + Clone
        + Debug
        + DeserializeOwned,
    K::Status: Serialize,
{
    let as_json = |status: &K::Status| serde_json::to_value(status).unwrap_or(Value::Null);
    let old = object.status().map_or_else(|| json!({}), as_json);
    let Some(change) = merge_diff(&old, &as_json(status)) else {
        return Ok(None);
    };
    // With the resourceVersion a stale cache cannot undo what was written since.
    let patch =
        json!({"metadata": {"resourceVersion": object.meta().resource_version}, "status": change});
    let namespace = object.meta().namespace.as_deref().unwrap_or_default();
    let name = object.meta().name.as_deref().unwrap_or_default();
    Api::<K>::namespaced(client.clone(), namespace)
        .patch_status(name, &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .trying("write the status")
        .map(Some)
}
