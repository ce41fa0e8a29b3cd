//! A node that is out of touch. It disturbs all runs, so it runs after them, alone.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e_tests::{
    manifest::locust_test,
    node::{
        Node, SOON, expect_counted, expect_no_pods_left, expect_outcome, finished, loading,
        target_total,
    },
    once::expect_one_run,
    seen, wait_until,
};

/// The kubelet's silence is noticed after 50 s; pods are evicted after 5 minutes more.
const NOTICED_WITHIN: Duration = Duration::from_secs(120);

pub fn kubelet_is_away_while_a_run_ends(node: &Node) -> Result<()> {
    let kubectl = node.namespace("kubelet-away")?;
    kubectl.apply(&locust_test("unheard", "10s", ""))?;
    loading(&kubectl, "unheard")?;
    let hung = node.freeze_kubelet()?;
    wait_until("the node is not ready", NOTICED_WITHIN, || {
        let ready = node.is_ready()?;
        ensure!(!ready, "it is ready");
        Ok(())
    })?;
    let test = kubectl.get("locusttest", "unheard")?;
    ensure!(
        test["status"]["phase"] == "Running" && test["status"].get("verdict").is_none(),
        "its result is on the node: {}",
        test["status"]
    );
    drop(hung);
    let test = finished(&kubectl, "unheard")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    wait_until("the node is ready again", SOON, || {
        ensure!(node.is_ready()?, "it is not");
        target_total(&kubectl)
    })?;
    expect_counted(&kubectl, &test)?;
    expect_no_pods_left(&kubectl, "unheard")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("the node is out of touch while the run ends", &test)
}
