//! One test from its claim to its end: how often the API server is asked.

use anyhow::Result;

use crate::cluster::Cluster;
use crate::crowd::Crowd;
use crate::requests::{self, Counts};

const TESTS: u32 = 10;
/// What a client without an operator would create: ConfigMap, Service, NetworkPolicy, two Jobs.
const CREATES: u32 = 5;

/// Requests for all tests together.
#[derive(Clone, Copy, Debug)]
pub struct Lifecycle {
    counts: Counts,
}

impl Lifecycle {
    /// The operator's, for one test.
    pub fn ours(&self, of: impl Fn(&requests::Count) -> u32) -> f64 {
        f64::from(of(&self.counts.ours)) / f64::from(TESTS)
    }

    /// The Job controller's for the same two Jobs, and the creation of the objects, for one test.
    pub fn baseline(&self, of: impl Fn(&requests::Count) -> u32) -> f64 {
        f64::from(of(&self.counts.job_controller)) / f64::from(TESTS) + f64::from(CREATES)
    }
}

/// Runs tests from creation to deletion.
pub fn measure(cluster: &Cluster) -> Result<Lifecycle> {
    let _operator = cluster.operator()?;
    let crowd = Crowd::new(cluster, "lifecycle", usize::try_from(TESTS)?)?;
    let requests = cluster.requests()?;
    crowd.start()?;
    crowd.run()?;
    crowd.finish()?;
    cluster.settle()?;
    crowd.delete()?;
    cluster.settle()?;
    let counts = requests::count(requests, crowd.namespace())?;
    Ok(Lifecycle { counts })
}
