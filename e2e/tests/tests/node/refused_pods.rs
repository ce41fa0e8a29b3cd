//! Pods that the API server does not let the Job controller create: its words reach the user, and the run starts once
//! it is allowed to.

use anyhow::{Result, ensure};
use e2e_tests::{
    Kubectl,
    audit::Filter,
    manifest::locust_test,
    node::{
        Node, OPERATOR, SOON, condition, expect_counted, expect_outcome, finished, state,
        target_total,
    },
    seen, wait_until,
};
use serde_json::Value;

/// Two lines of a spec that give up soon.
const SOON_OVER: &str = "  startDeadline: 12s\n";

pub fn quota_that_is_raised(node: &Node) -> Result<()> {
    let kubectl = node.namespace("quota-raised")?;
    // The demo target has one pod.
    kubectl.run(&["create", "quota", "few-pods", "--hard=pods=1"])?;
    let asked = || -> Result<usize> {
        let asked = Filter {
            user: OPERATOR,
            namespace: "quota-raised",
            ..Filter::default()
        };
        Ok(node.audit.requests(&asked)?.len())
    };
    // Those of an earlier run of this case.
    let before = asked()?;
    kubectl.apply(&locust_test("patient", "4s", ""))?;
    let message = refused(&kubectl, "patient")?;
    ensure!(
        message.contains("Job patient-worker")
            && message.contains(
                "exceeded quota: few-pods, requested: pods=1, used: pods=1, limited: pods=1"
            ),
        "{message}"
    );
    // Said once, however often the Job controller tries.
    let told = wait_until("the Job controller tries four times", SOON, || {
        let tries = kubectl.events("patient-worker")?.len();
        ensure!(tries >= 4, "{tries} tries");
        let mut events = kubectl.events("patient")?;
        events.retain(|event| event["reason"] == "FailedCreate");
        Ok(events)
    })?;
    ensure!(
        told.len() == 1 && told[0]["series"].is_null() && told[0]["type"] == "Warning",
        "{told:#?}"
    );
    // The claim and five objects, the UIDs and the condition, and a question every 3 s and more.
    let asked = asked()? - before;
    ensure!(asked < 30, "{asked} requests");
    kubectl.run(&["delete", "quota", "few-pods"])?;
    let test = finished(&kubectl, "patient")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(&kubectl, &test)?;
    ensure!(state(&test, "PodsHealthy") == "True/PodsHealthy");
    seen::case(
        "a quota keeps the pods from being created, and is raised in time",
        &test,
    )
}

pub fn quota_that_stays(node: &Node) -> Result<()> {
    let kubectl = node.namespace("quota-stays")?;
    kubectl.run(&["create", "quota", "few-pods", "--hard=pods=1"])?;
    kubectl.apply(&locust_test("refused", "4s", SOON_OVER))?;
    refused(&kubectl, "refused")?;
    let test = given_up(&kubectl, "refused", "exceeded quota: few-pods")?;
    // Nothing starts when the quota goes away after the verdict.
    kubectl.run(&["delete", "quota", "few-pods"])?;
    wait_until("both Jobs are over", SOON, || {
        for name in ["refused-master", "refused-worker"] {
            let job = kubectl.get("job", name)?;
            ensure!(
                state(&job, "Failed") == "True/DeadlineExceeded",
                "{}",
                job["status"]
            );
        }
        Ok(())
    })?;
    let pods = kubectl.list("pods", "performance-test-name=refused")?;
    ensure!(pods.is_empty(), "{} pods came after the end", pods.len());
    ensure!(target_total(&kubectl)? == 0, "nothing was sent");
    seen::case("a quota keeps the pods from being created", &test)
}

pub fn quota_for_some_pods(node: &Node) -> Result<()> {
    let kubectl = node.namespace("quota-workers")?;
    // Room for two pods beside the demo target, whichever come first: never for all three.
    kubectl.run(&["create", "quota", "few-pods", "--hard=pods=3"])?;
    kubectl.apply(&locust_test("halved", "4s", SOON_OVER))?;
    refused(&kubectl, "halved")?;
    given_up(&kubectl, "halved", "exceeded quota: few-pods")?;
    ensure!(target_total(&kubectl)? == 0, "nothing was sent");
    Ok(())
}

pub fn limit_range(node: &Node) -> Result<()> {
    let kubectl = node.namespace("limit-range")?;
    kubectl.apply(
        "
apiVersion: v1
kind: LimitRange
metadata: {name: tiny}
spec:
  limits:
  - type: Container
    max: {memory: 16Mi}
",
    )?;
    kubectl.apply(&locust_test("big", "4s", SOON_OVER))?;
    refused(&kubectl, "big")?;
    let test = given_up(
        &kubectl,
        "big",
        "maximum memory usage per Container is 16Mi",
    )?;
    seen::case("a LimitRange forbids what the pods ask for", &test)
}

pub fn pod_security(node: &Node) -> Result<()> {
    let kubectl = node.namespace("pod-security")?;
    node.kubectl.run(&[
        "label",
        "namespace",
        "pod-security",
        "pod-security.kubernetes.io/enforce=restricted",
    ])?;
    let loose =
        format!("{SOON_OVER}  security:\n    podSecurityContext: {{runAsNonRoot: false}}\n");
    kubectl.apply(&locust_test("loose", "4s", &loose))?;
    refused(&kubectl, "loose")?;
    let test = given_up(
        &kubectl,
        "loose",
        "violates PodSecurity \"restricted:latest\"",
    )?;
    seen::case("Pod Security forbids the pods", &test)
}

/// Waits until the test says that its pods are refused; returns the words.
fn refused(kubectl: &Kubectl, name: &str) -> Result<String> {
    wait_until("the API server's words are in the condition", SOON, || {
        let test = kubectl.get("locusttest", name)?;
        let found = state(&test, "PodsHealthy");
        ensure!(found == "False/FailedCreate", "{found}");
        ensure!(
            test["status"]["phase"] == "Pending",
            "{}",
            test["status"]["phase"]
        );
        let condition = condition(&test, "PodsHealthy");
        Ok(condition
            .map_or("", |it| it["message"].as_str().unwrap_or_default())
            .to_owned())
    })
}

/// Waits for the end at the deadline, with these words.
fn given_up(kubectl: &Kubectl, name: &str, words: &str) -> Result<Value> {
    let test = finished(kubectl, name)?;
    expect_outcome(&test, "Failed Error/FailedCreate", words)?;
    expect_outcome(&test, "Failed Error/FailedCreate", "startDeadline of 12s")?;
    ensure!(
        test["status"].get("startTime").is_none(),
        "load never began"
    );
    Ok(test)
}
