//! Workers that come and go while load runs, because somebody wants another number of them.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    load::expect_load_ended,
    manifest::locust_test,
    node::{
        Node, SOON, expect_counted, expect_no_pods_left, expect_outcome, finished, loading,
        master_pod, name_of, pods_of, state,
    },
    once::expect_one_run,
    seen, wait_until,
};
use serde_json::Value;

const USERS: u64 = 12;

/// Sharing the users takes seconds.
const SHARED_WITHIN: Duration = Duration::from_secs(60);

/// Two workers, then six, then three: each has its share of the users, none is lost, and every request is counted.
pub fn more_and_then_fewer_workers(node: &Node) -> Result<()> {
    let kubectl = node.namespace("scaled")?;
    let test = locust_test("grown", "90s", "")
        .replace("users: 10", &format!("users: {USERS}"))
        .replace(
            "replicas: 2",
            "replicas: 2\n    resources: {requests: {cpu: 20m}}",
        );
    kubectl.apply(&test)?;
    loading(&kubectl, "grown")?;
    for workers in [6, 3] {
        kubectl.run(&[
            "scale",
            "locusttest/grown",
            &format!("--replicas={workers}"),
        ])?;
        expect_shares(&kubectl, "grown", workers)?;
    }
    let test = finished(&kubectl, "grown")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    let counts = &test["status"]["workers"];
    ensure!(
        counts["lost"] == 0
            && counts["peak"] == 6
            && counts["desired"] == 3
            && counts["scaled"] == true,
        "{counts}"
    );
    expect_counted(&kubectl, &test)?;
    expect_load_ended(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "grown")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case(
        "`kubectl scale` takes a test from 2 to 6 and to 3 workers during the load",
        &test,
    )
}

/// Waits until so many workers have all users among them, as many each.
fn expect_shares(kubectl: &Kubectl, name: &str, workers: u64) -> Result<()> {
    let master = master_pod(kubectl, name)?;
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}:8089/proxy/stats/requests",
        kubectl.namespace(),
        name_of(&master)
    );
    wait_until(
        &format!("{workers} workers share the users"),
        SHARED_WITHIN,
        || {
            let stats: Value = serde_json::from_str(&kubectl.run(&["get", "--raw", &path])?)?;
            let shares = stats["workers"].as_array().context("a list of workers")?;
            let running = shares.iter().filter(|worker| worker["state"] == "running");
            let shares: Vec<u64> = running
                .filter_map(|worker| worker["user_count"].as_u64())
                .collect();
            ensure!(
                shares.len() as u64 == workers
                    && shares.iter().all(|share| *share == USERS / workers),
                "users of the workers: {shares:?}"
            );
            Ok(())
        },
    )?;
    wait_until("kubectl shows it", SOON, || {
        let test = kubectl.get("locusttest", name)?;
        let status = &test["status"];
        ensure!(
            status["workers"]["text"] == format!("{workers}/{workers}")
                && status["phase"] == "Running"
                && state(&test, "WorkersConnected") == "True/AllWorkersConnected",
            "{status}"
        );
        let pods = pods_of(kubectl, name, "worker")?;
        let running = pods
            .iter()
            .filter(|pod| pod["status"]["phase"] == "Running");
        ensure!(running.count() as u64 == workers, "pods of the workers");
        Ok(())
    })
}
