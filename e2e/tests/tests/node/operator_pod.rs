//! The operator's own pod, as the chart installs it.

use anyhow::{Result, ensure};
use e2e_node::Layout;
use e2e_tests::node::{Node, name_of};
use serde_json::Value;

const LARGEST: u64 = 15 * 1024 * 1024;

pub fn small_and_locked_down(node: &Node) -> Result<()> {
    let kubectl = node.kubectl.in_namespace("locust-operator");
    let pods = kubectl.list("pods", "app.kubernetes.io/instance=locust-operator")?;
    ensure!(pods.len() >= 2, "{} replicas", pods.len());
    for pod in &pods {
        let container = &pod["spec"]["containers"][0];
        let security = &container["securityContext"];
        ensure!(security["readOnlyRootFilesystem"] == true, "{security}");
        ensure!(security["allowPrivilegeEscalation"] == false, "{security}");
        ensure!(security["capabilities"]["drop"][0] == "ALL", "{security}");
        ensure!(pod["spec"]["securityContext"]["runAsNonRoot"] == true);
        ensure!(
            pod["status"]["containerStatuses"][0]["restartCount"] == 0,
            "it never crashed"
        );
    }
    let lease = kubectl.get("lease", "locust-k8s-operator.locust.io")?;
    let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
    let held_by = |pod: &Value| holder.starts_with(&format!("{}_", name_of(pod)));
    ensure!(
        pods.iter().filter(|pod| held_by(pod)).count() == 1,
        "{holder:?} is none of the pods"
    );
    // Nothing is in the image but this file.
    let shell = kubectl.run(&[
        "exec",
        "deploy/locust-operator",
        "--",
        "/bin/sh",
        "-c",
        "true",
    ]);
    ensure!(shell.is_err(), "there is a shell in the image");
    let binary = Layout::discover()?.state.join("build/locust-operator");
    let size = std::fs::metadata(&binary)?.len();
    ensure!(size <= LARGEST, "{} has {size} bytes", binary.display());
    Ok(())
}
