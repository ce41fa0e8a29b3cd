//! The part of kubelet and Locust: there is no node, so cases write what pods
//! report.

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::{Kubectl, stand_in, wait_until};
use serde_json::{Value, json};

pub use e2e_tests::stand_in::{DETAILS, END, Listener, START, report};

use crate::world::SOON;

/// The status of a test; null when it has none.
pub fn status(kubectl: &Kubectl, test: &str) -> Result<Value> {
    Ok(kubectl.get("lotest", test)?["status"].take())
}

/// The condition of this type; null when there is none.
pub fn condition(status: &Value, kind: &str) -> Value {
    let conditions = status["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == kind)
        .cloned()
        .unwrap_or_default()
}

/// Waits until the run's objects exist; returns the status.
pub fn started(kubectl: &Kubectl, test: &str) -> Result<Value> {
    wait_until(&format!("{test} is started"), SOON, || {
        let status = status(kubectl, test)?;
        ensure!(
            status["run"]["masterJobUID"].is_string(),
            "the status is {status}"
        );
        Ok(status)
    })
}

/// Waits for the end of the run; returns the status.
pub fn ended(kubectl: &Kubectl, test: &str) -> Result<Value> {
    wait_until(&format!("{test} has a verdict"), SOON * 2, || {
        let status = status(kubectl, test)?;
        ensure!(status["verdict"].is_string(), "the status is {status}");
        Ok(status)
    })
}

/// The pod that the Job controller made of the master's Job.
pub fn master_pod(kubectl: &Kubectl, test: &str) -> Result<Value> {
    let selector = format!("performance-test-name={test},locust.io/role=master");
    // A Job controller that found no API server for a while takes its time.
    wait_until("the master's pod", SOON * 2, || {
        let pods = kubectl.list("pods", &selector)?;
        pods.into_iter().next().ok_or_else(|| anyhow!("no pod"))
    })
}

/// Ends the master's container with this exit code and termination message.
pub fn end_master(kubectl: &Kubectl, test: &str, code: i32, message: &str) -> Result<()> {
    end_pod(kubectl, &master_pod(kubectl, test)?, code, message)
}

/// The same, of a pod that is known.
pub fn end_pod(kubectl: &Kubectl, pod: &Value, code: i32, message: &str) -> Result<()> {
    write_status(kubectl, pod, &stand_in::ended(pod, code, message))
}

/// Starts the master's container; Locust answers at this address. Returns the pod as it was before.
pub fn run_master(kubectl: &Kubectl, test: &str, address: &str) -> Result<Value> {
    let pod = master_pod(kubectl, test)?;
    write_status(kubectl, &pod, &stand_in::running(&pod, address))?;
    Ok(pod)
}

fn write_status(kubectl: &Kubectl, pod: &Value, status: &Value) -> Result<()> {
    let name = pod["metadata"]["name"].as_str().context("a pod's name")?;
    kubectl.patch_status("pod", name, &json!({"status": status}))?;
    Ok(())
}
