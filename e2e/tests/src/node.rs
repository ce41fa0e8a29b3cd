//! The node with the operator installed, and test namespaces on it.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use e2e_node::Layout;
use serde_json::Value;

use crate::{AuditLog, Kubectl, cluster, helm, process::Frozen, wait_until};

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
    /// The namespaces that each thread has made since it tidied up.
    made: Mutex<Vec<(ThreadId, String)>>,
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
            made: Mutex::default(),
        })
    }

    /// Runs helm.
    pub fn helm(&self, arguments: &[&str]) -> Result<String> {
        helm::run(&self.layout.kubeconfig(), arguments)
    }

    /// A new namespace with the demo target in it.
    pub fn namespace(&self, name: &str) -> Result<Kubectl> {
        self.remove(name)?;
        self.note(&[name]);
        self.kubectl.run(&["create", "namespace", name])?;
        let kubectl = self.kubectl.in_namespace(name);
        deploy_target(&kubectl)?;
        Ok(kubectl)
    }

    /// Gives the node a label until what is returned is dropped.
    pub fn label(&self, key: &str, value: &str) -> Result<Label<'_>> {
        let name = name_of(&self.object()?).to_owned();
        let label = format!("{key}={value}");
        self.kubectl
            .run(&["label", "node", &name, &label, "--overwrite"])?;
        Ok(Label {
            node: self,
            name,
            key: key.to_owned(),
        })
    }

    /// Whether the node is called ready.
    pub fn is_ready(&self) -> Result<bool> {
        let ready = condition(&self.object()?, "Ready").cloned();
        Ok(ready.context("a condition Ready")?["status"] == "True")
    }

    fn object(&self) -> Result<Value> {
        let nodes = self.kubectl.list("nodes", "")?;
        nodes.into_iter().next().context("there is no node")
    }

    /// The kubelet hangs until what is returned is dropped.
    pub fn freeze_kubelet(&self) -> Result<Frozen> {
        let pid = e2e_node::node::kubelet(&self.layout).context("no kubelet runs")?;
        Frozen::new(pid)
    }

    /// New namespaces with nothing in them, all at once.
    pub fn namespaces(&self, names: &[String]) -> Result<Vec<Kubectl>> {
        self.delete(names, "--wait")?;
        self.note(names);
        cluster::namespaces(&self.kubectl, names)?;
        let inside = |name: &String| self.kubectl.in_namespace(name);
        Ok(names.iter().map(inside).collect())
    }

    /// Ends the operator that is installed, if one is. Definitions and tests stay.
    pub fn without_operator(&self) -> Result<()> {
        let namespace = ["--namespace", "locust-operator"];
        let mut arguments = vec![
            "uninstall",
            "locust-operator",
            "--ignore-not-found",
            "--wait",
        ];
        arguments.extend(namespace);
        self.helm(&arguments).map(drop)
    }

    /// Where the node and everything else is.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn note<N: AsRef<str>>(&self, names: &[N]) {
        let mine = thread::current().id();
        let names = names.iter().map(|name| (mine, name.as_ref().to_owned()));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.extend(names);
    }

    /// Begins to delete the namespaces that this thread has made: with each pod that is left, the kubelet has more to
    /// compare whenever another one changes.
    pub fn tidy(&self) {
        let mine = thread::current().id();
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<String> = made
            .extract_if(.., |(by, _)| *by == mine)
            .map(|(_, name)| name)
            .collect();
        drop(made);
        if !gone.is_empty() {
            // What could not be deleted is deleted by the next run.
            self.delete(&gone, "--wait=false").ok();
        }
    }

    /// Deletes a namespace of an earlier run.
    pub fn remove(&self, namespace: &str) -> Result<()> {
        self.delete(&[namespace], "--wait")
    }

    fn delete<N: AsRef<str>>(&self, namespaces: &[N], wait: &str) -> Result<()> {
        let mut arguments = vec!["delete", "namespace", "--ignore-not-found", wait];
        arguments.extend(namespaces.iter().map(AsRef::as_ref));
        self.kubectl.run(&arguments).map(drop)
    }
}

/// A label that the node has for a while.
pub struct Label<'a> {
    node: &'a Node,
    name: String,
    key: String,
}

impl Drop for Label<'_> {
    fn drop(&mut self) {
        let removal = format!("{}-", self.key);
        let arguments = ["label", "node", &self.name, &removal];
        if let Err(error) = self.node.kubectl.run(&arguments) {
            eprintln!("cannot remove the label {}: {error:#}", self.key);
        }
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
    target_total(kubectl).map(drop)
}

/// What the demo target counted, by run id.
pub fn target_runs(kubectl: &Kubectl) -> Result<Value> {
    ask_target(kubectl, "stats")
}

/// What the demo target served of known distributions, by run id and distribution.
pub fn target_distributions(kubectl: &Kubectl) -> Result<Value> {
    ask_target(kubectl, "distributions")
}

fn ask_target(kubectl: &Kubectl, what: &str) -> Result<Value> {
    let path = format!(
        "/api/v1/namespaces/{}/services/demo-target:80/proxy/-/{what}",
        kubectl.namespace()
    );
    // A target that a busy machine keeps from answering its probe is out of the Service for a moment.
    wait_until("the demo target answers", SOON, || {
        let answer = kubectl.run(&["get", "--raw", &path])?;
        Ok(serde_json::from_str(&answer)?)
    })
}

/// All requests that the demo target counted.
pub fn target_total(kubectl: &Kubectl) -> Result<u64> {
    target_runs(kubectl)?["total"].as_u64().context("no total")
}

/// The test once its load runs and requests were counted.
pub fn loading(kubectl: &Kubectl, name: &str) -> Result<Value> {
    wait_until(&format!("load of {name} runs"), RUN, || {
        let test = kubectl.get("locusttest", name)?;
        let status = &test["status"];
        let counted = status["progress"]["requests"].as_u64();
        ensure!(
            status["phase"] == "Running" && counted > Some(0),
            "{}",
            short(&test)
        );
        Ok(test)
    })
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

/// Fails unless the test ended like this, with a message that holds these words and conditions that say the same.
pub fn expect_outcome(test: &Value, wanted: &str, words: &str) -> Result<()> {
    let status = &test["status"];
    let message = status["message"].as_str().unwrap_or_default();
    let found = outcome(test);
    ensure!(
        found == wanted && message.contains(words),
        "wanted {wanted}: …{words}…, found {found}: {message}"
    );
    let reason = status["reason"].as_str().unwrap_or_default();
    let passed = status["verdict"] == "Passed";
    let succeeded = status["phase"] == "Succeeded";
    for (kind, wanted) in [
        ("Completed", format!("True/{reason}")),
        (
            "Succeeded",
            format!("{}/{reason}", if passed { "True" } else { "False" }),
        ),
        (
            "TestCompleted",
            format!(
                "True/Test{}",
                if succeeded { "Succeeded" } else { "Failed" }
            ),
        ),
        ("Reconciling", String::new()),
    ] {
        let found = state(test, kind);
        ensure!(found == wanted, "{kind}: wanted {wanted}, found {found}");
    }
    let connected = state(test, "WorkersConnected");
    ensure!(
        connected.starts_with("False/"),
        "workers of an ended test are {connected}"
    );
    Ok(())
}

/// Fails unless the demo target here counted as many requests of this run as the summary says.
pub fn expect_counted(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let (counted, received, runs) = counts(kubectl, test)?;
    ensure!(
        received == counted && counted > Some(0),
        "Locust counted {counted:?}, the target received {received:?}: {runs}"
    );
    Ok(())
}

/// The requests of a run as its summary counts them, and as the demo target does; all that the target counted.
fn counts(kubectl: &Kubectl, test: &Value) -> Result<(Option<u64>, Option<u64>, Value)> {
    let run = test["status"]["run"]["id"].as_str().unwrap_or_default();
    let runs = target_runs(kubectl)?;
    let received = runs["runs"][run]["requests"].as_u64();
    let counted = test["status"]["summary"]["requests"].as_u64();
    Ok((counted, received, runs))
}

/// The pods of one role of a test.
pub fn pods_of(kubectl: &Kubectl, test: &str, role: &str) -> Result<Vec<Value>> {
    let selector = format!("performance-test-name={test},locust.io/role={role}");
    kubectl.list("pods", &selector)
}

/// The pod of a test's master.
pub fn master_pod(kubectl: &Kubectl, test: &str) -> Result<Value> {
    let pods = pods_of(kubectl, test, "master")?;
    pods.into_iter().next().context("the master has no pod")
}

/// The name of an object.
pub fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// Fails unless Locust counted no more requests of this run than the demo target, and some.
///
/// When a process is killed, the last seconds of what it did are not counted.
pub fn expect_counted_at_most(kubectl: &Kubectl, test: &Value) -> Result<()> {
    let (counted, received, runs) = counts(kubectl, test)?;
    ensure!(
        counted > Some(0) && counted <= received,
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

/// Waits until pods of both roles of an ended test are there, each with its log. A pod that was made in place of another
/// as the run ended has none, and goes again.
pub fn expect_logs_kept(kubectl: &Kubectl, test: &str) -> Result<()> {
    for role in ["master", "worker"] {
        wait_until(&format!("the logs of each {role} of {test}"), SOON, || {
            let pods = pods_of(kubectl, test, role)?;
            ensure!(!pods.is_empty(), "no pod of the {role} is left");
            for pod in pods {
                let log = kubectl.run(&["logs", name_of(&pod)])?;
                ensure!(
                    log.contains("Starting Locust"),
                    "the log of {}: {log}",
                    name_of(&pod)
                );
            }
            Ok(())
        })?;
    }
    Ok(())
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
