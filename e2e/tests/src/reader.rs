//! What `kubectl get -o json` prints, without a process for each look: those who wait look thousands of times, and
//! starting kubectl takes more of the processor than everything that is tested.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use http_body_util::BodyExt;
use hyper::body::Bytes;
use hyper::header::AUTHORIZATION;
use hyper::{Request, StatusCode};
use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::upstream::Upstream;

/// No answer takes longer.
const WITHIN: Duration = Duration::from_secs(30);

/// Where objects of a kind are, by the names that tests use.
const RESOURCES: [(&[&str], &str, &str); 9] = [
    (
        &["lotest", "locusttest", "locusttests"],
        LOCUST,
        "locusttests",
    ),
    (&["losuite", "locusttestsuite"], LOCUST, "locusttestsuites"),
    (&["lotmpl", "locusttemplate"], LOCUST, "locusttemplates"),
    (&["losched", "locustschedule"], LOCUST, "locustschedules"),
    (&["job", "jobs"], "/apis/batch/v1", "jobs"),
    (&["pod", "pods"], "/api/v1", "pods"),
    (&["service", "services"], "/api/v1", "services"),
    (&["configmap", "configmaps"], "/api/v1", "configmaps"),
    (
        &["networkpolicy"],
        "/apis/networking.k8s.io/v1",
        "networkpolicies",
    ),
];
const LOCUST: &str = "/apis/locust.io/v2";

/// The path of this kind's objects in a namespace; `None` when only kubectl knows the kind.
pub fn path(kind: &str, namespace: &str) -> Option<String> {
    let (_, group, plural) = RESOURCES
        .iter()
        .find(|(names, _, _)| names.contains(&kind))?;
    Some(format!("{group}/namespaces/{namespace}/{plural}"))
}

/// Reads with the rights of a kubeconfig.
pub struct Reader {
    upstream: Arc<Upstream>,
    token: Option<String>,
    runtime: Handle,
    /// Its thread ends when this is dropped.
    _alive: oneshot::Sender<()>,
}

impl Reader {
    /// A reader for a kubeconfig as it is written here: JSON, with everything in it.
    pub fn new(kubeconfig: &Path) -> Result<Self> {
        let config: Value = serde_json::from_slice(&std::fs::read(kubeconfig)?)?;
        let token = config["users"][0]["user"]["token"].as_str();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, dropped) = oneshot::channel();
        std::thread::spawn(move || {
            // That nothing is sent is how it ends.
            let _: Result<(), _> = runtime.block_on(dropped);
        });
        Ok(Self {
            upstream: Arc::new(Upstream::of(&config)?),
            token: token.map(|token| format!("Bearer {token}")),
            runtime: handle,
            _alive: alive,
        })
    }

    /// One object, or `None` when there is none of this name.
    pub fn get(&self, path: &str, name: &str) -> Result<Option<Value>> {
        match self.ask(format!("{path}/{name}"))? {
            (StatusCode::OK, object) => Ok(Some(as_shown(object))),
            // The API server knows the kind.
            (StatusCode::NOT_FOUND, said) if said["details"]["name"] == name => Ok(None),
            (code, said) => bail!("{code}: {said}"),
        }
    }

    /// Objects with these labels.
    pub fn list(&self, path: &str, selector: &str) -> Result<Vec<Value>> {
        let selector = selector.replace('=', "%3D").replace(',', "%2C");
        let (code, mut list) = self.ask(format!("{path}?labelSelector={selector}"))?;
        let kind = list["kind"].as_str().unwrap_or_default();
        let (kind, version) = (
            kind.trim_end_matches("List").to_owned(),
            list["apiVersion"].take(),
        );
        let (StatusCode::OK, Value::Array(items)) = (code, list["items"].take()) else {
            bail!("{code}: {list}");
        };
        let named = |mut item: Value| {
            item["kind"] = kind.clone().into();
            item["apiVersion"] = version.clone();
            as_shown(item)
        };
        Ok(items.into_iter().map(named).collect())
    }

    fn ask(&self, path: String) -> Result<(StatusCode, Value)> {
        let mut request = Request::get(path);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let (head, ()) = request.body(())?.into_parts();
        let upstream = self.upstream.clone();
        let answer = async move {
            let answer = upstream.send(head, Bytes::new()).await?;
            let code = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            Ok((code, serde_json::from_slice(&body)?))
        };
        wait_for(&self.runtime, async {
            tokio::time::timeout(WITHIN, answer)
                .await
                .map_err(|_| anyhow!("no answer within {WITHIN:?}"))?
        })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reader").finish_non_exhaustive()
    }
}

/// What the runtime makes of it; callers may be in a runtime of their own.
fn wait_for<T: Send + 'static>(
    runtime: &Handle,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let (done, result) = mpsc::channel();
    runtime.spawn(async move {
        // Nobody waits any more.
        let _ = done.send(work.await);
    });
    result.recv().context("it was not finished")?
}

/// kubectl does not print who manages which field.
fn as_shown(mut object: Value) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    object
}
