//! Runs whose load starts later than they were created.

use anyhow::{Result, ensure};
use e2e_tests::{
    manifest::{LOCUSTFILE, locust_test},
    node::{
        Node, RUN, SOON, condition, expect_counted, expect_no_pods_left, expect_outcome, finished,
        state,
    },
    once::expect_one_run,
    seen, wait_until,
    web_ui::WebUi,
};

pub fn unschedulable_until_a_node_fits(node: &Node) -> Result<()> {
    const LABEL: &str = "late-starts.example.com/load";
    let kubectl = node.namespace("unschedulable")?;
    let choice = format!("  scheduling: {{nodeSelector: {{{LABEL}: \"yes\"}}}}\n");
    kubectl.apply(&locust_test("choosy", "5s", &choice))?;
    wait_until("the scheduler's words are in the condition", SOON, || {
        let test = kubectl.get("locusttest", "choosy")?;
        let healthy = condition(&test, "PodsHealthy").cloned().unwrap_or_default();
        let words = healthy["message"].as_str().unwrap_or_default();
        ensure!(
            healthy["status"] == "False"
                && healthy["reason"] == "SchedulingError"
                && words.starts_with("3 pod(s) affected")
                && words.contains("didn't match Pod's node affinity/selector"),
            "{healthy}"
        );
        ensure!(
            test["status"]["phase"] == "Pending"
                && test["status"].get("verdict").is_none()
                && state(&test, "WorkersConnected") == "False/WaitingForWorkers",
            "{}",
            test["status"]
        );
        Ok(())
    })?;
    wait_until("an event says it too", SOON, || {
        let events = kubectl.events("choosy")?;
        let told = events
            .iter()
            .filter(|event| event["reason"] == "SchedulingError" && event["type"] == "Warning");
        ensure!(told.count() > 0, "{events:?}");
        Ok(())
    })?;
    let label = node.label(LABEL, "yes")?;
    let test = finished(&kubectl, "choosy")?;
    drop(label);
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    ensure!(
        state(&test, "PodsHealthy") == "True/PodsHealthy",
        "{}",
        test["status"]["conditions"]
    );
    expect_counted(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "choosy")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("no node takes the pods at first, then one does", &test)
}

pub fn started_in_the_web_ui(node: &Node) -> Result<()> {
    let kubectl = node.namespace("by-hand")?;
    kubectl.apply(&format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: by-hand
spec:
  testFiles:
    inline:{LOCUSTFILE}
  run: {{host: http://demo-target, stopTimeout: 5s}}
  master: {{autostart: false}}
  worker: {{replicas: 2}}
"#
    ))?;
    wait_until("the workers wait for somebody to press Start", RUN, || {
        let test = kubectl.get("locusttest", "by-hand")?;
        let status = &test["status"];
        ensure!(
            status["phase"] == "Pending"
                && status["workers"]["text"] == "2/2"
                && state(&test, "WorkersConnected") == "True/AllWorkersConnected",
            "{status}"
        );
        Ok(())
    })?;
    WebUi::of(&kubectl, "by-hand")?.start(&[
        ("user_count", "6"),
        ("spawn_rate", "6"),
        ("run_time", "6s"),
        ("host", "http://demo-target"),
    ])?;
    wait_until("load runs", SOON, || {
        let test = kubectl.get("locusttest", "by-hand")?;
        let status = &test["status"];
        ensure!(
            status["phase"] == "Running" && status["progress"]["users"] == 6,
            "{status}"
        );
        Ok(())
    })?;
    let test = finished(&kubectl, "by-hand")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "by-hand")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case(
        "`autostart: false`, started in the web UI with a run time",
        &test,
    )
}
