//! Many tests at once: how fast their objects come into being.

use std::time::Instant;

use anyhow::{Result, ensure};

use crate::bare::{Done, Process};
use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::proc;
use crate::rendered;
use crate::requests::{self, Count};

const TESTS: usize = 500;
/// So that neither side is measured with empty caches.
const WARM_UP: usize = 20;

/// A burst of tests.
#[derive(Clone, Copy, Debug)]
pub struct Burst {
    /// A client that only creates the objects.
    pub bare: Done,
    /// From the first test that is created to the last one whose objects all exist and are written down.
    pub seconds: f64,
    /// The operator's processor time for it.
    pub cpu_seconds: f64,
    /// What the operator asked of the API server meanwhile.
    pub requests: Count,
}

impl Burst {
    /// Tests in it.
    pub fn tests(&self) -> f64 {
        TESTS as f64
    }
}

/// Creates tests with the operator, then their objects again without it.
pub fn measure(cluster: &Cluster) -> Result<Burst> {
    let operator = cluster.operator()?;
    Crowd::new(cluster, "warm-up", WARM_UP)?.start()?;
    let bare_warm_up = bare(cluster, "warm-up", "bare-warm-up")?;
    ensure!(bare_warm_up.writes > 0, "nothing was created");
    let crowd = Crowd::new(cluster, "burst", TESTS)?;
    cluster.settle()?;

    let requests = cluster.requests()?;
    let cpu = proc::cpu(operator.pid())?;
    let begin = Instant::now();
    crowd.start()?;
    let seconds = begin.elapsed().as_secs_f64();
    cluster.settle()?;
    let cpu = proc::cpu(operator.pid())? - cpu;
    let requests = requests::count(requests, crowd.namespace())?.ours;
    Ok(Burst {
        bare: bare(cluster, "burst", "bare-burst")?,
        seconds,
        cpu_seconds: cpu.as_secs_f64(),
        requests,
    })
}

/// Makes the objects of one namespace again in another.
fn bare(cluster: &Cluster, from: &str, to: &str) -> Result<Done> {
    cluster.namespace(to)?;
    let objects = cluster.wait(rendered::objects(&cluster.client, from, to))?;
    let file = cluster.file("objects.json");
    std::fs::write(&file, serde_json::to_vec(&objects)?)?;
    cluster.settle()?;
    Process::start(
        cluster,
        &cluster.user.kubeconfig,
        &["create", &file.to_string_lossy()],
    )?
    .end()
}
