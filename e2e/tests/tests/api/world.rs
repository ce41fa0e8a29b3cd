//! What the cases share: two API servers with the operator's CRD. On `main`
//! one operator with exactly the chart's rights runs for all namespaces; on
//! `other` none does, and cases start their own for single namespaces.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use e2e_node::{ApiServer, Layout};
use e2e_tests::audit::{Filter, Request, expect_no_idle_patches};
use e2e_tests::remains::Writes;
use e2e_tests::user::User;
use e2e_tests::{AuditLog, Kubectl, Operator, cluster, wait_until};

use crate::script::Ended;

/// How long anything that should happen at once may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(45);

pub struct World {
    pub main: Cluster,
    pub other: Cluster,
    /// How a run ends whose operator is left alone, once one has.
    pub calm: Mutex<Option<Ended>>,
    /// Ends before the API server it talks to.
    operator: Option<Operator>,
}

pub struct Cluster {
    pub server: ApiServer,
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
            calm: Mutex::default(),
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
    /// Boots one.
    pub fn boot(name: &str) -> Result<Self> {
        let (server, user) = cluster::boot(&format!("e2e-{name}"))?;
        Ok(Self {
            audit: AuditLog::new(&server.audit_log()),
            kubectl: Kubectl::new(&server.kubeconfig())?,
            server,
            user,
        })
    }

    /// A fresh namespace.
    pub fn place(&self, namespace: &str) -> Result<Place<'_>> {
        Ok(Place {
            cluster: self,
            kubectl: cluster::namespace(&self.kubectl, namespace)?,
        })
    }

    /// A namespace that exists.
    pub fn at(&self, namespace: &str) -> Place<'_> {
        Place {
            cluster: self,
            kubectl: self.kubectl.in_namespace(namespace),
        }
    }

    /// Fresh namespaces, all at once.
    pub fn places(&self, namespaces: &[String]) -> Result<Vec<Place<'_>>> {
        cluster::namespaces(&self.kubectl, namespaces)?;
        wait_until("the default service accounts", SOON, || {
            let field = "--field-selector=metadata.name=default";
            let accounts = self
                .kubectl
                .json(&["get", "serviceaccounts", "-A", field])?;
            let missing = namespaces.iter().find(|name| {
                let accounts = accounts["items"].as_array();
                !accounts
                    .into_iter()
                    .flatten()
                    .any(|account| account["metadata"]["namespace"] == **name)
            });
            ensure!(missing.is_none(), "{missing:?} has none");
            Ok(())
        })?;
        Ok(namespaces.iter().map(|name| self.at(name)).collect())
    }

    /// The directory of its files; gone at the end.
    pub fn directory(&self) -> PathBuf {
        self.server.directory().to_owned()
    }

    /// A log file of this name.
    pub fn log(&self, name: &str) -> PathBuf {
        self.directory().join("logs").join(format!("{name}.log"))
    }

    /// Keeps what explains a failure.
    pub fn keep_logs(&self) -> Result<()> {
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

    /// All that operators wrote in this namespace.
    pub fn all_writes(&self) -> Result<Writes> {
        Writes::of(
            &self.cluster.audit,
            &self.cluster.user.name,
            self.namespace(),
        )
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
        expect_no_idle_patches(&patches)
    }
}
