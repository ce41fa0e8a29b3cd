//! What runs.

use std::fmt;

use super::{ADDRESS, NAME, PROCESSES, dns};
use crate::control_plane::kubectl;
use crate::process::{self, Record};
use crate::{Layout, exec};

/// The parts that a booted node has.
pub const PARTS: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "containerd",
    "kubelet",
    "kube-proxy",
    "coredns",
];

/// The node's state.
pub struct Status {
    parts: Vec<(&'static str, Option<Record>)>,
    /// Versions of node, runtime and kernel; nothing when it is not Ready.
    ready: Option<String>,
    dns: bool,
    pods: Option<usize>,
    layout: Layout,
}

impl Status {
    /// Whether every part runs and works.
    pub fn healthy(&self) -> bool {
        self.parts.iter().all(|(_, record)| record.is_some()) && self.ready.is_some() && self.dns
    }
}

/// The process of one of [`PARTS`], if it runs.
fn part(layout: &Layout, name: &str) -> Option<Record> {
    process::remembered(&layout.cluster().join(PROCESSES))
        .into_iter()
        .find(|record| record.name == name && record.alive())
}

/// The id of the kubelet's process, if it runs.
pub fn kubelet(layout: &Layout) -> Option<u32> {
    part(layout, "kubelet").map(|record| record.pid)
}

/// Examines the node.
pub fn status(layout: &Layout) -> Status {
    let parts: Vec<_> = PARTS
        .iter()
        .map(|name| (*name, part(layout, name)))
        .collect();
    let any = parts.iter().any(|(_, record)| record.is_some());
    Status {
        ready: any.then(|| ready_node(layout)).flatten(),
        dns: any && dns::answers(),
        pods: any.then(|| pod_count(layout)).flatten(),
        parts,
        layout: layout.clone(),
    }
}

/// Versions of the node if it is Ready.
pub fn ready_node(layout: &Layout) -> Option<String> {
    let template = r#"{.status.conditions[?(@.type=="Ready")].status} {.status.nodeInfo.kubeletVersion} {.status.nodeInfo.containerRuntimeVersion}"#;
    let query = format!("jsonpath={template}");
    let arguments = ["--request-timeout=5s", "get", "node", NAME, "-o", &query];
    let said = exec::output(&mut kubectl(layout, &layout.kubeconfig(), &arguments)).ok()?;
    said.strip_prefix("True ").map(str::to_owned)
}

fn pod_count(layout: &Layout) -> Option<usize> {
    let arguments = [
        "--request-timeout=5s",
        "get",
        "pods",
        "--all-namespaces",
        "-o",
        "name",
    ];
    let said = exec::output(&mut kubectl(layout, &layout.kubeconfig(), &arguments)).ok()?;
    Some(said.lines().count())
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.healthy() {
            "healthy"
        } else if self.parts.iter().all(|(_, record)| record.is_none()) {
            "down"
        } else {
            "not healthy; `e2e-node up` repairs it"
        };
        writeln!(f, "node         {NAME} at {ADDRESS}: {state}")?;
        if let Some(versions) = &self.ready {
            writeln!(
                f,
                "Ready        kubelet {}",
                versions.replacen(' ', ", ", 1)
            )?;
        }
        for (name, record) in &self.parts {
            match record {
                Some(record) => writeln!(f, "  {name:<24} process {}", record.pid)?,
                None => writeln!(f, "  {name:<24} not running")?,
            }
        }
        if self.healthy() {
            writeln!(f, "pods         {}", self.pods.unwrap_or_default())?;
            writeln!(f, "kubeconfig   {}", self.layout.kubeconfig().display())?;
            writeln!(f, "audit log    {}", self.layout.audit_log().display())?;
        }
        writeln!(f, "programs     {}", self.layout.bin().display())?;
        writeln!(f, "logs         {}", self.layout.logs().display())
    }
}
