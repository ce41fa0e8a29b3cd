//! Who reaches the pods of a run, on a node whose network keeps to policies.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    manifest::small_test,
    node::{Node, SOON, loading, master_pod},
    reach::probe,
    wait_until,
};

/// The operator does too: it reads the numbers of both.
pub fn only_its_workers_reach_a_master(node: &Node) -> Result<()> {
    let kubectl = node.namespace("policies")?;
    kubectl.apply(&format!(
        "{}---{}",
        small_test("guarded", "").replace("runTime: 10s", "runTime: 5m"),
        small_test("other", "").replace("runTime: 10s", "runTime: 5m")
    ))?;
    for test in ["guarded", "other"] {
        loading(&kubectl, test)?;
    }
    let pod = master_pod(&kubectl, "guarded")?;
    let master = pod["status"]["podIP"].as_str().context("no address")?;
    for (test, seen) in [
        ("guarded", "5557 open\n8089 closed\n9646 closed\n"),
        ("other", "5557 closed\n8089 closed\n9646 closed\n"),
    ] {
        expect(&kubectl, test, master, seen)?;
    }
    kubectl.delete("locusttest", "guarded")?;
    kubectl.delete("locusttest", "other")
}

/// Waits until a worker of a test sees this of a master: policies are in force a moment after the pods are there.
fn expect(kubectl: &Kubectl, test: &str, master: &str, seen: &str) -> Result<()> {
    let worker = format!("job/{test}-worker");
    let probe = probe(master);
    let look = ["exec", &worker, "--", "python3", "-c", &probe];
    wait_until(&format!("what a worker of {test} reaches"), SOON, || {
        let found = kubectl.run(&look)?;
        ensure!(found == seen, "{found}, and not {seen}");
        Ok(())
    })
}
