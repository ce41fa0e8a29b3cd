//! Ends of a load: what Locust itself, its users and the operator make of it.

use anyhow::{Result, ensure};
use e2e_tests::{
    load::expect_load_ended,
    manifest::{LOCUSTFILE, locust_test},
    node::{
        Node, expect_counted, expect_counted_at_most, expect_logs_kept, expect_no_pods_left,
        expect_outcome, finished, loading, name_of, state, target_total,
    },
    once::expect_one_run,
    seen,
    web_ui::WebUi,
};

/// Load without a run time, and load whose run time is longer than the timeout.
pub fn timeout_stops_the_load(node: &Node) -> Result<()> {
    let kubectl = node.namespace("timeout")?;
    kubectl.apply(&format!(
        "{}---{}",
        format_args!(
            r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: endless
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run: {{host: http://demo-target, users: 5, spawnRate: 5}}
  worker: {{replicas: 1}}
  timeout: 12s
"#
        ),
        locust_test("too-long", "10m", "  timeout: 12s\n")
    ))?;
    for (name, situation) in [
        ("endless", "no run time, and `timeout` passes"),
        ("too-long", "`timeout` passes before the run time"),
    ] {
        let test = finished(&kubectl, name)?;
        expect_outcome(&test, "Failed Inconclusive/Timeout", "its timeout of 12s")?;
        ensure!(
            state(&test, "WorkersConnected") == "False/TestEnded",
            "{}",
            test["status"]["conditions"]
        );
        expect_counted_at_most(&kubectl, &test)?;
        expect_load_ended(&kubectl, &test)?;
        expect_no_pods_left(&kubectl, name)?;
        expect_one_run(node, &kubectl, &test)?;
        seen::case(situation, &test)?;
    }
    Ok(())
}

pub fn stopped_in_the_web_ui(node: &Node) -> Result<()> {
    let kubectl = node.namespace("ui-stop")?;
    kubectl.apply(&locust_test("halted", "5m", ""))?;
    loading(&kubectl, "halted")?;
    WebUi::of(&kubectl, "halted")?.stop()?;
    let test = finished(&kubectl, "halted")?;
    expect_outcome(
        &test,
        "Failed Inconclusive/StoppedEarly",
        "stopped before its run time",
    )?;
    expect_counted(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "halted")?;
    expect_logs_kept(&kubectl, "halted")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("somebody presses Stop in Locust's web UI", &test)
}

pub fn no_requests(node: &Node) -> Result<()> {
    let kubectl = node.namespace("no-requests")?;
    kubectl.apply(&format!(
        "{}---{}",
        format_args!(
            r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: no-host
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run: {{users: 2, spawnRate: 2, runTime: 4s}}
  worker: {{replicas: 1}}
"#
        ),
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: no-tasks
spec:
  testFiles:
    inline:
      locustfile.py: |
        from locust import HttpUser, constant

        class Idler(HttpUser):
            wait_time = constant(0.2)
  run: {host: http://demo-target, users: 2, spawnRate: 2, runTime: 4s}
  worker: {replicas: 1}
"#
    ))?;
    for (name, situation) in [
        ("no-host", "no host is set"),
        ("no-tasks", "the users have no tasks"),
    ] {
        let test = finished(&kubectl, name)?;
        expect_outcome(
            &test,
            "Failed Inconclusive/NoRequests",
            "without a single request",
        )?;
        ensure!(
            test["status"]["summary"]["requests"] == 0,
            "{}",
            test["status"]["summary"]
        );
        expect_no_pods_left(&kubectl, name)?;
        expect_logs_kept(&kubectl, name)?;
        expect_one_run(node, &kubectl, &test)?;
        seen::case(situation, &test)?;
    }
    ensure!(target_total(&kubectl)? == 0, "nothing was sent");
    Ok(())
}

/// What a locustfile says with `environment.process_exit_code`, whatever the requests say.
pub fn own_exit_codes(node: &Node) -> Result<()> {
    let kubectl = node.namespace("exit-codes")?;
    let test = |name: &str, path: &str, code: i32| {
        format!(
            r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: {name}
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from locust import HttpUser, constant, events, task

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def visit(self):
                self.client.get("{path}", headers={{"X-Run-Id": os.environ["TEST_RUN_ID"]}})

        @events.quitting.add_listener
        def judge(environment, **_):
            environment.process_exit_code = {code}
  run: {{host: http://demo-target, users: 3, spawnRate: 3, runTime: 10s, stopTimeout: 5s}}
  worker: {{replicas: 1}}
"#
        )
    };
    kubectl.apply(&format!(
        "{}---{}",
        test("strict", "/", 42),
        test("lenient", "/fail/always", 0)
    ))?;
    let strict = finished(&kubectl, "strict")?;
    expect_outcome(&strict, "Failed Failed/ExitCode", "exit code 42")?;
    let lenient = finished(&kubectl, "lenient")?;
    expect_outcome(&lenient, "Succeeded Passed/AllPassed", "failed")?;
    let summary = &lenient["status"]["summary"];
    ensure!(
        summary["failures"] == summary["requests"],
        "the failures are told: {summary}"
    );
    for (test, situation) in [
        (
            &strict,
            "no request fails, and the locustfile sets `process_exit_code = 42`",
        ),
        (
            &lenient,
            "requests fail, and the locustfile sets `process_exit_code = 0`",
        ),
    ] {
        expect_counted(&kubectl, test)?;
        expect_no_pods_left(&kubectl, name_of(test))?;
        expect_logs_kept(&kubectl, name_of(test))?;
        expect_one_run(node, &kubectl, test)?;
        seen::case(situation, test)?;
    }
    Ok(())
}

/// The master dispatches users of a class that workers do not have: Locust goes on without users to the end of the
/// run time, and its exit code is 0.
pub fn user_classes_differ(node: &Node) -> Result<()> {
    let kubectl = node.namespace("classes-differ")?;
    kubectl.apply(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: estranged
spec:
  testFiles:
    inline:
      shopper.py: |
        import os
        from locust import HttpUser, constant, task

        class Shopper(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})
      robot.py: |
        from locust import HttpUser, constant, task

        class Robot(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/robots.txt")
  run: {host: http://demo-target, users: 4, spawnRate: 4, runTime: 10s, stopTimeout: 5s}
  master: {command: -f /lotest/src/shopper.py}
  worker: {command: -f /lotest/src/robot.py, replicas: 2}
"#,
    )?;
    let test = finished(&kubectl, "estranged")?;
    expect_outcome(
        &test,
        "Failed Inconclusive/NoRequests",
        "KeyError: 'Shopper'",
    )?;
    ensure!(target_total(&kubectl)? == 0, "nothing was sent");
    expect_no_pods_left(&kubectl, "estranged")?;
    expect_logs_kept(&kubectl, "estranged")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("master and workers load different user classes", &test)
}
