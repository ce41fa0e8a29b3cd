//! What has finished goes when its test says so.

use anyhow::{Result, ensure};
use e2e_tests::{
    manifest::small_test,
    node::{Node, RUN, SOON, expect_outcome, finished},
    once::expect_one_run,
    seen, wait_until,
};

/// First the pods with their Jobs, while the verdict stays; then the test with all that belongs to it.
pub fn what_has_finished_goes_in_time(node: &Node) -> Result<()> {
    let kubectl = node.namespace("retention")?;
    let retention =
        "  retention: {podsAfterFinished: 10s, testAfterPassed: 45s, testAfterFailed: 1h}\n";
    kubectl.apply(&small_test("brief", retention))?;
    let test = finished(&kubectl, "brief")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_one_run(node, &kubectl, &test)?;
    seen::case("a test with `retention` passes", &test)?;
    wait_until("its Jobs are gone", SOON, || {
        let jobs = kubectl.list("jobs", "")?;
        ensure!(jobs.is_empty(), "{} Jobs", jobs.len());
        Ok(())
    })?;
    let kept = kubectl.find("locusttest", "brief")?;
    ensure!(
        kept.is_some_and(|kept| kept["status"]["summary"] == test["status"]["summary"]),
        "the results stay for now"
    );
    wait_until("the test is gone", RUN, || {
        let left = kubectl.find("locusttest", "brief")?;
        let service = kubectl.find("service", "brief-master")?;
        ensure!(left.is_none() && service.is_none(), "still there");
        Ok(())
    })
}
