//! What is broken in the published operator, shown not to be broken here: each case makes the situation of a defect, and the
//! judge of that defect looks at what came of it, and at what the published operator made of it. Some defects are
//! shown by cases elsewhere that are about the same; docs/defects.md names them all.

mod chart;
mod pods;
mod runs;
mod status;

use anyhow::{Context, Result, ensure};
use defects::recorded;
use e2e_tests::audit::Filter;
use e2e_tests::harness::Case;
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet;
use crate::world::{Place, SOON, World};

/// The cases.
pub const CASES: &[Case<World>] = &[
    (
        "a10_17_webhooks_are_trusted_without_cert_manager",
        chart::a10_17_webhooks_are_trusted_without_cert_manager,
    ),
    (
        "a10_18_v1_is_judged_as_v2",
        chart::a10_18_v1_is_judged_as_v2,
    ),
    (
        "a10_19_upgrade_and_uninstall_keep_the_tests",
        chart::a10_19_upgrade_and_uninstall_keep_the_tests,
    ),
    (
        "a10_06_no_run_is_made_again",
        runs::a10_06_no_run_is_made_again,
    ),
    (
        "a10_23_nothing_stays_longer_than_it_should",
        runs::a10_23_nothing_stays_longer_than_it_should,
    ),
    (
        "a10_20_a_lost_worker_is_replaced",
        runs::a10_20_a_lost_worker_is_replaced,
    ),
    (
        "a10_21_missing_workers_end_the_run",
        runs::a10_21_missing_workers_end_the_run,
    ),
    (
        "a10_04_a_quota_is_no_hot_loop",
        status::a10_04_a_quota_is_no_hot_loop,
    ),
    (
        "a10_07_a_failed_test_makes_no_load",
        runs::a10_07_a_failed_test_makes_no_load,
    ),
    (
        "a10_01_an_untouched_test_is_not_changed",
        status::a10_01_an_untouched_test_is_not_changed,
    ),
    (
        "a10_02_zero_and_false_are_kept",
        status::a10_02_zero_and_false_are_kept,
    ),
    (
        "a10_03_workers_are_counted_by_locust",
        status::a10_03_workers_are_counted_by_locust,
    ),
    (
        "a10_05_phases_never_go_back",
        status::a10_05_phases_never_go_back,
    ),
    (
        "a10_11_what_is_refused_is_told",
        status::a10_11_what_is_refused_is_told,
    ),
    (
        "a10_22_an_edit_is_refused",
        status::a10_22_an_edit_is_refused,
    ),
    (
        "a10_12_commands_split_as_in_a_shell",
        pods::a10_12_commands_split_as_in_a_shell,
    ),
    (
        "a10_13_autostart_false_has_no_autoquit",
        pods::a10_13_autostart_false_has_no_autoquit,
    ),
    (
        "a10_16_limits_can_be_unset",
        pods::a10_16_limits_can_be_unset,
    ),
    (
        "a10_24_no_password_in_pods",
        pods::a10_24_no_password_in_pods,
    ),
    (
        "a10_15_old_values_are_used",
        chart::a10_15_old_values_are_used,
    ),
];

/// A part of the recorded wrong state of a defect: what was done to get there.
fn recorded_part(number: u8, part: &str) -> Result<Value> {
    let found = recorded(number)?.state[part].take();
    ensure!(!found.is_null(), "A10-{number} has no {part}");
    Ok(found)
}

/// A test of this spec.
fn test(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "metadata": {"name": name}, "spec": spec}).to_string()
}

/// Waits for the objects of a test's run, and ends its master well; returns the test as it is stored then.
fn finish(kubectl: &Kubectl, name: &str) -> Result<Value> {
    let status = kubelet::started(kubectl, name)?;
    let id = status["run"]["id"].as_str().context("a run id")?;
    let report = kubelet::report(id, &json!({})).to_string();
    kubelet::end_master(kubectl, name, 0, &report)?;
    kubelet::ended(kubectl, name)?;
    kubectl.get("lotest", name)
}

/// The answered patches of a test's status.
fn status_patches(place: &Place<'_>, test: &str) -> Result<Vec<Value>> {
    let patches = place.cluster.audit.requests(&Filter {
        namespace: place.namespace(),
        resource: "locusttests/status",
        name: test,
        verb: "patch",
        ..Filter::default()
    })?;
    Ok(patches.into_iter().map(|patch| patch.event).collect())
}

/// The phases of a test in the order in which they were stored, each change once.
fn phases(place: &Place<'_>, test: &str) -> Result<Vec<Value>> {
    let mut phases: Vec<Value> = status_patches(place, test)?
        .iter()
        .map(|patch| patch["responseObject"]["status"]["phase"].clone())
        .collect();
    phases.dedup();
    Ok(phases)
}

/// The pods of a test, once there are so many.
fn pods(kubectl: &Kubectl, selector: &str, count: usize) -> Result<Vec<Value>> {
    wait_until("the pods", SOON * 2, || {
        let pods = kubectl.list("pods", selector)?;
        ensure!(pods.len() == count, "{} pods", pods.len());
        Ok(pods)
    })
}

/// The names of objects.
fn names(objects: &[Value]) -> Vec<Value> {
    let names = objects.iter().map(|it| it["metadata"]["name"].clone());
    names.collect()
}

/// The Locust container of a Job.
fn container(kubectl: &Kubectl, job: &str) -> Result<Value> {
    let mut job = kubectl.get("job", job)?;
    Ok(job["spec"]["template"]["spec"]["containers"][0].take())
}
