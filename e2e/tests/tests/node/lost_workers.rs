//! Workers that are lost while load runs: replaced and counted, and no verdict of their own unless all are.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    load::expect_load_ended,
    manifest::locust_test,
    node::{
        Node, RUN, SOON, condition, expect_counted_at_most, expect_logs_kept, expect_no_pods_left,
        expect_outcome, finished, loading, name_of, pods_of, state,
    },
    once::expect_one_run,
    seen, wait_until,
};
use serde_json::{Value, json};

/// A busy machine may need longer for the replacement than is allowed by default.
const HALF: &str = "  validity: {minWorkersPercent: 50}\n";

pub fn deleted(node: &Node) -> Result<()> {
    let kubectl = node.namespace("worker-deleted")?;
    kubectl.apply(&locust_test("thinned", "75s", HALF))?;
    let lost = a_worker(&kubectl, "thinned")?;
    kubectl.delete("pod", &lost)?;
    expect_users_on_the_other(&kubectl, "thinned")?;
    expect_replaced(&kubectl, "thinned")?;
    let test = expect_passed_with_one_lost(node, &kubectl, "thinned")?;
    seen::case("a worker pod is deleted during the load", &test)
}

pub fn evicted(node: &Node) -> Result<()> {
    let kubectl = node.namespace("worker-drained")?;
    kubectl.apply(&locust_test("drained", "75s", HALF))?;
    let lost = a_worker(&kubectl, "drained")?;
    let path = format!("/api/v1/namespaces/worker-drained/pods/{lost}/eviction");
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": lost}});
    kubectl.feed(
        &["create", "--raw", &path, "-f", "-"],
        &eviction.to_string(),
    )?;
    expect_replaced(&kubectl, "drained")?;
    let job = kubectl.get("job", "drained-worker")?;
    ensure!(
        job["status"]["failed"].as_i64().unwrap_or(0) == 0,
        "a drain is no failure of the worker: {}",
        job["status"]
    );
    let test = expect_passed_with_one_lost(node, &kubectl, "drained")?;
    seen::case("a worker's node is drained during the load", &test)
}

pub fn out_of_memory(node: &Node) -> Result<()> {
    let kubectl = node.namespace("worker-oom")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: hungry
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        import gevent
        from locust import HttpUser, constant, events, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})

        @events.test_start.add_listener
        def leak_later(environment, **_):
            gevent.spawn_later(3, leak, environment)

        def leak(environment):
            # Only on the first worker: the one that replaces it has another number.
            held = []
            while getattr(environment.runner, "worker_index", None) == 0:
                held.append(bytearray(16 << 20))
                gevent.sleep(0.05)
  run: {host: http://demo-target, users: 10, spawnRate: 10, runTime: 75s, stopTimeout: 5s}
  validity: {minWorkersPercent: 50}
  worker:
    replicas: 2
    resources:
      requests: {cpu: 50m, memory: 128Mi}
      limits: {memory: 256Mi}
"#,
    )?;
    wait_until("the worker was killed for its memory", RUN, || {
        let test = kubectl.get("locusttest", "hungry")?;
        let healthy = condition(&test, "PodsHealthy").cloned().unwrap_or_default();
        let words = healthy["message"].as_str().unwrap_or_default();
        ensure!(
            healthy["reason"] == "OOMKilled"
                && words.starts_with("1 pod(s) affected [hungry-worker-"),
            "{healthy}"
        );
        ensure!(test["status"]["phase"] == "Running", "{}", test["status"]);
        Ok(())
    })?;
    expect_replaced(&kubectl, "hungry")?;
    let events = kubectl.events("hungry")?;
    ensure!(
        events.iter().any(|event| event["reason"] == "OOMKilled"),
        "{events:?}"
    );
    let test = expect_passed_with_one_lost(node, &kubectl, "hungry")?;
    ensure!(
        state(&test, "PodsHealthy") == "False/OOMKilled",
        "what happened is still told at the end: {}",
        test["status"]["conditions"]
    );
    seen::case("a worker is killed for its memory during the load", &test)
}

pub fn all(node: &Node) -> Result<()> {
    let kubectl = node.namespace("workers-lost")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: deserted
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        import gevent
        from locust import HttpUser, constant, events, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})

        @events.test_start.add_listener
        def crash(**_):
            if os.environ["TEST_ROLE"] == "worker":
                print("the licence of a library has expired", flush=True)
                gevent.spawn_later(5, os._exit, 7)
  run: {host: http://demo-target, users: 4, spawnRate: 4, runTime: 5m, stopTimeout: 5s}
  worker: {replicas: 2}
"#,
    )?;
    let test = finished(&kubectl, "deserted")?;
    expect_outcome(&test, "Failed Inconclusive/WorkersLost", "all workers left")?;
    let message = test["status"]["message"].as_str().unwrap_or_default();
    ensure!(
        message.contains("exit code 7") && message.contains("the licence of a library has expired"),
        "the pods say why: {message}"
    );
    ensure!(
        test["status"]["workers"]["lost"] == 2,
        "{}",
        test["status"]["workers"]
    );
    expect_counted_at_most(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "deserted")?;
    expect_logs_kept(&kubectl, "deserted")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("all workers crash during the load", &test)
}

/// The name of a worker's pod, once load runs with all of them.
fn a_worker(kubectl: &Kubectl, test: &str) -> Result<String> {
    wait_until("load runs with all users", RUN, || {
        let test = loading(kubectl, test)?;
        let status = &test["status"];
        ensure!(
            status["workers"]["text"] == "2/2" && status["progress"]["users"] == 10,
            "{status}"
        );
        Ok(())
    })?;
    let pods = pods_of(kubectl, test, "worker")?;
    Ok(name_of(pods.first().context("no worker")?).to_owned())
}

/// Before the replacement is there, the worker that is left makes all the load.
fn expect_users_on_the_other(kubectl: &Kubectl, test: &str) -> Result<()> {
    wait_until("one worker has all users", SOON, || {
        let test = kubectl.get("locusttest", test)?;
        let status = &test["status"];
        ensure!(
            status["workers"]["text"] == "1/2"
                && state(&test, "WorkersConnected") == "False/WorkersMissing"
                && status["progress"]["users"] == 10,
            "{status}"
        );
        Ok(())
    })
}

fn expect_replaced(kubectl: &Kubectl, test: &str) -> Result<()> {
    wait_until("the lost worker is replaced", SOON, || {
        let test = kubectl.get("locusttest", test)?;
        let status = &test["status"];
        ensure!(
            status["phase"] == "Running"
                && status["workers"]["text"] == "2/2"
                && status["workers"]["lost"] == 1
                && state(&test, "WorkersConnected") == "True/AllWorkersConnected"
                && status["progress"]["users"] == 10,
            "{status}"
        );
        Ok(())
    })
}

fn expect_passed_with_one_lost(node: &Node, kubectl: &Kubectl, name: &str) -> Result<Value> {
    let test = finished(kubectl, name)?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    ensure!(
        test["status"]["workers"]["lost"] == 1,
        "{}",
        test["status"]["workers"]
    );
    expect_counted_at_most(kubectl, &test)?;
    expect_no_pods_left(kubectl, name)?;
    expect_one_run(node, kubectl, &test)?;
    Ok(test)
}
