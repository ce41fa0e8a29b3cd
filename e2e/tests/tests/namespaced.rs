//! The chart installed for one namespace only, with a Role and no ClusterRole.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    harness,
    manifest::locust_test,
    node::{Node, deploy_target, expect_counted, expect_outcome, finished},
    wait::stays_so,
};

const OWN: &str = "locust-operator";
const ELSEWHERE: &str = "elsewhere";

fn has_no_cluster_wide_rights(node: &Node) -> Result<()> {
    let roles = node
        .kubectl
        .list("clusterroles", "app.kubernetes.io/instance=locust-operator")?;
    ensure!(roles.is_empty(), "{roles:?}");
    Ok(())
}

fn runs_a_test_in_its_namespace_and_none_elsewhere(node: &Node) -> Result<()> {
    let own = node.kubectl.in_namespace(OWN);
    own.run(&["delete", "locusttests", "--all", "--wait"])?;
    node.remove(ELSEWHERE)?;
    node.kubectl.run(&["create", "namespace", ELSEWHERE])?;
    let elsewhere = node.kubectl.in_namespace(ELSEWHERE);
    elsewhere.apply(&locust_test("other", "5s", ""))?;
    deploy_target(&own)?;
    own.apply(&locust_test("own", "5s", ""))?;
    let test = finished(&own, "own")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&own, &test)?;
    own.get("networkpolicy", "own-master")?;
    stays_so(
        "the other test is left alone",
        Duration::from_secs(2),
        || {
            let other = elsewhere.get("locusttest", "other")?;
            ensure!(other.get("status").is_none(), "{other}");
            Ok(())
        },
    )
}

fn tests_outlive_an_uninstall(node: &Node) -> Result<()> {
    node.helm(&["uninstall", "locust-operator", "--namespace", OWN, "--wait"])?;
    let kept = node.kubectl.in_namespace(OWN).get("locusttest", "own")?;
    ensure!(kept["status"]["verdict"] == "Passed", "{}", kept["status"]);
    node.kubectl
        .in_namespace(OWN)
        .run(&["delete", "locusttests", "--all"])?;
    node.remove(ELSEWHERE)
}

fn main() -> ExitCode {
    // In this order: each builds on the one before.
    harness::one_by_one(
        &[
            ("has_no_cluster_wide_rights", has_no_cluster_wide_rights),
            (
                "runs_a_test_in_its_namespace_and_none_elsewhere",
                runs_a_test_in_its_namespace_and_none_elsewhere,
            ),
            ("tests_outlive_an_uninstall", tests_outlive_an_uninstall),
        ],
        || {
            Node::with_operator(&["--set", "watch.scope=Namespace"])
                .context("cannot install the operator")
        },
    )
}
