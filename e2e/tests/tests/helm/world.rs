//! What the cases share: releases on the node, and how to look at what became of them.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl, cluster,
    node::{Node, SOON, target_runs},
    wait_until,
};
use serde_json::{Value, json};

/// A release as somebody may have called it.
pub const RELEASE: &str = "load-tests";
pub const NAMESPACE: &str = "perf";
/// Name and namespace of the one in the documents.
const DOCUMENTED: &str = "locust-operator";
pub const DEFINITION: &str = "locusttests.locust.io";

/// A release on the node, and Helm.
pub struct Helm<'a> {
    pub node: &'a Node,
    release: &'static str,
    namespace: &'static str,
}

impl<'a> Helm<'a> {
    /// On a node without what other tests left: operators, every definition, and with it every test.
    pub fn on_empty(node: &'a Node) -> Result<Self> {
        let documented = Self {
            node,
            release: DOCUMENTED,
            namespace: DOCUMENTED,
        };
        let helm = Self {
            node,
            release: RELEASE,
            namespace: NAMESPACE,
        };
        documented.uninstall(&["--ignore-not-found"])?;
        helm.uninstall(&["--ignore-not-found"])?;
        helm.delete_definitions()?;
        for namespace in [DOCUMENTED, NAMESPACE] {
            node.remove(namespace)?;
        }
        Ok(helm)
    }

    /// The same of the release that the documents install, by whose name audit logs are read.
    pub fn of_the_documents(self) -> Self {
        Self {
            release: DOCUMENTED,
            namespace: DOCUMENTED,
            ..self
        }
    }

    pub fn delete_definitions(&self) -> Result<()> {
        cluster::delete_definitions(&self.node.kubectl)
    }

    /// A chart in this checkout.
    fn chart(&self, path: &str) -> String {
        let chart = self.node.layout().repo.join(path);
        chart.to_string_lossy().into_owned()
    }

    /// The release, of a chart in this checkout.
    pub fn install(&self, chart: &str, more: &[&str]) -> Result<()> {
        let chart = self.chart(chart);
        let arguments = [
            "install",
            self.release,
            &chart,
            "--namespace",
            self.namespace,
            "--create-namespace",
            "--wait",
            "--timeout=120s",
        ];
        self.node.helm(&[&arguments[..], more].concat())?;
        wait_until("the definition is served", SOON, || {
            self.node.kubectl.forget_kinds();
            self.node.kubectl.run(&["get", "locusttests", "-A"])
        })?;
        Ok(())
    }

    /// The release becomes one of the working chart.
    pub fn upgrade(&self, more: &[&str]) -> Result<()> {
        let chart = self.chart("charts/locust-operator");
        let arguments = [
            "upgrade",
            self.release,
            &chart,
            "--namespace",
            self.namespace,
            "--reset-values",
            "--wait",
            "--timeout=120s",
        ];
        self.node.helm(&[&arguments[..], more].concat())?;
        self.node.kubectl.forget_kinds();
        Ok(())
    }

    /// The release goes back to its first revision.
    pub fn roll_back(&self) -> Result<()> {
        let arguments = [
            "rollback",
            self.release,
            "1",
            "--namespace",
            self.namespace,
            "--wait",
            "--timeout=120s",
        ];
        self.node.helm(&arguments).map(drop)
    }

    pub fn uninstall(&self, more: &[&str]) -> Result<()> {
        let arguments = [
            "uninstall",
            self.release,
            "--namespace",
            self.namespace,
            "--wait",
            "--timeout=120s",
        ];
        self.node.helm(&[&arguments[..], more].concat()).map(drop)
    }

    /// The Deployments of the release's namespace.
    pub fn operators(&self) -> Result<Vec<Value>> {
        self.node
            .kubectl
            .in_namespace(self.namespace)
            .list("deployments", "")
    }

    pub fn definition(&self) -> Result<Value> {
        self.node.kubectl.get("crd", DEFINITION)
    }

    /// Fails unless nobody is asked to convert, and what needs no conversion works without an operator.
    pub fn expect_released(&self) -> Result<()> {
        let definition = self.definition()?;
        let conversion = &definition["spec"]["conversion"];
        ensure!(*conversion == json!({"strategy": "None"}), "{conversion}");
        let versions = definition["spec"]["versions"].as_array();
        let served: Vec<&Value> = versions
            .into_iter()
            .flatten()
            .filter(|version| version["served"] == true)
            .map(|version| &version["name"])
            .collect();
        ensure!(served == [&json!("v2")], "{served:?} are served");
        let left = self
            .node
            .kubectl
            .in_namespace(self.namespace)
            .list("jobs,deployments", "")?;
        ensure!(left.is_empty(), "left of the release: {left:?}");
        self.node
            .kubectl
            .run(&["get", "locusttests.v2.locust.io", "-A"])?;
        Ok(())
    }
}

pub fn uid(kubectl: &Kubectl, kind: &str, name: &str) -> Result<String> {
    let object = kubectl.get(kind, name)?;
    object["metadata"]["uid"]
        .as_str()
        .map(str::to_owned)
        .context("a UID")
}

/// The UIDs of objects, to tell whether one was made again.
pub fn uids(kubectl: &Kubectl, objects: &[(&str, &str)]) -> Result<Vec<String>> {
    let uids = objects.iter().map(|(kind, name)| uid(kubectl, kind, name));
    uids.collect()
}

/// Requests that the demo target counted of the run that marks its own like this.
pub fn requests(kubectl: &Kubectl, mark: &str) -> Result<u64> {
    let runs = target_runs(kubectl)?;
    Ok(runs["runs"][mark]["requests"].as_u64().unwrap_or(0))
}
