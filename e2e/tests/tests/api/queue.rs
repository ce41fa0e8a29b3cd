//! Tests that wait for others before they are claimed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, Operator, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, condition, report};
use crate::world::{Place, SOON, World};

fn test(name: &str, more: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {{name: {name}}}
spec:
  testFiles: {{inline: {{locustfile.py: ''}}}}
  worker: {{replicas: 2}}
{more}
---"
    )
}

fn in_group(name: &str) -> String {
    test(name, "  concurrencyGroup: shop")
}

/// Waits until the test says that it waits, with these words.
fn expect_queued(kubectl: &Kubectl, name: &str, reason: &str, words: &str) -> Result<()> {
    wait_until(&format!("{name} waits"), SOON, || {
        let status = kubelet::status(kubectl, name)?;
        let queued = condition(&status, "Queued");
        ensure!(
            queued["status"] == "True"
                && [&queued["reason"], &status["reason"]] == [reason, reason]
                && [&queued["message"], &status["message"]] == [words, words],
            "{status}"
        );
        ensure!(
            status["phase"] == "Pending"
                && status["run"].is_null()
                && condition(&status, "Ready")["status"] == "False",
            "{status}"
        );
        Ok(())
    })
}

/// Ends the run of a test that has started.
fn end(kubectl: &Kubectl, name: &str) -> Result<Value> {
    let id = kubelet::started(kubectl, name)?["run"]["id"].take();
    let id = id.as_str().context("a run id")?;
    kubelet::end_master(kubectl, name, 0, &report(id, &json!({})).to_string())?;
    kubelet::ended(kubectl, name)
}

/// Nothing of this test was made.
fn expect_nothing_made(kubectl: &Kubectl, name: &str) -> Result<()> {
    let made = kubectl.list(
        "jobs,services,configmaps",
        &format!("performance-test-name={name}"),
    )?;
    ensure!(made.is_empty(), "{made:?}");
    Ok(())
}

/// Its clocks begin with its turn: it was claimed after the other was over, with all that could load.
fn expect_began_after(kubectl: &Kubectl, name: &str, other: &str) -> Result<()> {
    let claimed = kubelet::started(kubectl, name)?["run"]["claimedAt"].take();
    for job in [format!("{other}-master"), format!("{other}-worker")] {
        let job = kubectl.get("job", &job)?;
        let over = ["Complete", "Failed"].map(|kind| condition(&job["status"], kind));
        let over = over.iter().find(|over| over["status"] == "True");
        let over = over.with_context(|| format!("{} is not over", job["metadata"]["name"]))?;
        ensure!(
            over["lastTransitionTime"].as_str() <= claimed.as_str(),
            "{name} was claimed at {claimed}, and {} was over at {}",
            job["metadata"]["name"],
            over["lastTransitionTime"]
        );
    }
    Ok(())
}

pub fn a_group_runs_one_test_at_a_time(world: &World) -> Result<()> {
    let place = world.main.place("queue")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&in_group("zebra"))?;
    kubelet::started(kubectl, "zebra")?;
    // Times of creation are whole seconds.
    std::thread::sleep(Duration::from_millis(1100));
    kubectl.apply(
        &[
            in_group("bear"),
            in_group("apple"),
            test("free", ""),
            test("other", "  concurrencyGroup: cart"),
        ]
        .concat(),
    )?;
    let order: Vec<String> = {
        let tests = kubectl.list("lotest", "")?;
        let mut waiting: Vec<_> = tests
            .iter()
            .filter(|test| {
                ["apple", "bear"].contains(&test["metadata"]["name"].as_str().unwrap_or_default())
            })
            .map(|test| {
                [
                    &test["metadata"]["creationTimestamp"],
                    &test["metadata"]["name"],
                ]
                .map(|it| it.as_str().unwrap_or_default().to_owned())
            })
            .collect();
        waiting.sort();
        waiting.into_iter().map(|[_, name]| name).collect()
    };
    let [second, third] = [&order[0], &order[1]];
    expect_queued(
        kubectl,
        second,
        "GroupBusy",
        "2nd of 3 in group shop, behind zebra",
    )?;
    expect_queued(
        kubectl,
        third,
        "GroupBusy",
        &format!("3rd of 3 in group shop, behind {second}"),
    )?;
    kubelet::started(kubectl, "free")?;
    kubelet::started(kubectl, "other")?;
    let names = kubectl.run(&[
        "get",
        "lotest",
        "--field-selector",
        "spec.concurrencyGroup=shop",
        "-o",
        "name",
    ])?;
    assert_eq!(names.lines().count(), 3, "{names}");

    // A test that is suspended leaves the queue, and is last when it is back, behind one that has begun.
    kubectl.patch("lotest", second, &json!({"spec": {"suspend": true}}))?;
    expect_queued(
        kubectl,
        third,
        "GroupBusy",
        "2nd of 2 in group shop, behind zebra",
    )?;
    wait_until("it is suspended", SOON, || {
        let status = kubelet::status(kubectl, second)?;
        ensure!(
            status["reason"] == "Suspended" && condition(&status, "Queued").is_null(),
            "{status}"
        );
        Ok(())
    })?;
    expect_nothing_made(kubectl, second)?;
    expect_nothing_made(kubectl, third)?;
    end(kubectl, "zebra")?;
    expect_began_after(kubectl, third, "zebra")?;
    let status = kubelet::started(kubectl, third)?;
    ensure!(
        condition(&status, "Queued").is_null() && status["message"].is_null(),
        "{status}"
    );
    kubectl.patch("lotest", second, &json!({"spec": {"suspend": false}}))?;
    expect_queued(
        kubectl,
        second,
        "GroupBusy",
        &format!("2nd of 2 in group shop, behind {third}"),
    )?;

    // A test that is deleted makes room when its pods are gone.
    kubectl.delete("lotest", third)?;
    let status = kubelet::started(kubectl, second)?;
    ensure!(status["run"]["id"].is_string(), "{status}");
    let left = kubectl.list("pods", &format!("performance-test-name={third}"))?;
    ensure!(left.is_empty(), "{left:?}");
    place.settled()?;
    place.check_status_writes()
}

/// One that cannot run, or is stopped, keeps nobody waiting.
pub fn a_queue_goes_on_without_those_that_cannot_run(world: &World) -> Result<()> {
    let place = world.main.place("queue-gaps")?;
    let kubectl = &place.kubectl;
    let invalid = test(
        "a-invalid",
        "  concurrencyGroup: shop\n  master: {command: \"-f 'open\"}",
    );
    kubectl.apply(&in_group("a-first"))?;
    kubelet::started(kubectl, "a-first")?;
    // The webhook would refuse it; where there is none the operator finds it.
    kubectl.apply(&invalid)?;
    kubectl.apply(&[in_group("b-stopped"), in_group("c-last")].concat())?;
    wait_until("it is invalid", SOON, || {
        let status = kubelet::status(kubectl, "a-invalid")?;
        ensure!(
            status["reason"] == "InvalidSpec" && condition(&status, "Queued").is_null(),
            "{status}"
        );
        Ok(())
    })?;
    expect_queued(
        kubectl,
        "c-last",
        "GroupBusy",
        "3rd of 3 in group shop, behind b-stopped",
    )?;
    kubectl.patch("lotest", "b-stopped", &json!({"spec": {"stop": true}}))?;
    let stopped = kubelet::ended(kubectl, "b-stopped")?;
    ensure!(
        stopped["verdict"] == "Aborted" && condition(&stopped, "Queued").is_null(),
        "{stopped}"
    );
    expect_queued(
        kubectl,
        "c-last",
        "GroupBusy",
        "2nd of 2 in group shop, behind a-first",
    )?;
    end(kubectl, "a-first")?;
    kubelet::started(kubectl, "c-last")?;
    let refused = kubectl.apply(&test("bad", "  concurrencyGroup: Shop front"));
    let words = format!("{:#}", refused.err().context("it was taken")?);
    ensure!(words.contains("spec.concurrencyGroup"), "{words}");
    Ok(())
}

/// A new process knows from the API server alone whose turn it is.
pub fn a_queue_outlives_its_operator(world: &World) -> Result<()> {
    let place = world.other.place("queue-kills")?;
    let kubectl = &place.kubectl;
    let names = ["a", "b", "c"];
    let operator = place.operator()?;
    kubectl.apply(&names.map(in_group).concat())?;
    let first = a_running_one(kubectl, &names)?;
    drop(operator);
    // While none looks, the first ends and another is written.
    let id = kubelet::status(kubectl, &first)?["run"]["id"].take();
    kubelet::end_master(
        kubectl,
        &first,
        0,
        &report(id.as_str().context("an id")?, &json!({})).to_string(),
    )?;
    kubectl.apply(&in_group("d"))?;
    for next in ["b", "c", "d"] {
        let operator = place.operator()?;
        wait_until(&format!("it is {next}'s turn"), SOON * 2, || {
            let running = a_running_one(kubectl, &["a", "b", "c", "d"])?;
            ensure!(running == next, "{running} runs");
            Ok(())
        })?;
        end(kubectl, next)?;
        drop(operator);
    }
    Ok(())
}

/// The name of the one test that is claimed and not over.
fn a_running_one(kubectl: &Kubectl, names: &[&str]) -> Result<String> {
    wait_until("one runs", SOON * 2, || {
        let mut running = Vec::new();
        for name in names {
            let status = kubelet::status(kubectl, name)?;
            if status["run"]["masterJobUID"].is_string() && status["verdict"].is_null() {
                running.push((*name).to_owned());
            }
        }
        ensure!(running.len() == 1, "{running:?} run");
        running.pop().context("none")
    })
}

fn operator(place: &Place<'_>, flag: &str) -> Result<Operator> {
    let namespace = format!("--watch-namespace={}", place.namespace());
    let log = place.cluster.log(place.namespace());
    Operator::start_ready(&place.cluster.user.kubeconfig, &log, &[&namespace, flag])
}

pub fn a_namespace_has_room_for_so_many(world: &World) -> Result<()> {
    const WORDS: &str =
        "the operator runs at most 1 test(s) of a namespace at once, and others are first";
    let place = world.other.place("queue-room")?;
    let kubectl = &place.kubectl;
    let running = operator(&place, "--max-running-per-namespace=1")?;
    kubectl.apply(&[test("a", ""), test("b", "")].concat())?;
    let first = a_running_one(kubectl, &["a", "b"])?;
    let second = if first == "a" { "b" } else { "a" };
    expect_queued(kubectl, second, "NamespaceBusy", WORDS)?;
    expect_nothing_made(kubectl, second)?;
    end(kubectl, &first)?;
    kubelet::started(kubectl, second)?;
    drop(running);
    Ok(())
}

/// Tests that come back from a backup without their status do not run again.
pub fn nothing_new_starts_while_told_so(world: &World) -> Result<()> {
    let place = world.other.place("suspend-new")?;
    let kubectl = &place.kubectl;
    let running = operator(&place, "--suspend-new")?;
    kubectl.apply(&[test("restored", ""), test("wanted", "  suspend: false")].concat())?;
    for name in ["restored", "wanted"] {
        wait_until("it is held", SOON, || {
            let status = kubelet::status(kubectl, name)?;
            let ready = condition(&status, "Ready");
            ensure!(
                ready["reason"] == "HeldByOperator" && status["phase"] == "Pending",
                "{status}"
            );
            Ok(())
        })?;
        expect_nothing_made(kubectl, name)?;
    }
    drop(running);
    kubectl.patch("lotest", "restored", &json!({"spec": {"suspend": true}}))?;
    let _running = place.operator()?;
    kubelet::started(kubectl, "wanted")?;
    wait_until("the other stays", SOON, || {
        let status = kubelet::status(kubectl, "restored")?;
        ensure!(
            status["reason"] == "Suspended" && status["run"].is_null(),
            "{status}"
        );
        Ok(())
    })
}
