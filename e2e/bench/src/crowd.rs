//! Many tests at once, and what kubelets would report of their pods.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;
use e2e_tests::stand_in::{self, DETAILS, Listener};
use e2e_tests::wait_until;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client::{Kind, for_each, list, patch_status, text, until};
use crate::cluster::Cluster;
use crate::first_test;

/// How long a crowd may take for one step.
const LIMIT: Duration = Duration::from_secs(180);
/// Pods of one test: the master and a worker.
const PODS: usize = 2;
/// Jobs of one test.
const JOBS: usize = 2;

/// Tests in a namespace of their own.
pub struct Crowd<'a> {
    cluster: &'a Cluster,
    namespace: String,
    names: Vec<String>,
    manifest: Value,
}

impl<'a> Crowd<'a> {
    /// Makes the namespace, and the manifests of `count` tests: the README's first test with one worker.
    pub fn new(cluster: &'a Cluster, namespace: &str, count: usize) -> Result<Self> {
        cluster.namespace(namespace)?;
        let mut manifest = first_test::json(&cluster.kubectl)?;
        manifest["spec"]["worker"]["replicas"] = json!(1);
        Ok(Self {
            cluster,
            namespace: namespace.to_owned(),
            names: (0..count).map(|number| format!("test-{number}")).collect(),
            manifest,
        })
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// How many tests it has.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Creates the tests; returns when all objects of all of them exist.
    pub fn start(&self) -> Result<()> {
        let client = &self.cluster.client;
        let create = for_each(&self.names, async |name: &String| {
            Kind::LocustTest.create(client, self.manifest(name)).await
        });
        let started = self.until(Kind::LocustTest, self.len(), "started", |test| {
            test["status"]["run"]["masterJobUID"].is_string()
        });
        self.cluster
            .wait(async { futures::try_join!(create, started) })?;
        Ok(())
    }

    /// As `kubectl apply` would send it.
    fn manifest(&self, name: &str) -> Value {
        let mut test = self.manifest.clone();
        test["metadata"] = json!({"name": name, "namespace": self.namespace});
        let applied = test.to_string();
        test["metadata"]["annotations"] =
            json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
        test
    }

    async fn until(
        &self,
        kind: Kind,
        count: usize,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<()> {
        until(
            &self.cluster.client,
            kind,
            &self.namespace,
            count,
            what,
            wanted,
        )
        .await
    }

    /// All pods, once the Job controller has made them.
    fn pods(&self) -> Result<Vec<Value>> {
        let count = PODS * self.len();
        self.cluster.wait(async {
            self.until(Kind::Pod, count, "there", |_| true).await?;
            list(&self.cluster.client, Kind::Pod, &self.namespace).await
        })
    }

    /// Runs all pods; returns the tests' listeners when all tests are in the phase `Running`.
    pub fn run(&self) -> Result<Vec<Master>> {
        let client = &self.cluster.client;
        let pods = self.pods()?;
        let mut masters = Vec::new();
        let mut addresses = Vec::new();
        for pod in &pods {
            let address = fresh_address().to_string();
            if is_master(pod) {
                masters.push(Master::start(&address, run_id(pod)?)?);
            }
            addresses.push(address);
        }
        self.cluster.wait(async {
            for_each(pods.iter().zip(&addresses), async |(pod, address)| {
                patch_status(client, Kind::Pod, pod, stand_in::running(pod, address)).await
            })
            .await?;
            let running = |test: &Value| test["status"]["phase"] == "Running";
            self.until(Kind::LocustTest, self.len(), "running", running)
                .await
        })?;
        Ok(masters)
    }

    /// Ends all pods as after a good run; returns when all tests have a verdict and all Jobs are complete.
    pub fn finish(&self) -> Result<()> {
        let client = &self.cluster.client;
        let pods = self.pods()?;
        let end = Timestamp::now().as_millisecond();
        let times = json!({"start": end - 30_000, "end": end, "now": end});
        self.cluster.wait(async {
            for_each(&pods, async |pod| {
                let words = if is_master(pod) {
                    format!("{}\n{DETAILS}", stand_in::report(run_id(pod)?, &times))
                } else {
                    String::new()
                };
                patch_status(client, Kind::Pod, pod, stand_in::ended(pod, 0, &words)).await
            })
            .await?;
            let judged = |test: &Value| test["status"]["verdict"] == "Passed";
            let complete = |job: &Value| job["status"]["succeeded"] == 1;
            self.until(Kind::LocustTest, self.len(), "judged", judged)
                .await?;
            self.until(Kind::Job, JOBS * self.len(), "complete", complete)
                .await
        })
    }

    /// Deletes the tests; returns when nothing of them is left.
    pub fn delete(&self) -> Result<()> {
        let kubectl = self.cluster.kubectl.in_namespace(&self.namespace);
        kubectl.run(&["delete", "locusttests", "--all"])?;
        wait_until("nothing is left", LIMIT, || {
            let left = self
                .cluster
                .wait(list(&self.cluster.client, Kind::Pod, &self.namespace))?;
            anyhow::ensure!(left.is_empty(), "{} pods", left.len());
            Ok(())
        })
    }
}

/// The plugin's listener in a master.
pub struct Master {
    listener: Listener,
    /// Where it listens.
    pub address: String,
    run: String,
    /// Since when it makes load, in milliseconds since 1970.
    since: i64,
}

impl Master {
    fn start(address: &str, run: &str) -> Result<Self> {
        let master = Self {
            listener: Listener::start(address)?,
            address: address.to_owned(),
            run: run.to_owned(),
            since: Timestamp::now().as_millisecond(),
        };
        master.count(0);
        Ok(master)
    }

    /// Says from now on that so many requests were made.
    pub fn count(&self, requests: u64) {
        self.listener.say(&stand_in::report(
            &self.run,
            &json!({"final": false, "state": "running", "reason": null, "exit": null, "exitBy": null,
                "start": self.since, "end": null, "now": Timestamp::now().as_millisecond(), "workers": 1, "peakWorkers": 1, "users": 30, "n": requests, "cur": {"rps": 20.0, "fps": 0.0, "p95": 60}}),
        ));
    }
}

fn is_master(pod: &Value) -> bool {
    pod["metadata"]["labels"]["locust.io/role"] == "master"
}

fn run_id(pod: &Value) -> Result<&str> {
    text(pod, "/metadata/labels/locust.io~1run-id")
}

/// An address of this machine for each pod, never the same twice: listeners stay.
fn fresh_address() -> Ipv4Addr {
    static NEXT: AtomicU32 = AtomicU32::new(Ipv4Addr::new(127, 200, 0, 1).to_bits());
    Ipv4Addr::from_bits(NEXT.fetch_add(1, Ordering::Relaxed))
}
