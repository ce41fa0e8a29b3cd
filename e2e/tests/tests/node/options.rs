//! Options that say when a run begins, when it ends and what it means.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    manifest::{LOCUSTFILE, SMALL_USERS, small_test},
    node::{Node, expect_counted},
    runs::Runs,
    seen,
};
use serde_json::Value;

pub fn beginnings_and_ends(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "options")?;
    runs.kubectl.apply(
        &[
            small_test(
                "forgiving",
                "  master: {extraArgs: [--exit-code-on-error, \"0\"]}\n",
            )
            .replace(r#"get("/")"#, r#"get("/fail/always")"#),
            small_test("curious", "  master: {extraArgs: [--list]}\n"),
            small_test(
                "lingering",
                "  master: {autoquit: {enabled: true, timeout: 8}}\n",
            ),
            small_test(
                "staying",
                "  master: {autoquit: {enabled: false}}\n  timeout: 20s\n",
            ),
            small_test(
                "staying-failed",
                "  master: {autoquit: {enabled: false}}\n  timeout: 20s\n",
            )
            .replace(r#"get("/")"#, r#"get("/fail/always")"#),
            UNATTENDED.replace("LOCUSTFILE", LOCUSTFILE),
        ]
        .join("---"),
    )?;
    let test = runs.expect_end("forgiving", "Succeeded Passed/AllPassed", "failed")?;
    expect_counted(&runs.kubectl, &test)?;
    let summary = &test["status"]["summary"];
    ensure!(summary["failures"] == summary["requests"], "{summary}");
    seen::case(
        "requests fail, and `--exit-code-on-error 0` allows it",
        &test,
    )?;

    let test = runs.expect_end(
        "curious",
        "Succeeded Inconclusive/NoSummary",
        "without a summary",
    )?;
    seen::case(
        "an option makes Locust end without load, such as `--list`",
        &test,
    )?;

    let test = runs.expect_end(
        "unattended",
        "Failed Error/StartDeadlineExceeded",
        "startDeadline of 12s",
    )?;
    seen::case(
        "`autostart: false`, and nobody starts the load in time",
        &test,
    )?;

    let test = runs.expect_pass("lingering", SMALL_USERS, 1)?;
    let stayed = seconds_after_load(&runs, &test)?;
    ensure!((8..20).contains(&stayed), "it stayed for {stayed} s");

    let test = runs.expect_pass("staying", SMALL_USERS, 1)?;
    seen::case(
        "`autoquit.enabled: false` keeps the master up until `timeout`",
        &test,
    )?;
    let test = runs.expect_end("staying-failed", "Failed Failed/RequestsFailed", "failed")?;
    expect_counted(&runs.kubectl, &test)
}

/// Nobody presses Start.
const UNATTENDED: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: unattended}
spec:
  startDeadline: 12s
  testFiles:
    inline:LOCUSTFILE
  run: {host: http://demo-target}
  master: {autostart: false}
  worker: {replicas: 1}
"#;

/// How long the master was there after its load.
fn seconds_after_load(runs: &Runs<'_>, test: &Value) -> Result<i64> {
    let pods = runs.kubectl.list(
        "pods",
        "locust.io/role=master,performance-test-name=lingering",
    )?;
    let pod = pods.first().context("no pod")?;
    let ended = &pod["status"]["containerStatuses"][0]["state"]["terminated"]["finishedAt"];
    let unix = |time: &Value| -> Result<i64> {
        let time: jiff::Timestamp = time.as_str().context("a time")?.parse()?;
        Ok(time.as_second())
    };
    Ok(unix(ended)? - unix(&test["status"]["run"]["loadEndTime"])?)
}
