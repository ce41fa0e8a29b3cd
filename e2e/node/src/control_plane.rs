//! What both profiles have in common: started parts that are watched, and the
//! arguments of etcd, kube-apiserver and kube-controller-manager.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::pki::{Authority, Certified, Identity, api_server_names, write_private};
use crate::process::{self, Lifetime, Record};
use crate::{Layout, audit, exec, interrupt, kubeconfig, log_file};

/// Addresses of Services.
pub const SERVICE_CIDR: &str = "10.96.0.0/16";
/// The address of the Service `kubernetes`: the first of [`SERVICE_CIDR`].
const API_SERVICE: &str = "10.96.0.1";

/// Started parts of a cluster; dropping it does not end them.
pub struct Parts {
    bin: PathBuf,
    logs: PathBuf,
    records: PathBuf,
    lifetime: Lifetime,
    running: Vec<(Record, Child)>,
}

impl Parts {
    /// No part yet. Each will be added to the file `records`.
    pub fn new(layout: &Layout, logs: PathBuf, records: PathBuf, lifetime: Lifetime) -> Self {
        Self {
            bin: layout.bin(),
            logs,
            records,
            lifetime,
            running: Vec::new(),
        }
    }

    /// Starts a program of `.node/bin` with a fresh log.
    pub fn start<A: AsRef<str>>(&mut self, name: &str, arguments: &[A]) -> Result<()> {
        let program = self.bin.join(name);
        if !program.exists() {
            bail!(
                "{} is not built yet. Run `e2e-node prepare` first",
                program.display()
            );
        }
        let log = self.log(name);
        // The log of the boot before this one would only confuse.
        fs::remove_file(&log).ok();
        let path = format!(
            "{}:{}:/usr/sbin:/sbin",
            self.bin.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let started = process::start(name, self.lifetime, &log, &program, |command| {
            command
                .args(arguments.iter().map(AsRef::as_ref))
                .env("PATH", path)
                .envs(garbage_collection(name).iter().copied());
        })?;
        process::remember(&self.records, &started.0)?;
        self.running.push(started);
        Ok(())
    }

    /// An error that shows the log of the first part that has ended.
    pub fn check(&mut self) -> Result<()> {
        for (record, child) in &mut self.running {
            if let Some(status) = child.try_wait()? {
                let log = self.logs.join(format!("{}.log", record.name));
                bail!(
                    "{} ended with {status}. Last lines of {}:\n{}",
                    record.name,
                    log.display(),
                    log_file::tail(&log)
                );
            }
        }
        Ok(())
    }

    /// Waits until `ready` says so or a part ends.
    pub fn wait_for(
        &mut self,
        what: &str,
        blamed: &str,
        ready: impl FnMut() -> bool,
    ) -> Result<()> {
        let log = self.log(blamed);
        let waited = exec::wait_for(what, Duration::from_secs(60), ready, || self.check());
        interrupt::check()?;
        waited.with_context(|| {
            format!(
                "{what} did not come up. Last lines of {}:\n{}",
                log.display(),
                log_file::tail(&log)
            )
        })
    }

    /// Kills one part and waits until it is gone.
    pub fn kill_one(&mut self, name: &str) -> Result<()> {
        let index = self.index(name)?;
        let (record, mut child) = self.running.remove(index);
        process::kill_all(&[record])?;
        child.wait()?;
        Ok(())
    }

    /// Sends one part a signal.
    pub fn signal(&self, name: &str, signal: Signal) -> Result<()> {
        let (record, _) = &self.running[self.index(name)?];
        record
            .signal(signal)
            .with_context(|| format!("cannot signal {name}"))
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.running
            .iter()
            .position(|(record, _)| record.name == name)
            .with_context(|| format!("{name} does not run"))
    }

    /// Kills all parts and waits until they are gone.
    pub fn kill(&mut self) -> Result<()> {
        let records: Vec<_> = self
            .running
            .iter()
            .map(|(record, _)| record.clone())
            .collect();
        let killed = process::kill_all(&records);
        for (_, mut child) in self.running.drain(..) {
            if killed.is_ok() {
                child.wait()?;
            }
        }
        killed
    }

    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }
}

/// How a program collects its garbage. Some spend up to a quarter of their time on that, and memory is not what a machine
/// for tests lacks; yet none should take all.
fn garbage_collection(program: &str) -> &'static [(&'static str, &'static str)] {
    match program {
        "kube-apiserver" | "kubelet" | "containerd" => &[("GOGC", "400"), ("GOMEMLIMIT", "1GiB")],
        _ => &[],
    }
}

/// Where a control plane keeps its files and listens.
pub struct ControlPlane {
    /// Directory of its state.
    pub directory: PathBuf,
    /// Its certificates.
    pub authority: Authority,
    /// Name in kubeconfigs.
    pub name: String,
    /// Address the API server is reached at.
    pub address: String,
    /// Port of the API server.
    pub port: u16,
    /// Ports of etcd, both on the loopback address.
    pub etcd_ports: [u16; 2],
}

impl ControlPlane {
    /// Makes the directory with all certificates, kubeconfigs and the audit
    /// policy that the three parts need.
    pub fn create(
        directory: &Path,
        name: &str,
        address: &str,
        port: u16,
        etcd_ports: [u16; 2],
    ) -> Result<Self> {
        let authority = Authority::create(&directory.join("pki"))?;
        let plane = Self {
            directory: directory.to_owned(),
            authority,
            name: name.to_owned(),
            address: address.to_owned(),
            port,
            etcd_ports,
        };
        let serves = api_server_names(&["127.0.0.1", API_SERVICE, address]);
        let server = Identity {
            user: "kube-apiserver",
            group: None,
            serves: &serves,
        };
        plane.authority.issue_files("kube-apiserver", &server)?;
        let admin = Identity::client("kubernetes-admin", Some("system:masters"));
        plane.write_kubeconfig("kubeconfig", &admin)?;
        plane.write_kubeconfig(
            "kube-controller-manager.kubeconfig",
            &Identity::client("system:kube-controller-manager", None),
        )?;
        write_private(&plane.file("audit-policy.yaml"), audit::POLICY)?;
        Ok(plane)
    }

    /// A file in the control plane's directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The API server's URL.
    pub fn url(&self) -> String {
        format!("https://{}:{}", self.address, self.port)
    }

    /// Issues a certificate and writes a kubeconfig with it.
    pub fn write_kubeconfig(&self, file: &str, identity: &Identity<'_>) -> Result<()> {
        let user: Certified = self.authority.issue(identity)?;
        let text = kubeconfig::text(
            &self.name,
            &self.url(),
            &self.authority.certificate(),
            &user,
        );
        write_private(&self.file(file), &text)
    }

    /// Whether the API server says that it is ready.
    pub fn ready(&self, layout: &Layout) -> bool {
        exec::output(&mut kubectl(
            layout,
            &self.file("kubeconfig"),
            &["get", "--raw", "/readyz"],
        ))
        .is_ok()
    }

    /// Arguments of etcd.
    pub fn etcd(&self) -> Vec<String> {
        let [client, peer] = self
            .etcd_ports
            .map(|port| format!("http://127.0.0.1:{port}"));
        vec![
            format!("--data-dir={}", self.file("etcd").display()),
            format!("--listen-client-urls={client}"),
            format!("--advertise-client-urls={client}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            // The cluster does not outlive the machine; waiting for its disk would be for nothing.
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ]
    }

    /// Arguments of kube-apiserver that do not depend on the profile.
    pub fn api_server(&self) -> Vec<String> {
        let pki = |name: &str| self.authority.file(name).display().to_string();
        vec![
            format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_ports[0]),
            format!("--advertise-address={}", self.address),
            format!("--secure-port={}", self.port),
            format!("--service-cluster-ip-range={SERVICE_CIDR}"),
            format!("--cert-dir={}", self.file("pki").display()),
            format!("--client-ca-file={}", pki("ca.crt")),
            format!("--tls-cert-file={}", pki("kube-apiserver.crt")),
            format!("--tls-private-key-file={}", pki("kube-apiserver.key")),
            format!("--service-account-key-file={}", pki("sa.pub")),
            format!("--service-account-signing-key-file={}", pki("sa.key")),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
            "--authorization-mode=Node,RBAC".into(),
            "--enable-admission-plugins=NodeRestriction".into(),
            "--allow-privileged=true".into(),
            "--profiling=false".into(),
            format!(
                "--audit-policy-file={}",
                self.file("audit-policy.yaml").display()
            ),
            format!("--audit-log-path={}", self.file("audit.log").display()),
            "--audit-log-maxsize=1024".into(),
            "--audit-log-maxbackup=2".into(),
        ]
    }

    /// Arguments of kube-controller-manager.
    pub fn controller_manager(&self) -> Vec<String> {
        let kubeconfig = self
            .file("kube-controller-manager.kubeconfig")
            .display()
            .to_string();
        let pki = |name: &str| self.authority.file(name).display().to_string();
        vec![
            format!("--kubeconfig={kubeconfig}"),
            format!("--authentication-kubeconfig={kubeconfig}"),
            format!("--authorization-kubeconfig={kubeconfig}"),
            format!("--root-ca-file={}", pki("ca.crt")),
            format!("--cluster-signing-cert-file={}", pki("ca.crt")),
            format!("--cluster-signing-key-file={}", pki("ca.key")),
            format!("--service-account-private-key-file={}", pki("sa.key")),
            "--use-service-account-credentials=true".into(),
            "--leader-elect=false".into(),
            "--secure-port=0".into(),
            "--kube-api-qps=200".into(),
            "--kube-api-burst=400".into(),
        ]
    }
}

/// A kubectl command line; its caches stay with the kubeconfig.
pub fn kubectl(layout: &Layout, kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(layout.program("kubectl"));
    command.arg("--kubeconfig").arg(kubeconfig).args(arguments);
    // Without one it stays for minutes when what it asks goes away with the whole node.
    command.arg("--request-timeout=10s");
    command.env("KUBECACHEDIR", kubeconfig.with_file_name("kubectl-cache"));
    command
}
