//! A whole run, with the parts of node, kubelet and Locust played as they would be: whether an operator is there or
//! not.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::Kubectl;
use e2e_tests::audit::expect_no_idle_patches;
use e2e_tests::proxy::Launch;
use e2e_tests::remains::{Remains, Writes};
use serde_json::{Value, json};

use crate::kubelet::{self, DETAILS, Listener, report};
use crate::world::{Place, World};

pub const TEST: &str = "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: demo}
spec: {worker: {replicas: 2}, testFiles: {inline: {locustfile.py: ''}}}
";

/// Longer than any fault that is played lasts.
const LIMIT: Duration = Duration::from_secs(120);

/// How operators of a namespace are started.
pub fn launch(place: &Place<'_>) -> Launch {
    let cluster = place.cluster;
    Launch {
        kubeconfig: cluster.user.kubeconfig.clone(),
        directory: cluster.directory(),
        name: place.namespace().to_owned(),
        arguments: vec![format!("--watch-namespace={}", place.namespace())],
    }
}

/// A run of [`TEST`] that is played step by step.
pub struct Script {
    kubectl: Kubectl,
    address: String,
    listener: Listener,
    run: String,
}

/// The master's pod while Locust loads.
pub struct Loading(Value);

impl Script {
    /// Creates the test and waits until its objects exist and its pods were looked at.
    pub fn start(kubectl: &Kubectl) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.64.{}.{}", number / 256, number % 256);
        let listener = Listener::start(&address)?;
        kubectl.apply(TEST)?;
        let test = kubectl.wait("lotest/demo", "condition=PodsHealthy", LIMIT)?;
        let run = test["status"]["run"]["id"].as_str().context("a run id")?;
        Ok(Self {
            kubectl: kubectl.clone(),
            address,
            listener,
            run: run.to_owned(),
        })
    }

    /// Locust starts and loads.
    pub fn load(&self) -> Result<Loading> {
        self.count(50);
        kubelet::run_master(&self.kubectl, "demo", &self.address).map(Loading)
    }

    /// Locust has made so many requests, as whoever asks hears from now on.
    pub fn count(&self, requests: u64) {
        self.listener.say(&report(
            &self.run,
            &json!({"final": false, "state": "running", "reason": null, "exit": null, "exitBy": null, "end": null,
                "users": 4, "n": requests}),
        ));
    }

    /// Waits until the status shows the load.
    pub fn running(&self) -> Result<()> {
        let state = "jsonpath={.status.phase}=Running";
        self.kubectl.wait("lotest/demo", state, LIMIT).map(drop)
    }

    /// Locust ends well.
    pub fn finish(&self, Loading(pod): &Loading) -> Result<()> {
        let words = format!("{}\n{DETAILS}", report(&self.run, &json!({})));
        kubelet::end_pod(&self.kubectl, pod, 0, &words)
    }

    /// Waits until nothing is left that could make load, which comes after the verdict.
    pub fn ended(&self) -> Result<()> {
        self.kubectl
            .wait("job/demo-worker", "condition=Failed", LIMIT)
            .map(drop)
    }

    /// A whole run.
    pub fn play(kubectl: &Kubectl) -> Result<()> {
        Self::start(kubectl)?.run()
    }

    /// The rest of a run that was started.
    pub fn run(&self) -> Result<()> {
        let loading = self.load()?;
        self.running()?;
        self.finish(&loading)?;
        self.ended()
    }
}

/// How a run ends whose operator is left alone.
pub fn calm(world: &World) -> Result<Ended> {
    let mut calm = world.calm.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(ended) = &*calm {
        return Ok(ended.clone());
    }
    let place = world.other.place("calm")?;
    let (_proxy, mut operator) = launch(&place).start()?;
    operator.wait_ready()?;
    Script::play(&place.kubectl)?;
    place.settled()?;
    Ok(calm.insert(Ended::of(&place)?).clone())
}

/// How a run of the script ended, once it was checked that it happened once.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What must be the same every time.
    pub state: Value,
    /// The reasons of its events, sorted.
    pub events: Vec<String>,
    /// What operators wrote for it.
    pub writes: Writes,
}

impl Ended {
    /// The run in this namespace.
    pub fn of(place: &Place<'_>) -> Result<Self> {
        Self::by(place, place.all_writes()?)
    }

    /// The same, where these are all writes of operators.
    pub fn by(place: &Place<'_>, writes: Writes) -> Result<Self> {
        let remains = Remains::of(&place.kubectl, "demo")?;
        writes.check_once(&remains)?;
        expect_no_idle_patches(&writes.objects)?;
        let mut state = remains.outline();
        for field in [
            "message",
            "startTime",
            "completionTime",
            "summary",
            "workers",
            "pin",
        ] {
            state[field] = remains.test["status"][field].clone();
        }
        Ok(Self {
            state,
            events: remains.events,
            writes,
        })
    }

    /// Fails unless this run ended like that one.
    pub fn check_same(&self, other: &Self) -> Result<()> {
        ensure!(
            self.state == other.state,
            "it ended as {:#}\nand not as {:#}",
            self.state,
            other.state
        );
        let twice = self.events.windows(2).find(|pair| pair[0] == pair[1]);
        ensure!(twice.is_none(), "an event came twice: {:?}", self.events);
        Ok(())
    }
}
