//! What the cases share: the node without an operator, a demo target, and the rights of an operator.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::Kubectl;
use e2e_tests::manifest::test_of_target;
use e2e_tests::node::{Node, target_runs};
use e2e_tests::proxy::Launch;
use e2e_tests::remains::{Remains, Writes};
use e2e_tests::user::{self, Scope, User};
use jiff::Timestamp;
use serde_json::Value;

/// Namespace of the demo target and of the operators' user.
const COMMON: &str = "faults";
/// How long a short run may take beside many others.
pub const RUN: Duration = Duration::from_secs(120);

pub struct World {
    pub node: Node,
    /// Where the demo target is.
    pub target: Kubectl,
    /// Has the chart's rights in all namespaces.
    pub user: User,
    directory: PathBuf,
    /// Runs of tries before, whose tests went with their namespaces.
    earlier: Mutex<BTreeSet<String>>,
}

impl World {
    pub fn set_up() -> Result<Self> {
        e2e_tests::operator::binary()?;
        let node = Node::up()?;
        if node.kubectl.find("crd", "locusttests.locust.io")?.is_none() {
            // Definitions that Helm did not make would be in the way of the next install.
            Node::with_operator(&[])?;
        }
        node.without_operator()?;
        let directory = node.layout().state.join("faults");
        fs::create_dir_all(directory.join("logs"))?;
        let target = node.namespace(COMMON)?;
        let rules = user::operator_rules(Scope::Cluster)?;
        let user = user::create(&target, "operator", Scope::Cluster, &rules, &directory)?;
        Ok(Self {
            node,
            target,
            user,
            directory,
            earlier: Mutex::default(),
        })
    }

    /// Namespaces made anew.
    pub fn namespaces(&self, names: &[String]) -> Result<Vec<Kubectl>> {
        let is_of_these = |test: &&Value| names.iter().any(|name| *name == namespace_of(test));
        let tests = self.tests()?;
        let earlier = runs(tests.iter().filter(is_of_these));
        self.earlier().extend(earlier);
        self.node.namespaces(names)
    }

    fn earlier(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.earlier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All tests.
    fn tests(&self) -> Result<Vec<Value>> {
        let mut list = self.node.kubectl.json(&["get", "locusttests", "-A"])?;
        let items = list["items"].as_array_mut().context("a list")?;
        Ok(std::mem::take(items))
    }

    /// How operators of a namespace are started.
    pub fn launch(&self, namespace: &str) -> Launch {
        Launch {
            kubeconfig: self.user.kubeconfig.clone(),
            directory: self.directory.clone(),
            name: namespace.to_owned(),
            arguments: vec![
                format!("--watch-namespace={namespace}"),
                // Many runs at once fit the node.
                "--pod-cpu-request=20m".to_owned(),
            ],
        }
    }

    /// A test in a namespace.
    pub fn apply(&self, kubectl: &Kubectl, run_time: &str) -> Result<()> {
        self.apply_with(kubectl, run_time, "")
    }

    /// A test with more lines in its spec in a namespace.
    pub fn apply_with(&self, kubectl: &Kubectl, run_time: &str, more: &str) -> Result<()> {
        kubectl
            .apply(&test_of_target("demo", run_time, COMMON, more))
            .map(drop)
    }

    /// How the run in this namespace ended, once it was checked that it happened once.
    pub fn ended(&self, kubectl: &Kubectl) -> Result<Ended> {
        let remains = Remains::of(kubectl, "demo")?;
        let writes = Writes::of(&self.node.audit, &self.user.name, kubectl.namespace())?;
        // A try before may have had the name.
        let writes = writes.since(made(kubectl)?);
        writes.check_once(&remains)?;
        Ok(Ended { remains, writes })
    }
}

fn namespace_of(test: &Value) -> &str {
    test["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// When a namespace was made.
fn made(kubectl: &Kubectl) -> Result<Timestamp> {
    let namespace = kubectl.json(&["get", "namespace", kubectl.namespace()])?;
    created(&namespace).context("a time")
}

/// In whole seconds.
fn created(object: &Value) -> Option<Timestamp> {
    object["metadata"]["creationTimestamp"]
        .as_str()?
        .parse()
        .ok()
}

/// The runs of these tests, if they began one.
fn runs<'a>(tests: impl Iterator<Item = &'a Value>) -> BTreeSet<String> {
    let id = |test: &Value| test["status"]["run"]["id"].as_str().map(str::to_owned);
    tests.filter_map(id).collect()
}

/// The target saw one run for each test that loaded it, and no other.
pub fn the_target_saw_each_run_once(world: &World) -> Result<()> {
    let mut tests = world.tests()?;
    // Tests of before this target are none of ours.
    let begin = made(&world.target)?;
    tests.retain(|test| {
        namespace_of(test).starts_with(COMMON) && created(test).is_some_and(|time| time >= begin)
    });
    let all = runs(tests.iter());
    let loaded = |test: &&Value| test["status"]["summary"]["requests"].as_u64() > Some(0);
    let loading = runs(tests.iter().filter(loaded));
    let counted = target_runs(&world.target)?;
    let counted = counted["runs"].as_object().context("runs")?;
    let mut seen: BTreeSet<String> = counted.keys().cloned().collect();
    seen.retain(|run| !world.earlier().contains(run));
    let (strange, missing): (Vec<_>, Vec<_>) = (
        seen.difference(&all).collect(),
        loading.difference(&seen).collect(),
    );
    ensure!(
        strange.is_empty() && missing.is_empty() && !seen.is_empty(),
        "runs of no test: {strange:?}; tests that were not seen: {missing:?}"
    );
    println!("        {} runs of {} tests", seen.len(), all.len());
    Ok(())
}

/// What is left of a run.
pub struct Ended {
    pub remains: Remains,
    pub writes: Writes,
}
