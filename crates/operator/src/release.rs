//! `locust-operator release-definition`: what is to be done before an operator goes whose definition stays.
//!
//! A definition that asks a webhook which is gone answers no list of what is stored as another version, and then its
//! deletion, and that of a namespace, never ends.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Client, Resource as _,
    api::{GetParams, PostParams, Request},
};
use locust_core::{
    definition::{self, NAME},
    managed_fields,
};
use serde_json::Value;

/// Others write the definition too; one of these tries meets nobody.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Lets the definition of LocustTest ask nobody to convert, if it asks the operator that answers under one of these
/// names.
///
/// # Errors
/// When the definition cannot be read or written.
pub(crate) async fn definition(client: &Client, hosts: &[String]) -> anyhow::Result<()> {
    for _ in 1..TRIES {
        match once(client, hosts).await {
            Err(error) if is_conflict(&error) => tokio::time::sleep(PAUSE).await,
            other => return other,
        }
    }
    once(client, hosts).await
}

async fn once(client: &Client, hosts: &[String]) -> anyhow::Result<()> {
    let get = request().get(NAME, &GetParams::default())?;
    let current: Value = match client.request(get).await {
        Ok(current) => current,
        Err(kube::Error::Api(status)) if status.is_not_found() => {
            tracing::info!("there is no definition {NAME}: nothing to release");
            return Ok(());
        }
        Err(error) => return Err(error).context("cannot read the definition of LocustTest"),
    };
    let Some(released) = definition::released(&current, hosts) else {
        tracing::info!(
            hosts = hosts.join(","),
            "the definition {NAME} does not ask this operator to convert: it is left alone"
        );
        return Ok(());
    };
    if definition::stores_others(&current) {
        tracing::warn!(
            "tests are still stored as an older version; do not change them before an operator that converts is back"
        );
    }
    let stored = replace(client, &released).await?;
    // Whoever installs a definition again must find nobody who owns these fields.
    let owners = stored["metadata"]["managedFields"].as_array();
    let owners = owners.and_then(|owners| managed_fields::without_operator(owners));
    if let Some(owners) = owners {
        let mut disowned = stored;
        disowned["metadata"]["managedFields"] = Value::Array(owners);
        replace(client, &disowned).await?;
    }
    tracing::info!(
        "the definition {NAME} asks nobody to convert any more; only locust.io/v2 is served"
    );
    Ok(())
}

/// Replaces the version of it that was read.
async fn replace(client: &Client, definition: &Value) -> anyhow::Result<Value> {
    let body = serde_json::to_vec(definition)?;
    let request = request().replace(NAME, &PostParams::default(), body)?;
    client
        .request(request)
        .await
        .context("cannot write the definition of LocustTest")
}

fn request() -> Request {
    Request::new(CustomResourceDefinition::url_path(&(), None))
}

fn is_conflict(error: &anyhow::Error) -> bool {
    let api = error.downcast_ref::<kube::Error>();
    matches!(api, Some(kube::Error::Api(status)) if status.is_conflict())
}
