//! Clients of an API server, and many requests at once.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures::{StreamExt, TryStreamExt, stream};
use kube::api::{
    Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{self, Event};
use kube::{Client, Config};
use serde_json::{Value, json};

/// Requests under way at once: as many as the operator has.
pub const AT_ONCE: usize = 16;

/// How long many objects may take for one step.
const LIMIT: Duration = Duration::from_secs(120);

/// A client with the rights of this kubeconfig.
pub async fn connect(kubeconfig: &Path) -> Result<Client> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let mut config =
        Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    // A try that is repeated in silence would only look slow.
    config.default_retry = false;
    Ok(Client::try_from(config)?)
}

/// Kinds that are created, watched or patched here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Tests.
    LocustTest,
    /// Suites.
    LocustTestSuite,
    /// Templates.
    LocustTemplate,
    /// Schedules.
    LocustSchedule,
    /// Jobs.
    Job,
    /// CronJobs.
    CronJob,
    /// Pods.
    Pod,
    /// ConfigMaps.
    ConfigMap,
    /// Services.
    Service,
    /// NetworkPolicies.
    NetworkPolicy,
}

impl Kind {
    /// Its resource.
    pub fn resource(self) -> ApiResource {
        let (group, version, kind) = match self {
            Self::LocustTest => ("locust.io", "v2", "LocustTest"),
            Self::LocustTestSuite => ("locust.io", "v2", "LocustTestSuite"),
            Self::LocustTemplate => ("locust.io", "v2", "LocustTemplate"),
            Self::LocustSchedule => ("locust.io", "v2", "LocustSchedule"),
            Self::Job => ("batch", "v1", "Job"),
            Self::CronJob => ("batch", "v1", "CronJob"),
            Self::Pod => ("", "v1", "Pod"),
            Self::ConfigMap => ("", "v1", "ConfigMap"),
            Self::Service => ("", "v1", "Service"),
            Self::NetworkPolicy => ("networking.k8s.io", "v1", "NetworkPolicy"),
        };
        ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
    }

    /// The kind of an object.
    pub fn of(object: &Value) -> Result<Self> {
        Ok(match text(object, "/kind")? {
            "LocustTest" => Self::LocustTest,
            "LocustTestSuite" => Self::LocustTestSuite,
            "LocustTemplate" => Self::LocustTemplate,
            "LocustSchedule" => Self::LocustSchedule,
            "Job" => Self::Job,
            "CronJob" => Self::CronJob,
            "Pod" => Self::Pod,
            "ConfigMap" => Self::ConfigMap,
            "Service" => Self::Service,
            "NetworkPolicy" => Self::NetworkPolicy,
            other => bail!("{other} is no kind that is measured"),
        })
    }

    /// Its API in a namespace.
    pub fn api(self, client: &Client, namespace: &str) -> Api<DynamicObject> {
        Api::namespaced_with(client.clone(), namespace, &self.resource())
    }

    /// Creates an object.
    pub async fn create(self, client: &Client, object: Value) -> Result<()> {
        let object: DynamicObject = serde_json::from_value(object)?;
        let [namespace, name] = [&object.metadata.namespace, &object.metadata.name]
            .map(|part| part.clone().unwrap_or_default());
        self.api(client, &namespace)
            .create(&PostParams::default(), &object)
            .await
            .with_context(|| format!("cannot create the {self:?} {name}"))?;
        Ok(())
    }
}

/// An object as JSON, which tests and stand-ins speak.
pub fn json_of(object: &DynamicObject) -> Result<Value> {
    Ok(serde_json::to_value(object)?)
}

/// All objects of a kind in a namespace.
pub async fn list(client: &Client, kind: Kind, namespace: &str) -> Result<Vec<Value>> {
    let list = kind
        .api(client, namespace)
        .list(&ListParams::default())
        .await?;
    list.items.iter().map(json_of).collect()
}

/// Does this for each item, [`AT_ONCE`] at a time.
pub async fn for_each<T>(
    items: impl IntoIterator<Item = T>,
    work: impl AsyncFn(T) -> Result<()>,
) -> Result<()> {
    stream::iter(items)
        .map(|item| work(item))
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
}

/// Writes an object's status.
pub async fn patch_status(
    client: &Client,
    kind: Kind,
    object: &Value,
    status: Value,
) -> Result<()> {
    let text = |field: &str| object["metadata"][field].as_str();
    let (namespace, name) = text("namespace")
        .zip(text("name"))
        .context("an object without a name")?;
    let patch = Patch::Merge(json!({ "status": status }));
    kind.api(client, namespace)
        .patch_status(name, &PatchParams::default(), &patch)
        .await
        .with_context(|| format!("cannot write the status of {name}"))?;
    Ok(())
}

/// Watches a kind in a namespace until `count` objects are as wanted; `what` says how that is.
pub async fn until(
    client: &Client,
    kind: Kind,
    namespace: &str,
    count: usize,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<()> {
    until_within(LIMIT, client, kind, namespace, count, what, wanted).await
}

/// The same, with more or less patience.
pub async fn until_within(
    limit: Duration,
    client: &Client,
    kind: Kind,
    namespace: &str,
    count: usize,
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Result<()> {
    let mut there = std::collections::HashSet::new();
    let api = kind.api(client, namespace);
    let watch = async {
        let mut events = std::pin::pin!(watcher::watcher(api, watcher::Config::default()));
        while there.len() < count {
            let event = events.try_next().await?.context("the watch ended")?;
            if let Event::Apply(object) | Event::InitApply(object) = event
                && wanted(&json_of(&object)?)
            {
                there.insert(object.metadata.name.unwrap_or_default());
            }
        }
        Ok(())
    };
    let result: Result<Result<()>, _> = tokio::time::timeout(limit, watch).await;
    match result {
        Ok(result) => result,
        Err(_) => bail!(
            "{} of {count} {kind:?}s in {namespace} are {what} after {limit:?}",
            there.len()
        ),
    }
}

/// A string in an object; an error that names the place when there is none.
pub fn text<'a>(object: &'a Value, pointer: &str) -> Result<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .ok_or_else(|| anyhow!("no text at {pointer} of {object}"))
}
