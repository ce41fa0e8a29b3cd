//! The chart's dashboard and alerts with data of a real run in a real Prometheus.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    node::{Node, SOON, expect_outcome, finished, loading, master_pod, name_of},
    prometheus::{Prometheus, Target, panels},
    wait_until,
};
use serde_json::{Value, json};

const NAMESPACE: &str = "prometheus";
const TEST: &str = "watched";
/// These have data when a run is over.
const AFTER_THE_RUN: [&str; 1] = ["Runs finished in the last hour"];
/// These have data when something is wrong.
const IN_TROUBLE: [&str; 1] = ["Watch errors"];

/// One of its endpoints fails. It runs for as long as Prometheus needs to have seen all of it.
const MANIFEST: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: watched
spec:
  testFiles:
    inline:
      locustfile.py: |
        from locust import HttpUser, constant, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task(4)
            def home(self):
                self.client.get("/")

            @task
            def broken(self):
                self.client.get("/fail/recommendations")
  run: {host: http://demo-target, users: 4, spawnRate: 4, runTime: 40s, stopTimeout: 5s}
  worker: {replicas: 1}
"#;

pub fn dashboard_and_alerts_have_data(node: &Node) -> Result<()> {
    let kubectl = node.namespace(NAMESPACE)?;
    kubectl.apply(MANIFEST)?;
    loading(&kubectl, TEST)?;
    let monitoring = node.layout().repo.join("charts/locust-operator/monitoring");
    let alerts = fs::read_to_string(monitoring.join("alerts.yaml"))?;
    let dashboard = fs::read_to_string(monitoring.join("dashboard.json"))?;
    let panels = panels(&serde_json::from_str(&dashboard)?, NAMESPACE, TEST)?;
    let mut targets = operators(node)?;
    targets.push(master(&kubectl)?);
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus");
    let prometheus = Prometheus::start(&directory, &targets, &alerts)?;

    let later = [AFTER_THE_RUN, IN_TROUBLE].concat();
    expect_data(&prometheus, &panels, |title| !later.contains(&title))?;
    wait_until("the numbers are those of the test", SOON, || {
        let workers = value_of(&prometheus, "test_workers_expected")?;
        let users = value_of(&prometheus, "test_users")?;
        ensure!(
            (workers, users) == (1.0, 4.0),
            "{workers} workers, {users} users"
        );
        Ok(())
    })?;

    let test = finished(&kubectl, TEST)?;
    expect_outcome(&test, "Failed Failed/RequestsFailed", "failed")?;
    expect_data(&prometheus, &panels, |title| AFTER_THE_RUN.contains(&title))?;
    wait_until("nothing of the run is left", SOON, || {
        let all = format!(
            "{{__name__=~\"locust_operator_(test|endpoint)_.*\",namespace=\"{NAMESPACE}\"}}"
        );
        let left = prometheus.query(&all)?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })?;
    expect_alerts(&prometheus)
}

/// Fails unless all queries of these panels come to have data.
fn expect_data(
    prometheus: &Prometheus,
    panels: &[(String, Vec<String>)],
    wanted: impl Fn(&str) -> bool,
) -> Result<()> {
    for (title, queries) in panels.iter().filter(|(title, _)| wanted(title)) {
        for query in queries {
            wait_until(&format!("{title} has data: {query}"), SOON, || {
                ensure!(!prometheus.query(query)?.is_empty(), "it has none");
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// Fails unless the alert about the run that failed fires, the one about a missing leader does not, and all can be
/// evaluated.
fn expect_alerts(prometheus: &Prometheus) -> Result<()> {
    wait_until("the failed run fires an alert", SOON, || {
        let rules = prometheus.rules()?;
        for rule in &rules {
            ensure!(rule["health"] == "ok", "{rule}");
        }
        let named = |name: &str| {
            let rule = rules.iter().find(|rule| rule["name"] == name);
            rule.with_context(|| format!("no rule {name}"))
        };
        let fired = named("LocustRunNotPassed")?["alerts"].as_array();
        let failed = |alert: &Value| {
            alert["state"] == "firing"
                && alert["labels"]["verdict"] == "Failed"
                && alert["labels"]["reason"] == "RequestsFailed"
        };
        ensure!(
            fired.into_iter().flatten().any(failed),
            "{}",
            named("LocustRunNotPassed")?
        );
        let leader = named("LocustOperatorNoLeader")?;
        ensure!(leader["state"] == "inactive", "{leader}");
        Ok(())
    })
}

/// The only value of a metric of the test.
fn value_of(prometheus: &Prometheus, metric: &str) -> Result<f64> {
    let series = prometheus.query(&format!(
        "locust_operator_{metric}{{namespace=\"{NAMESPACE}\",test=\"{TEST}\"}}"
    ))?;
    ensure!(series.len() == 1, "{metric}: {series:?}");
    let value = series[0]["value"][1].as_str().context("a value")?;
    Ok(value.parse()?)
}

/// All replicas of the operator, as the ServiceMonitor finds them.
fn operators(node: &Node) -> Result<Vec<Target>> {
    let namespace = "locust-operator";
    let kubectl = node.kubectl.in_namespace(namespace);
    let pods = kubectl.list("pods", "app.kubernetes.io/name=locust-k8s-operator")?;
    let pods = pods.iter().map(|pod| target(pod, 8080, namespace, true));
    pods.collect()
}

/// The test's master, as the PodMonitor finds it.
fn master(kubectl: &Kubectl) -> Result<Target> {
    let mut target = target(&master_pod(kubectl, TEST)?, 9646, NAMESPACE, false)?;
    target.labels["test"] = json!(TEST);
    Ok(target)
}

fn target(pod: &Value, port: u16, namespace: &str, honor_labels: bool) -> Result<Target> {
    let address = pod["status"]["podIP"].as_str().context("a pod's address")?;
    Ok(Target {
        address: format!("{address}:{port}"),
        labels: json!({"namespace": namespace, "pod": name_of(pod)}),
        honor_labels,
        job: name_of(pod).to_owned(),
    })
}
