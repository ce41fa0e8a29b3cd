//! The status of a test, and what else is in its namespace.

use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use kube::{Api, Resource, api::ListParams};
use locust_api::v2::{LocustTest, LocustTestStatus};
use serde::de::DeserializeOwned;

use super::Context;
use crate::control::{self, ReconcileError, Trying};

/// Writes `status` if it differs; returns the test as stored.
pub(super) async fn write(
    test: &LocustTest,
    status: &LocustTestStatus,
    context: &Context,
) -> Result<LocustTest, ReconcileError> {
    match control::write(test, status, &context.client).await? {
        None => Ok(test.clone()),
        Some(stored) => {
            context.own_writes.replaced(&test.metadata);
            Ok(stored)
        }
    }
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
