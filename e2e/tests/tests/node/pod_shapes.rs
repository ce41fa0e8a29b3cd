//! What a cluster does to pods that the operator made: sidecars, init containers, variables of Services.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    manifest::{LOCUSTFILE, SMALL_USERS, small_test},
    node::{Node, SOON, condition},
    policy::Injection,
    runs::Runs,
    seen, wait_until,
};

/// A mesh of today: an init container that ends, and a proxy that ends with the pod.
const NATIVE_SIDECAR: &str = r#"[
  JSONPatch{op: "add", path: "/spec/initContainers", value: []},
  JSONPatch{op: "add", path: "/spec/initContainers/-", value: Object.spec.initContainers{
    name: "mesh-init", image: "locustio/locust:2.47.0", command: ["true"]}},
  JSONPatch{op: "add", path: "/spec/initContainers/-", value: Object.spec.initContainers{
    name: "mesh-proxy", image: "locust-operator/pause:1", restartPolicy: "Always"}}]"#;

pub fn native_sidecar(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "sidecar")?;
    let _mesh = Injection::begin(&runs.kubectl, NATIVE_SIDECAR)?;
    runs.kubectl.apply(&small_test("meshed", ""))?;
    let test = runs.expect_pass("meshed", SMALL_USERS, 1)?;
    for job in ["meshed-master", "meshed-worker"] {
        expect_containers(&runs, job, 3)?;
        wait_until(&format!("{job} is complete"), SOON, || {
            let found = runs.kubectl.get("job", job)?;
            let complete = condition(&found, "Complete").context("not complete")?;
            ensure!(complete["status"] == "True", "{}", found["status"]);
            Ok(())
        })?;
    }
    seen::case("a mesh adds an init container and a native sidecar", &test)
}

/// A mesh of old: a second container that ends for nobody, and is the first of the pod.
const ORDINARY_SIDECAR: &str = r#"[JSONPatch{op: "add", path: "/spec/containers/0", value:
  Object.spec.containers{name: "istio-proxy", image: "locust-operator/pause:1"}}]"#;

pub fn ordinary_sidecar(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "old-sidecar")?;
    let _mesh = Injection::begin(&runs.kubectl, ORDINARY_SIDECAR)?;
    runs.kubectl.apply(&small_test("meshed", ""))?;
    let test = runs.expect_pass("meshed", SMALL_USERS, 1)?;
    // The pods never end by themselves, so the Jobs are ended; what Kubernetes says of them is documented.
    for job in ["meshed-master", "meshed-worker"] {
        let found = runs.kubectl.get("job", job)?;
        let failed = condition(&found, "Failed").context("it was ended")?;
        ensure!(failed["reason"] == "DeadlineExceeded", "{failed}");
    }
    seen::case("a mesh adds an ordinary container that never ends", &test)
}

/// So many proxies that end with the pod.
fn sidecars(count: usize) -> String {
    let empty = r#"[JSONPatch{op: "add", path: "/spec/initContainers", value: []}]"#;
    let one = |index: usize| {
        format!(
            r#" + [JSONPatch{{op: "add", path: "/spec/initContainers/-", value: Object.spec.initContainers{{
              name: "proxy-{index}", image: "locust-operator/pause:1", restartPolicy: "Always"}}}}]"#
        )
    };
    empty.to_owned() + &(0..count).map(one).collect::<String>()
}

const ENDPOINTS: usize = 100;

/// Five containers are as many as the plugin leaves room for in the messages of a pod; of nine the kubelet cuts the
/// message.
pub fn many_containers_and_long_names(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "many-containers")?;
    let (few, many) = (sidecars(4), sidecars(8));
    let is_wordy = "object.metadata.?labels['performance-test-name'].orValue('') == 'wordy'";
    let _mesh = Injection::begin(&runs.kubectl, &format!("({is_wordy} ? {few} : {many})"))?;
    runs.kubectl
        .apply(&[many_endpoints("wordy"), many_endpoints("wordier")].join("---"))?;
    let listed = expect_cut_summary(&runs, "wordy", 5)?;
    ensure!(listed >= 4, "only {listed} endpoints fitted");
    expect_cut_summary(&runs, "wordier", 9)?;
    Ok(())
}

/// Fails unless the summary has the totals, the endpoints that fit, and the number of those that do not; returns
/// how many fit.
fn expect_cut_summary(runs: &Runs<'_>, name: &str, containers: usize) -> Result<usize> {
    let test = runs.expect_pass(name, SMALL_USERS, 1)?;
    expect_containers(runs, &format!("{name}-master"), containers)?;
    let summary = &test["status"]["summary"];
    let endpoints = summary["endpoints"].as_array().context("endpoints")?;
    let names: BTreeSet<&str> = endpoints
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    ensure!(
        names.len() == endpoints.len() && names.iter().all(|it| it.starts_with("/aisle/")),
        "{names:?}"
    );
    ensure!(
        summary["endpointsOmitted"] == ENDPOINTS - endpoints.len(),
        "{} endpoints, {} omitted",
        endpoints.len(),
        summary["endpointsOmitted"]
    );
    ensure!(
        summary["final"] == true && summary["p99"].is_string(),
        "{summary}"
    );
    println!(
        "        {} endpoints in the message of a pod with {containers} containers",
        endpoints.len()
    );
    Ok(endpoints.len())
}

/// Requests to a hundred endpoints with names of 150 characters.
fn many_endpoints(name: &str) -> String {
    let endless = r#"
      locustfile.py: |
        import itertools
        import os
        from locust import HttpUser, constant, task

        SHELVES = itertools.cycle(["/aisle/" + "x" * 140 + "/%02d" % i for i in range(100)])

        class Visitor(HttpUser):
            wait_time = constant(0.02)

            def on_start(self):
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]

            @task
            def look(self):
                self.client.get(next(SHELVES))
"#;
    small_test(name, "").replace(LOCUSTFILE, endless)
}

/// Each would be read as an option by Locust, if its pods had the variables of Services.
const SERVICES: &str = r#"
{apiVersion: v1, kind: Service, metadata: {name: locust}, spec: {ports: [{port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: locust-web}, spec: {ports: [{port: 8089}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: locust-master}, spec: {ports: [{port: 5557}]}}
"#;

pub fn services_named_like_locust(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "service-names")?;
    runs.kubectl.apply(SERVICES)?;
    runs.kubectl.apply(&small_test("locust", ""))?;
    let test = runs.expect_pass("locust", SMALL_USERS, 1)?;
    seen::case(
        "the namespace has Services called `locust-web` and `locust`",
        &test,
    )
}

/// Fails unless the pods of a Job have so many containers: otherwise the case proves nothing.
fn expect_containers(runs: &Runs<'_>, job: &str, wanted: usize) -> Result<()> {
    let pods = runs
        .kubectl
        .list("pods", &format!("performance-test-pod-name={job}"))?;
    let pod = pods.first().context("no pod")?;
    let count = |field: &str| pod["spec"][field].as_array().map_or(0, Vec::len);
    let found = count("containers") + count("initContainers");
    ensure!(found == wanted, "{job} has {found} containers");
    Ok(())
}
