//! The node with the operator installed, and test namespaces on it.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use e2e_node::Layout;
use serde_json::Value;

use crate::{AuditLog, Kubectl, wait_until};

/// Who the operator is to the API server.
pub const OPERATOR: &str = "system:serviceaccount:locust-operator:locust-operator";
/// How long a pod may take to start or end on a busy machine.
pub const SOON: Duration = Duration::from_secs(60);
/// How long a short run may take from apply to verdict.
pub const RUN: Duration = Duration::from_secs(120);

/// The node with the operator installed.
pub struct Node {
    /// kubectl as cluster administrator, in no namespace.
    pub kubectl: Kubectl,
    /// The API server's audit log.
    pub audit: AuditLog,
    layout: Layout,
}

impl Node {
    /// The node that is up, with the operator of this checkout installed by Helm with these arguments.
    pub fn with_operator(helm_arguments: &[&str]) -> Result<Self> {
        let node = Self::up()?;
        let script = Layout::discover()?.repo.join("e2e/install.sh");
        let output = Command::new(&script).args(helm_arguments).output()?;
        ensure!(
            output.status.success(),
            "{} failed: {}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(node)
    }

    /// The node that is up.
    pub fn up() -> Result<Self> {
        let layout = Layout::discover()?;
        ensure!(
            layout.kubeconfig().exists(),
            "the node is not up; run `make node-up image`"
        );
        Ok(Self {
            kubectl: Kubectl::new(&layout.kubeconfig())?,
            audit: AuditLog::new(&layout.audit_log()),
            layout,
        })
    }

    /// Runs helm.
    pub fn helm(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(self.layout.program("helm"))
            .env("KUBECONFIG", self.layout.kubeconfig())
            .args(arguments)
            .output()
            .context("cannot run helm")?;
        ensure!(
            output.status.success(),
            "helm {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A new namespace with the demo target in it.
    pub fn namespace(&self, name: &str) -> Result<Kubectl> {
        self.remove(name)?;
        self.kubectl.run(&["create", "namespace", name])?;
        let kubectl = self.kubectl.in_namespace(name);
        deploy_target(&kubectl)?;
        Ok(kubectl)
    }

    /// Deletes a namespace of an earlier run.
    pub fn remove(&self, namespace: &str) -> Result<()> {
        let arguments = [
            "delete",
            "namespace",
            namespace,
            "--ignore-not-found",
            "--wait",
        ];
        self.kubectl.run(&arguments).map(drop)
    }
}

/// Deploys the demo target and waits until it answers.
pub fn deploy_target(kubectl: &Kubectl) -> Result<()> {
    let manifest = Layout::discover()?.repo.join("e2e/target/manifest.yaml");
    kubectl.run(&["apply", "-f", &manifest.to_string_lossy()])?;
    kubectl.run(&[
        "rollout",
        "status",
        "deployment/demo-target",
        "--timeout=90s",
    ])?;
    wait_until("the demo target answers", SOON, || target_total(kubectl)).map(drop)
}

/// What the demo target counted, by run id.
pub fn target_runs(kubectl: &Kubectl) -> Result<Value> {
    let path = format!(
        "/api/v1/namespaces/{}/services/demo-target:80/proxy/-/stats",
        kubectl.namespace()
    );
    Ok(serde_json::from_str(
        &kubectl.run(&["get", "--raw", &path])?,
    )?)
}

/// All requests that the demo target counted.
pub fn target_total(kubectl: &Kubectl) -> Result<u64> {
    target_runs(kubectl)?["total"].as_u64().context("no total")
}

/// The test once it is over.
pub fn finished(kubectl: &Kubectl, name: &str) -> Result<Value> {
    wait_until(&format!("{name} is over"), RUN, || {
        let test = kubectl.get("locusttest", name)?;
        match condition(&test, "Completed") {
            Some(condition) if condition["status"] == "True" => Ok(test),
            _ => bail!("{}", short(&test)),
        }
    })
}

/// A condition of an object.
pub fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object["status"]["conditions"]
        .as_array()?
        .iter()
        .find(|condition| condition["type"] == kind)
}

/// A condition's status and reason.
pub fn state(object: &Value, kind: &str) -> String {
    condition(object, kind).map_or_else(String::new, |condition| {
        format!(
            "{}/{}",
            condition["status"].as_str().unwrap_or_default(),
            condition["reason"].as_str().unwrap_or_default()
        )
    })
}

/// `phase verdict/reason` of a test, as in decision tables.
pub fn outcome(test: &Value) -> String {
    let text = |field: &str| test["status"][field].as_str().unwrap_or_default();
    format!("{} {}/{}", text("phase"), text("verdict"), text("reason"))
}

/// Fails unless the test ended like this, with a message that holds these words.
pub fn expect_outcome(test: &Value, wanted: &str, words: &str) -> Result<()> {
    let message = test["status"]["message"].as_str().unwrap_or_default();
    let found = outcome(test);
    ensure!(
        found == wanted && message.contains(words),
        "wanted {wanted}: …{words}…, found {found}: {message}"
    );
    Ok(())
}

/// Fails unless the demo target counted as many requests of this run as the summary says.
pub fn expect_counted(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let run = test["status"]["run"]["id"].as_str().unwrap_or_default();
    let runs = target_runs(kubectl)?;
    let received = runs["runs"][run]["requests"].as_u64();
    let counted = test["status"]["summary"]["requests"].as_u64();
    ensure!(
        received == counted && counted > Some(0),
        "Locust counted {counted:?}, the target received {received:?}: {runs}"
    );
    Ok(())
}

/// Waits until no pod of a test is left running.
pub fn expect_no_pods_left(kubectl: &Kubectl, test: &str) -> Result<()> {
    let selector = format!("performance-test-name={test}");
    wait_until(&format!("{test} has no pod that runs"), SOON, || {
        let pods = kubectl.list("pods", &selector)?;
        let over = |pod: &Value| {
            ["Succeeded", "Failed"].contains(&pod["status"]["phase"].as_str().unwrap_or_default())
        };
        match pods.iter().find(|pod| !over(pod)) {
            Some(pod) => Err(anyhow!(
                "{} is {}",
                pod["metadata"]["name"],
                pod["status"]["phase"]
            )),
            None => Ok(()),
        }
    })
}

fn short(test: &Value) -> String {
    let status = &test["status"];
    format!(
        "phase {}, workers {}, {}",
        status["phase"],
        status["workers"]["text"],
        state(test, "PodsHealthy")
    )
}
