//! What is asked of the API server when there is nothing to do.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::cluster::{CONTROLLER_MANAGER, Cluster, OPERATOR};

/// How long is looked.
pub const WINDOW: Duration = Duration::from_secs(60);

/// Requests in a minute beside watches, in the same minute.
#[derive(Clone, Copy, Debug)]
pub struct Rest {
    /// kube-controller-manager's.
    pub controller_manager: u32,
    /// The operator's.
    pub ours: u32,
}

/// Looks for a minute. An operator must run, and all must have come to rest.
pub fn measure(cluster: &Cluster) -> Result<Rest> {
    let mut requests = cluster.requests()?;
    std::thread::sleep(WINDOW);
    let mut rest = Rest {
        controller_manager: 0,
        ours: 0,
    };
    let mut seen = 0;
    requests.each(|request| {
        let agent = request.user_agent();
        seen += 1;
        if request.verb() == "watch" {
        } else if agent.starts_with(OPERATOR) {
            rest.ours += 1;
        } else if agent.starts_with(CONTROLLER_MANAGER) {
            rest.controller_manager += 1;
        }
    })?;
    ensure!(seen > 0, "the audit log is empty");
    Ok(rest)
}
