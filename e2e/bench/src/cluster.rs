//! The API server that is measured against: etcd, kube-apiserver and kube-controller-manager, no kubelet.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use e2e_node::ApiServer;
use e2e_tests::audit::{Request, Tail};
use e2e_tests::user::User;
use e2e_tests::{AuditLog, Kubectl, Operator, cluster};
use kube::Client;
use tokio::runtime::Runtime;

use crate::client;

/// Beginning of the operator's user agent.
pub const OPERATOR: &str = "locust-operator/";
/// Beginning of kube-controller-manager's user agent.
pub const CONTROLLER_MANAGER: &str = "kube-controller-manager/";

/// An API server with the operator's definitions.
pub struct Cluster {
    server: ApiServer,
    /// The administrator.
    pub kubectl: Kubectl,
    /// The administrator.
    pub client: Client,
    /// Has the chart's rights in all namespaces.
    pub user: User,
    runtime: Runtime,
}

impl Cluster {
    /// Boots it.
    pub fn boot() -> Result<Self> {
        let (server, user) = cluster::boot("bench")?;
        let runtime = crate::runtime()?;
        Ok(Self {
            client: runtime.block_on(client::connect(&server.kubeconfig()))?,
            kubectl: Kubectl::new(&server.kubeconfig())?,
            user,
            runtime,
            server,
        })
    }

    /// Runs a future to its end.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Makes a namespace in which pods can be created.
    pub fn namespace(&self, name: &str) -> Result<Kubectl> {
        cluster::namespace(&self.kubectl, name)
    }

    /// A file of this cluster; gone at its end.
    pub fn file(&self, name: &str) -> PathBuf {
        self.server.directory().join(name)
    }

    /// Starts the operator with the chart's rights and waits until it is ready.
    pub fn operator(&self) -> Result<Operator> {
        self.operator_with(&[])
    }

    /// The same, with these flags.
    pub fn operator_with(&self, flags: &[&str]) -> Result<Operator> {
        let log = self.file("logs/operator.log");
        Operator::start_ready(&self.user.kubeconfig, &log, flags)
    }

    /// Process id of kube-controller-manager.
    pub fn controller_manager(&self) -> Result<u32> {
        // They are listed in the order of their start.
        let pid = self.server.pids().last().copied();
        pid.context("the controller manager does not run")
    }

    /// What is asked of the API server from now on.
    pub fn requests(&self) -> Result<Tail> {
        Tail::from_now(&AuditLog::new(&self.server.audit_log()))
    }

    /// Waits until operator and controllers ask for nothing but watches for a while.
    pub fn settle(&self) -> Result<()> {
        const LOOK: Duration = Duration::from_secs(1);
        const QUIET_LOOKS: u32 = 3;
        const LIMIT: Duration = Duration::from_secs(180);
        let begin = Instant::now();
        let mut requests = self.requests()?;
        let mut quiet = 0;
        while quiet < QUIET_LOOKS {
            std::thread::sleep(LOOK);
            let mut busy = 0;
            requests.each(|request| busy += u32::from(is_work(&request)))?;
            quiet = if busy == 0 { quiet + 1 } else { 0 };
            if begin.elapsed() > LIMIT {
                bail!("operator and controllers do not come to rest within {LIMIT:?}");
            }
        }
        Ok(())
    }
}

fn is_work(request: &Request) -> bool {
    let agent = request.user_agent();
    request.verb() != "watch"
        && (agent.starts_with(OPERATOR) || agent.starts_with(CONTROLLER_MANAGER))
}
