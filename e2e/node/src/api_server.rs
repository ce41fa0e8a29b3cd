//! API servers for tests: etcd, kube-apiserver and kube-controller-manager,
//! no node. Real Jobs and garbage collection, but no containers.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use rustix::process::Signal;

use crate::control_plane::{ControlPlane, Parts, kubectl};
use crate::process::{self, Lifetime, Record};
use crate::{Layout, exec, ports};

/// The store of an API server.
pub const ETCD: &str = "etcd";
/// The API server itself.
pub const API_SERVER: &str = "kube-apiserver";
/// The controllers of Jobs and of garbage, among others.
pub const CONTROLLERS: &str = "kube-controller-manager";

const OWNER: &str = "owner.json";
const PROCESSES: &str = "processes.jsonl";

/// An API server of a test. It ends when this is dropped, and with the
/// process that booted it however that ends.
pub struct ApiServer {
    layout: Layout,
    plane: ControlPlane,
    parts: Parts,
    /// Whether it is left running when this is dropped.
    keep: bool,
}

impl ApiServer {
    /// Boots an API server of this process. The name only tells its files
    /// apart; servers of the same name do not disturb each other.
    pub fn boot(name: &str) -> Result<Self> {
        static BOOTED: AtomicU32 = AtomicU32::new(0);
        let number = BOOTED.fetch_add(1, Ordering::Relaxed);
        let unique = format!("{name}.{}-{number}", std::process::id());
        Self::boot_in(Layout::discover()?, &unique, Lifetime::OfParent)
    }

    /// Boots an API server that stays until [`down`] ends it; does nothing
    /// when it runs already. Returns its directory's kubeconfig.
    pub fn keep_up(name: &str) -> Result<PathBuf> {
        let layout = Layout::discover()?;
        let directory = layout.api().join(name);
        let kubeconfig = directory.join("kubeconfig");
        let records = process::remembered(&directory.join(PROCESSES));
        let ready = exec::output(&mut kubectl(
            &layout,
            &kubeconfig,
            &["get", "--raw", "/readyz"],
        ))
        .is_ok();
        if records.len() == 3 && records.iter().all(Record::alive) && ready {
            return Ok(kubeconfig);
        }
        down(&layout, name)?;
        let mut server = Self::boot_in(layout, name, Lifetime::UntilEnded)?;
        server.keep = true;
        Ok(kubeconfig)
    }

    fn boot_in(layout: Layout, name: &str, lifetime: Lifetime) -> Result<Self> {
        sweep(&layout);
        let directory = layout.api().join(name);
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        if lifetime == Lifetime::OfParent {
            let owner = Record::of("owner", std::process::id());
            fs::write(directory.join(OWNER), serde_json::to_string(&owner)?)?;
        }
        let [api, etcd, peer] = ports::free(3)?[..] else {
            bail!("no free ports")
        };
        let plane = ControlPlane::create(&directory, name, "127.0.0.1", api, [etcd, peer])?;
        let parts = Parts::new(
            &layout,
            directory.join("logs"),
            directory.join(PROCESSES),
            lifetime,
        );
        let mut server = Self {
            layout,
            plane,
            parts,
            keep: false,
        };
        server
            .start()
            .with_context(|| format!("API server {name} did not boot"))?;
        Ok(server)
    }

    fn start(&mut self) -> Result<()> {
        self.start_part(ETCD)?;
        self.start_part(API_SERVER)?;
        self.wait_ready()?;
        self.start_part(CONTROLLERS)?;
        let (plane, layout) = (&self.plane, &self.layout);
        self.parts
            .wait_for("the default service account", CONTROLLERS, || {
                let arguments = ["get", "serviceaccount", "default", "-o", "name"];
                exec::output(&mut kubectl(layout, &plane.file("kubeconfig"), &arguments)).is_ok()
            })
    }

    fn start_part(&mut self, part: &str) -> Result<()> {
        let arguments = match part {
            ETCD => self.plane.etcd(),
            API_SERVER => {
                let mut arguments = self.plane.api_server();
                arguments.push("--bind-address=127.0.0.1".into());
                // A loopback address cannot be an endpoint of the Service `kubernetes`.
                arguments.push("--endpoint-reconciler-type=none".into());
                arguments
            }
            CONTROLLERS => self.plane.controller_manager(),
            _ => bail!("an API server has no part {part}"),
        };
        self.parts.start(part, &arguments)
    }

    /// Kills a part, as a crash would.
    pub fn kill(&mut self, part: &str) -> Result<()> {
        self.parts.kill_one(part)
    }

    /// Starts a part that was killed.
    pub fn revive(&mut self, part: &str) -> Result<()> {
        self.start_part(part)?;
        self.wait_ready()
    }

    /// Halts a part: it is there and does nothing.
    pub fn freeze(&self, part: &str) -> Result<()> {
        self.parts.signal(part, Signal::STOP)
    }

    /// Lets a part that was halted go on.
    pub fn thaw(&self, part: &str) -> Result<()> {
        self.parts.signal(part, Signal::CONT)
    }

    /// Waits until the API server says that it is ready.
    pub fn wait_ready(&mut self) -> Result<()> {
        let (plane, layout) = (&self.plane, &self.layout);
        self.parts
            .wait_for(API_SERVER, API_SERVER, || plane.ready(layout))
    }

    /// The administrator's kubeconfig.
    pub fn kubeconfig(&self) -> PathBuf {
        self.plane.file("kubeconfig")
    }

    /// The audit log, one JSON event per line.
    pub fn audit_log(&self) -> PathBuf {
        self.plane.file("audit.log")
    }

    /// The directory of all its files; gone when this is dropped.
    pub fn directory(&self) -> &Path {
        &self.plane.directory
    }

    /// The server's URL.
    pub fn url(&self) -> String {
        self.plane.url()
    }

    /// The kubectl program.
    pub fn kubectl_path(&self) -> PathBuf {
        self.layout.program("kubectl")
    }

    /// A kubectl command line for this server.
    pub fn kubectl(&self, arguments: &[&str]) -> Command {
        kubectl(&self.layout, &self.kubeconfig(), arguments)
    }

    /// Process ids of its three parts.
    pub fn pids(&self) -> Vec<u32> {
        process::remembered(&self.plane.file(PROCESSES))
            .iter()
            .map(|record| record.pid)
            .collect()
    }
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = self.parts.kill() {
            eprintln!("API server {}: {error:#}", self.plane.name);
        }
        if std::thread::panicking() {
            keep_logs(&self.layout, &self.plane.directory);
        }
        fs::remove_dir_all(&self.plane.directory).ok();
    }
}

/// Keeps what explains a failed test.
fn keep_logs(layout: &Layout, directory: &Path) {
    let Some(name) = directory.file_name() else {
        return;
    };
    let kept = layout
        .logs()
        .join(format!("api-{}", name.to_string_lossy()));
    fs::rename(directory.join("logs"), &kept).ok();
    fs::rename(directory.join("audit.log"), kept.join("audit.log")).ok();
    eprintln!("logs of the API server: {}", kept.display());
}

/// Ends the API server with this name, if there is one.
pub fn down(layout: &Layout, name: &str) -> Result<()> {
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        bail!("`{name}` cannot be the name of an API server: it is a directory's name");
    }
    remove(&layout.api().join(name))
}

fn remove(directory: &Path) -> Result<()> {
    process::kill_all(&process::remembered(&directory.join(PROCESSES)))?;
    if directory.exists() {
        fs::remove_dir_all(directory)
            .with_context(|| format!("cannot remove {}", directory.display()))?;
    }
    Ok(())
}

/// Removes what test processes that were killed left behind.
fn sweep(layout: &Layout) {
    let directories = fs::read_dir(layout.api()).into_iter().flatten().flatten();
    for directory in directories.map(|entry| entry.path()) {
        let owner = fs::read_to_string(directory.join(OWNER)).ok();
        let owner: Option<Record> = owner.and_then(|text| serde_json::from_str(&text).ok());
        if owner.is_some_and(|owner| !owner.alive()) {
            // Another process may be sweeping the same directory.
            let _ = remove(&directory);
        }
    }
}
