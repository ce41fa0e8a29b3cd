//! What the cases share: two API servers with the operator's CRD. On `main`
//! one operator with exactly the chart's rights runs for all namespaces; on
//! `other` none does, and cases start their own for single namespaces.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use e2e_node::{ApiServer, Layout};
use e2e_tests::audit::{Filter, Request};
use e2e_tests::user::{self, Scope, User};
use e2e_tests::{AuditLog, Kubectl, Operator, wait_until};

/// How long anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

pub struct World {
    pub main: Cluster,
    pub other: Cluster,
    /// Ends before the API server it talks to.
    operator: Option<Operator>,
}

pub struct Cluster {
    server: ApiServer,
    pub kubectl: Kubectl,
    pub audit: AuditLog,
    /// Has the chart's rights in all namespaces.
    pub user: User,
}

/// A namespace of a case.
pub struct Place<'a> {
    pub cluster: &'a Cluster,
    /// The administrator in this namespace.
    pub kubectl: Kubectl,
}

impl World {
    pub fn boot() -> Result<Self> {
        let (main, other) = std::thread::scope(|scope| {
            let main = scope.spawn(|| Cluster::boot("main"));
            let other = scope.spawn(|| Cluster::boot("other"));
            (main.join(), other.join())
        });
        let joined = |result: std::thread::Result<Result<Cluster>>| {
            result.map_err(|_| anyhow!("the boot panicked"))?
        };
        let (main, other) = (joined(main)?, joined(other)?);
        let operator = Operator::start_ready(&main.user.kubeconfig, &main.log("operator"), &[])?;
        Ok(Self {
            main,
            other,
            operator: Some(operator),
        })
    }

    /// The operator on `main`.
    pub fn operator(&self) -> Result<&Operator> {
        self.operator.as_ref().context("the operator has ended")
    }

    /// Ends everything; keeps what explains a failure.
    pub fn end(mut self, failed: bool) -> Result<()> {
        drop(self.operator.take());
        if failed {
            for cluster in [&self.main, &self.other] {
                cluster.keep_logs()?;
            }
        }
        Ok(())
    }
}

impl Cluster {
    fn boot(name: &str) -> Result<Self> {
        let server = ApiServer::boot(&format!("e2e-{name}"))?;
        let kubectl = Kubectl::new(&server.kubeconfig())?;
        let crds = Layout::discover()?.repo.join("crds");
        kubectl.run(&["apply", "-f", &crds.to_string_lossy()])?;
        // Until the API server has taken it up, it knows no such resource.
        wait_until("the CRD is served", SOON, || {
            kubectl.run(&["get", "locusttests", "--all-namespaces"])
        })?;
        kubectl.run(&["create", "namespace", "operator"])?;
        let user = user::create(
            &kubectl.in_namespace("operator"),
            "locust-operator",
            Scope::Cluster,
            &user::operator_rules()?,
            server.directory(),
        )?;
        Ok(Self {
            audit: AuditLog::new(&server.audit_log()),
            server,
            kubectl,
            user,
        })
    }

    /// A fresh namespace.
    pub fn place(&self, namespace: &str) -> Result<Place<'_>> {
        self.kubectl.run(&["create", "namespace", namespace])?;
        let kubectl = self.kubectl.in_namespace(namespace);
        // Pods are refused until it exists.
        wait_until("the default service account", SOON, || {
            kubectl.get("serviceaccount", "default")
        })?;
        Ok(Place {
            cluster: self,
            kubectl,
        })
    }

    /// The directory of its files; gone at the end.
    pub fn directory(&self) -> PathBuf {
        self.server.directory().to_owned()
    }

    /// Its URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// A log file of this name.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory().join("logs").join(format!("{name}.log"))
    }

    fn keep_logs(&self) -> Result<()> {
        let name = self.directory();
        let name = name.file_name().context("a directory has a name")?;
        let kept = Layout::discover()?.logs().join(name);
        fs::create_dir_all(&kept)?;
        for entry in fs::read_dir(self.directory().join("logs"))?.flatten() {
            fs::copy(entry.path(), kept.join(entry.file_name()))?;
        }
        fs::copy(self.server.audit_log(), kept.join("audit.log"))?;
        println!("logs: {}", kept.display());
        Ok(())
    }
}

impl Place<'_> {
    pub fn namespace(&self) -> &str {
        self.kubectl.namespace()
    }

    /// An operator for this namespace only.
    pub fn operator(&self) -> Result<Operator> {
        let namespace = format!("--watch-namespace={}", self.namespace());
        Operator::start_ready(
            &self.cluster.user.kubeconfig,
            &self.cluster.log(self.namespace()),
            &[&namespace],
        )
    }

    /// What operators asked for in this namespace.
    pub fn requests(&self) -> Result<Vec<Request>> {
        self.cluster.audit.requests(&Filter {
            user: &self.cluster.user.name,
            namespace: self.namespace(),
            ..Filter::default()
        })
    }

    /// What operators wrote in this namespace, events not counted.
    pub fn writes(&self) -> Result<Vec<Request>> {
        let mut requests = self.requests()?;
        requests.retain(Request::is_write);
        Ok(requests)
    }

    /// `kind/name` of all that operators created here, in order, events not counted.
    pub fn created(&self) -> Result<Vec<String>> {
        let writes = self.writes()?;
        let created = writes
            .iter()
            .filter(|write| write.verb() == "create" && write.succeeded());
        Ok(created
            .map(|write| format!("{}/{}", write.resource(), write.name()))
            .collect())
    }

    /// Waits until the operator has asked for nothing but watches for a while: it is done.
    pub fn settled(&self) -> Result<()> {
        let mut before = usize::MAX;
        for _ in 0..40 {
            let count = self.requests()?.len();
            if count == before {
                return Ok(());
            }
            before = count;
            std::thread::sleep(Duration::from_millis(1500));
        }
        Err(anyhow!("the operator does not come to rest"))
    }

    /// No status patch changed nothing, and none was sent twice.
    pub fn check_status_writes(&self) -> Result<()> {
        let patches = self.cluster.audit.requests(&Filter {
            user: &self.cluster.user.name,
            namespace: self.namespace(),
            verb: "patch",
            resource: "locusttests/status",
            ..Filter::default()
        })?;
        ensure!(!patches.is_empty(), "no status was written at all");
        let mut versions = Vec::new();
        for patch in patches.iter().filter(|patch| patch.succeeded()) {
            let sent = &patch.event["requestObject"]["metadata"]["resourceVersion"];
            let stored = &patch.event["responseObject"]["metadata"]["resourceVersion"];
            ensure!(sent.is_string(), "a status patch without resourceVersion");
            ensure!(stored.is_string(), "the audit log has no stored version");
            ensure!(
                sent != stored,
                "a status patch that changed nothing: {}",
                patch.event
            );
            versions.push(stored.to_string());
        }
        let count = versions.len();
        versions.sort();
        versions.dedup();
        ensure!(
            versions.len() == count,
            "a status patch that changed nothing"
        );
        Ok(())
    }
}
