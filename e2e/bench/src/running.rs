//! Many running tests: what following them costs.

use std::time::{Duration, Instant};

use anyhow::Result;
use e2e_tests::Operator;
use serde_json::json;

use crate::bare::{Done, Process};
use crate::client::{Kind, for_each};
use crate::cluster::Cluster;
use crate::crowd::{Crowd, Master};
use crate::memory::{self, Memories};
use crate::proc;
use crate::requests::{self, Count};

const TESTS: usize = 200;
/// How long is looked: the figures are per minute.
const WINDOW: Duration = Duration::from_secs(60);
/// How often Locust's numbers change.
const CHANGE_EVERY: Duration = Duration::from_secs(2);
const REQUESTS_PER_CHANGE: u64 = 40;

/// A minute with running tests.
#[derive(Clone, Copy, Debug)]
pub struct Running {
    /// A client that asks and writes as often, and decides nothing.
    pub bare: Done,
    /// The operator's processor time.
    pub cpu: Duration,
    /// The operator's requests.
    pub requests: Count,
    /// Memory at the end.
    pub memory: Memories,
}

impl Running {
    /// Writes of a status per test.
    pub fn writes_per_test(&self) -> f64 {
        f64::from(self.requests.all_writes()) / TESTS as f64
    }

    /// The same of the bare client.
    pub fn bare_writes_per_test(&self) -> f64 {
        f64::from(self.bare.writes) / TESTS as f64
    }
}

/// Runs tests for a minute.
pub fn measure(cluster: &Cluster) -> Result<Running> {
    let operator = cluster.operator()?;
    let crowd = Crowd::new(cluster, "running", TESTS)?;
    crowd.start()?;
    let masters = crowd.run()?;
    let (bare, cpu, requests) = minute(cluster, &operator, &crowd, &masters)?;
    Ok(Running {
        bare,
        cpu,
        requests,
        memory: memory::measure(cluster, &operator)?,
    })
}

fn minute(
    cluster: &Cluster,
    operator: &Operator,
    crowd: &Crowd<'_>,
    masters: &[Master],
) -> Result<(Done, Duration, Count)> {
    let arguments = bare_arguments(cluster, masters)?;
    let requests = cluster.requests()?;
    let before = proc::cpu(operator.pid())?;
    let begin = Instant::now();
    // The operator's own rights do not let it write ConfigMaps.
    let bare = Process::start(
        cluster,
        cluster.kubectl.kubeconfig(),
        &arguments.each_ref().map(String::as_str),
    )?;
    let mut count = 0;
    while begin.elapsed() < WINDOW {
        count += REQUESTS_PER_CHANGE;
        masters.iter().for_each(|master| master.count(count));
        std::thread::sleep(CHANGE_EVERY);
    }
    let cpu = proc::cpu(operator.pid())? - before;
    let requests = requests::count(requests, crowd.namespace())?.ours;
    Ok((bare.end()?, cpu, requests))
}

/// Prepares what the bare client works on: no operator watches ConfigMaps, so that neither disturbs the other.
fn bare_arguments(cluster: &Cluster, masters: &[Master]) -> Result<[String; 4]> {
    const NAMESPACE: &str = "bare-progress";
    cluster.namespace(NAMESPACE)?;
    cluster.wait(for_each(0..masters.len(), async |number| {
        let metadata = json!({"namespace": NAMESPACE, "name": format!("progress-{number}")});
        let config_map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        Kind::ConfigMap.create(&cluster.client, config_map).await
    }))?;
    let addresses: Vec<&str> = masters
        .iter()
        .map(|master| master.address.as_str())
        .collect();
    let file = cluster.file("addresses.json");
    std::fs::write(&file, serde_json::to_vec(&addresses)?)?;
    Ok([
        "progress".to_owned(),
        file.to_string_lossy().into_owned(),
        NAMESPACE.to_owned(),
        WINDOW.as_secs().to_string(),
    ])
}
