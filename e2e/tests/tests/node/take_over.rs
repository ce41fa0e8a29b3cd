//! A run that version 1 of the published operator started: watched to its end, not touched before.

use anyhow::{Result, ensure};
use e2e_tests::{
    node::{Node, RUN, SOON, expect_outcome, finished, name_of, state, target_runs},
    published::LOCUSTFILE,
    seen, wait_until,
};

/// What version 1 leaves of a running test: no status, a finalizer, objects without an owner, its labels, its command
/// lines, and a metrics exporter that does not end with Locust.
const PUBLISHED: &str = r#"
apiVersion: v1
kind: Service
metadata:
  name: team-old-master
spec:
  selector: {performance-test-pod-name: team-old-master}
  ports: [{name: port5557, port: 5557}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: team-old-master
  labels: {performance-test-name: team.old, performance-test-pod-name: team-old-master, managed-by: locust-k8s-operator}
spec:
  backoffLimit: 0
  template:
    metadata:
      labels: {performance-test-name: team.old, performance-test-pod-name: team-old-master, managed-by: locust-k8s-operator}
    spec:
      restartPolicy: Never
      containers:
        - name: team-old-master
          image: locustio/locust:2.47.0
          args: [--locustfile, /lotest/src/locustfile.py, --host, http://demo-target, --users, "4", --spawn-rate, "4", --run-time, 20s,
            --master, --master-port=5557, --expect-workers=1, --autostart, --autoquit, "3", --enable-rebalancing, --only-summary]
          volumeMounts: [{name: test, mountPath: /lotest/src/}]
        - name: locust-metrics-exporter
          image: locustio/locust:2.47.0
          command: [sleep, "600"]
      volumes: [{name: test, configMap: {name: locustfile}}]
---
apiVersion: batch/v1
kind: Job
metadata:
  name: team-old-worker
  labels: {performance-test-name: team.old, performance-test-pod-name: team-old-worker, managed-by: locust-k8s-operator}
spec:
  parallelism: 1
  backoffLimit: 0
  template:
    metadata:
      labels: {performance-test-name: team.old, performance-test-pod-name: team-old-worker, managed-by: locust-k8s-operator}
    spec:
      restartPolicy: Never
      containers:
        - name: team-old-worker
          image: locustio/locust:2.47.0
          args: [--locustfile, /lotest/src/locustfile.py, --worker, --master-port=5557, --master-host=team-old-master]
          volumeMounts: [{name: test, mountPath: /lotest/src/}]
      volumes: [{name: test, configMap: {name: locustfile}}]
"#;

const TEST: &str = "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: team.old, finalizers: [locusttests.locust.io/finalizer]}
spec:
  image: locustio/locust:2.47.0
  testFiles: {configMapRef: locustfile}
  master: {command: --locustfile /lotest/src/locustfile.py --host http://demo-target --users 4 --spawn-rate 4 --run-time 20s}
  worker: {command: --locustfile /lotest/src/locustfile.py, replicas: 1}
";

pub fn run_of_the_published_version_1(node: &Node) -> Result<()> {
    let kubectl = node.namespace("published-1")?;
    kubectl.apply(&format!("{LOCUSTFILE}---{PUBLISHED}"))?;
    let requests = || -> Result<u64> {
        let runs = target_runs(&kubectl)?;
        Ok(runs["runs"]["published"]["requests"].as_u64().unwrap_or(0))
    };
    wait_until("the published run loads", RUN, || {
        ensure!(requests()? > 10, "no load");
        Ok(())
    })?;
    let pods = || -> Result<Vec<String>> {
        let pods = kubectl.list("pods", "performance-test-name=team.old")?;
        Ok(pods.iter().map(|pod| name_of(pod).to_owned()).collect())
    };
    let before = pods()?;
    // As if this operator had come in the place of the other one now.
    kubectl.apply(TEST)?;
    let test = wait_until("the run is taken over", SOON, || {
        let test = kubectl.get("locusttest", "team.old")?;
        ensure!(
            test["status"]["run"]["takenOver"] == true,
            "{}",
            test["status"]
        );
        Ok(test)
    })?;
    ensure!(test["status"]["phase"] == "Running", "{}", test["status"]);
    let (then, test) = (requests()?, finished(&kubectl, "team.old")?);
    expect_outcome(&test, "Succeeded Passed/ExitCodeOnly", "exit code 0")?;
    ensure!(
        state(&test, "ResultsAvailable") == "False/ExitCodeOnly",
        "{}",
        test["status"]
    );
    ensure!(requests()? > then, "the load went on");
    let after = pods()?;
    ensure!(
        before == after && before.len() == 2,
        "pods {before:?} before, {after:?} after"
    );
    let log = kubectl.run(&["logs", "job/team-old-master", "-c", "team-old-master"])?;
    ensure!(log.contains("Shutting down (exit code 0)"), "{log}");
    let made = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
    ensure!(made.len() == 2, "no Job was made again");
    seen::case("version 1 of the published operator started the run", &test)?;
    // Its finalizer would hold the test for ever, and its objects had no owner.
    kubectl.run(&["delete", "locusttest", "team.old", "--timeout=30s"])?;
    wait_until("everything goes with the test", SOON, || {
        let left = kubectl.list("jobs,services", "")?;
        let left: Vec<_> = left
            .iter()
            .map(name_of)
            .filter(|name| name.starts_with("team-old"))
            .collect();
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    })
}
