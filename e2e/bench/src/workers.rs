//! On the node, with real Locust: from the creation of a test to the first request at its target.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use e2e_node::{Layout, node};
use e2e_tests::node::Node;
use e2e_tests::{Kubectl, wait_until};
use jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::client::{Kind, connect, list, text, until_within};
use crate::start::median;
use crate::{first_test, http, rendered};

const TEST: &str = "bench";
const LOCUSTFILE: &str = "/spec/testFiles/inline/locustfile.py";
/// After three seconds without a word Locust takes a worker for lost, and ends the load when all are: fifty that begin at
/// once on a small machine may well be silent for longer.
const PATIENCE: &str = "import locust.runners\n\nlocust.runners.HEARTBEAT_LIVENESS = 30\n\n";
/// How long everything of a test may take to go.
const GONE_WITHIN: Duration = Duration::from_secs(90);
/// How often the target is asked what it has received.
const POLL: Duration = Duration::from_millis(10);
/// How long each stage of a start may take: fifty workers of Locust keep a small machine busy for minutes.
const WITHIN: Duration = Duration::from_secs(600);

/// Seconds of each stage of a start.
#[derive(Clone, Copy, Debug)]
pub struct Stages {
    /// From the request that creates the first object until all pods are on the node.
    pub schedule: f64,
    /// Until all containers run.
    pub start: f64,
    /// Until Locust's master counts all workers.
    pub connect: f64,
    /// Until the target has answered a request.
    pub request: f64,
}

/// Starts of tests with so many workers.
#[derive(Clone, Copy, Debug)]
pub struct Starts {
    /// Workers of a test.
    pub workers: u32,
    /// The same objects created by a client.
    pub bare: Stages,
    /// Created by the operator.
    pub ours: Stages,
}

/// All starts, and the image that ran.
#[derive(Clone, Debug)]
pub struct Workers {
    /// A few workers and many.
    pub starts: Vec<Starts>,
    /// Locust's image.
    pub image: String,
}

impl Stages {
    /// The whole start and its stages.
    pub fn named(&self) -> [(&'static str, f64); 5] {
        let Self {
            schedule,
            start,
            connect,
            request,
        } = *self;
        let whole = schedule + start + connect + request;
        [
            ("from apply to the first request", whole),
            ("of these until all pods are scheduled", schedule),
            ("then until all containers run", start),
            ("then until all workers are connected", connect),
            ("then until the first request", request),
        ]
    }

    fn medians(of: &[Self]) -> Self {
        let middle = |stage: fn(&Self) -> f64| median(of.iter().map(stage).collect());
        Self {
            schedule: middle(|stages| stages.schedule),
            start: middle(|stages| stages.start),
            connect: middle(|stages| stages.connect),
            request: middle(|stages| stages.request),
        }
    }
}

/// Starts tests with 3 and with 50 workers. Boots the node if it is not up.
pub fn measure() -> Result<Workers> {
    node::up(&Layout::discover()?)?;
    let node = Node::with_operator(&[])?;
    let ours = Place::new(&node, "bench-operator")?;
    let bare = Place::new(&node, "bench-bare")?;
    let mut starts = Vec::new();
    for (workers, times) in [(3, 3), (50, 1)] {
        let mut seen = (Vec::new(), Vec::new());
        for _ in 0..times {
            let (stages, objects) = ours.with_operator(workers, bare.namespace())?;
            seen.0.push(stages);
            seen.1.push(bare.without_operator(workers, objects)?);
        }
        starts.push(Starts {
            workers,
            ours: Stages::medians(&seen.0),
            bare: Stages::medians(&seen.1),
        });
    }
    let image = ours.image.into_inner();
    for namespace in ["bench-operator", "bench-bare"] {
        node.remove(namespace)?;
    }
    Ok(Workers { starts, image })
}

/// A namespace with a target of its own.
struct Place {
    runtime: Runtime,
    client: Client,
    kubectl: Kubectl,
    /// Of the target.
    address: String,
    image: std::cell::RefCell<String>,
}

impl Place {
    fn new(node: &Node, namespace: &str) -> Result<Self> {
        let runtime = crate::runtime()?;
        let client = runtime.block_on(connect(node.kubectl.kubeconfig()))?;
        let kubectl = node.namespace(namespace)?;
        let pods = kubectl.list("pods", "app=demo-target")?;
        let target = pods.first().context("no pod of the demo target")?;
        Ok(Self {
            address: text(target, "/status/podIP")?.to_owned(),
            runtime,
            client,
            kubectl,
            image: std::cell::RefCell::default(),
        })
    }

    fn namespace(&self) -> &str {
        self.kubectl.namespace()
    }

    /// Creates a test; returns its stages, and its objects as they would be created in another namespace.
    fn with_operator(&self, workers: u32, to: &str) -> Result<(Stages, Vec<Value>)> {
        let test = test(&self.kubectl, workers)?;
        let stages = self.follow(workers, Kind::LocustTest.create(&self.client, test))?;
        let runs = rendered::objects(&self.client, self.namespace(), to);
        let objects = self.runtime.block_on(runs)?.pop();
        self.kubectl.run(&["delete", "locusttest", TEST])?;
        self.gone()?;
        Ok((stages, objects.context("the operator made no objects")?))
    }

    /// Creates objects one after the other, as the operator does; returns their stages.
    fn without_operator(&self, workers: u32, objects: Vec<Value>) -> Result<Stages> {
        let stages = self.follow(workers, async {
            for object in objects {
                let kind = Kind::of(&object)?;
                kind.create(&self.client, object).await?;
            }
            Ok(())
        })?;
        let selector = format!("performance-test-name={TEST}");
        self.kubectl.run(&[
            "delete",
            "jobs,networkpolicies,services,configmaps",
            "-l",
            &selector,
        ])?;
        self.gone()?;
        Ok(stages)
    }

    /// Times what follows from a creation.
    fn follow(&self, workers: u32, create: impl Future<Output = Result<()>>) -> Result<Stages> {
        let before = self.runtime.block_on(self.received())?;
        let (begin, begin_time) = (Instant::now(), Timestamp::now());
        let pods = usize::try_from(workers)? + 1;
        let when = async |what, wanted: fn(&Value) -> bool| {
            let is_of_run = move |pod: &Value| is_of_run(pod) && wanted(pod);
            until_within(
                WITHIN,
                &self.client,
                Kind::Pod,
                self.namespace(),
                pods,
                what,
                is_of_run,
            )
            .await?;
            anyhow::Ok(begin.elapsed().as_secs_f64())
        };
        let requested = async {
            while self.received().await? == before {
                ensure!(begin.elapsed() < WITHIN, "no request at the target");
                tokio::time::sleep(POLL).await;
            }
            anyhow::Ok(begin.elapsed().as_secs_f64())
        };
        let ((), scheduled, running, requested) = self.runtime.block_on(async {
            futures::try_join!(
                create,
                when("scheduled", is_scheduled),
                when("running", is_running),
                requested
            )
        })?;
        let connected = self.connected(workers)?.duration_since(begin_time);
        let connected = connected.as_secs_f64();
        // The kubelet reports a container about a second late; Locust may be faster.
        let running = running.min(connected);
        Ok(Stages {
            schedule: scheduled,
            start: running - scheduled,
            connect: connected - running,
            request: requested - connected,
        })
    }

    /// Requests that the target has answered.
    async fn received(&self) -> Result<u64> {
        let stats = http::get((self.address.as_str(), 8080), "/-/stats").await?;
        let stats: Value = serde_json::from_str(&stats)?;
        stats["total"].as_u64().context("no total")
    }

    /// When Locust's master counted the last of its workers, by its log.
    fn connected(&self, workers: u32) -> Result<Timestamp> {
        let pods = self.kubectl.list("pods", "locust.io/role=master")?;
        let master = pods.first().context("the master's pod is gone")?;
        text(master, "/spec/containers/0/image")?.clone_into(&mut self.image.borrow_mut());
        let name = text(master, "/metadata/name")?;
        let log = self.kubectl.run(&["logs", name, "--timestamps"])?;
        let words = format!(" {workers} workers connected");
        let line = log.lines().find(|line| line.contains(&words));
        let Some((time, _)) = line.and_then(|line| line.split_once(' ')) else {
            bail!("the master's log does not tell when {workers} workers were connected:\n{log}");
        };
        Ok(time.parse()?)
    }

    /// Waits until no pod of a test is left.
    fn gone(&self) -> Result<()> {
        wait_until("all pods are gone", GONE_WITHIN, || {
            let pods = list(&self.client, Kind::Pod, self.namespace());
            let left = self.runtime.block_on(pods)?;
            ensure!(!left.iter().any(is_of_run), "{} pods are left", left.len());
            Ok(())
        })
    }
}

fn test(kubectl: &Kubectl, workers: u32) -> Result<Value> {
    let mut test = first_test::json(kubectl)?;
    test["metadata"] = json!({"name": TEST, "namespace": kubectl.namespace()});
    let locustfile = text(&test, LOCUSTFILE)?;
    let locustfile = format!("{PATIENCE}{locustfile}");
    let spec = &mut test["spec"];
    spec["testFiles"]["inline"]["locustfile.py"] = json!(locustfile);
    spec["run"]["users"] = json!(workers);
    // It is deleted as soon as it has made a request.
    spec["run"]["runTime"] = json!("5m");
    spec["worker"]["replicas"] = json!(workers);
    // Fifty of them are to fit on a small machine.
    spec["worker"]["resources"] = json!({"requests": {"cpu": "10m", "memory": "32Mi"}});
    Ok(test)
}

fn is_of_run(pod: &Value) -> bool {
    pod["metadata"]["labels"]["locust.io/run-id"].is_string()
}

fn is_scheduled(pod: &Value) -> bool {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|condition| condition["type"] == "PodScheduled" && condition["status"] == "True")
}

fn is_running(pod: &Value) -> bool {
    pod["status"]["containerStatuses"][0]["state"]["running"].is_object()
}
