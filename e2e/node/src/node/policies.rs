//! The enforcement of network policies, for as long as somebody needs it: it writes all its rules again with every pod
//! that comes or goes, which would be a tenth of a small machine.

use std::process::Child;
use std::time::Duration;

use anyhow::Result;

use super::{NAME, network};
use crate::control_plane::SERVICE_CIDR;
use crate::process::{self, Lifetime};
use crate::{Layout, exec};

const PROGRAM: &str = "kube-router";

/// Network policies of the running node hold until this is dropped.
pub struct Enforcement {
    child: Child,
}

impl Enforcement {
    /// Begins to enforce; returns when the first rules are written.
    ///
    /// # Errors
    /// When the program cannot be started, or has no rules after half a minute; its log says why.
    pub fn start(layout: &Layout) -> Result<Self> {
        let kubeconfig = layout.cluster().join("kube-router.kubeconfig");
        let (_, child) = process::start(
            PROGRAM,
            Lifetime::OfParent,
            &layout.log(PROGRAM),
            &layout.program(PROGRAM),
            |command| {
                command
                    .arg(format!("--kubeconfig={}", kubeconfig.display()))
                    .arg(format!("--node={NAME}"))
                    .arg(format!("--service-cidr={SERVICE_CIDR}"));
            },
        )?;
        let enforcement = Self { child };
        let limit = Duration::from_secs(30);
        exec::wait_for(
            "the enforcement of network policies",
            limit,
            network::policies_are_enforced,
            || Ok(()),
        )?;
        Ok(enforcement)
    }
}

impl Drop for Enforcement {
    fn drop(&mut self) {
        // What cannot be ended or deleted now goes with the node.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Err(error) = network::delete_policy_rules().and_then(|()| network::delete_sets()) {
            eprintln!("rules of network policies are left until the node goes: {error:#}");
        }
    }
}
