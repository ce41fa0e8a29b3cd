//! A run that is stopped while its master cannot be asked to end.

use anyhow::{Context, Result, ensure};
use e2e_tests::wait_until;
use serde_json::json;

use crate::end::test;
use crate::kubelet::{self, Listener, condition, report};
use crate::world::{SOON, World};

/// Its pod gets a deadline, once, and its last words are those of the run.
pub fn a_master_that_cannot_be_asked_is_ended(world: &World) -> Result<()> {
    const ADDRESS: &str = "127.0.96.47";
    let place = world.main.place("stopping")?;
    let kubectl = &place.kubectl;
    let listener = Listener::start(ADDRESS)?;
    kubectl.apply(&test("demo"))?;
    let status = kubelet::started(kubectl, "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?.to_owned();
    let loading = json!({"final": false, "state": "running", "reason": null, "exit": null, "exitBy": null,
        "end": null, "users": 4, "n": 50});
    listener.say(&report(&id, &loading));
    let pod = kubelet::run_master(kubectl, "demo", ADDRESS)?;
    kubectl.wait("lotest/demo", "jsonpath={.status.phase}=Running", SOON)?;
    drop(listener);

    kubectl.patch("lotest", "demo", &json!({"spec": {"stop": true}}))?;
    wait_until("it is being stopped", SOON, || {
        let stopping = condition(&kubelet::status(kubectl, "demo")?, "Stopping");
        ensure!(stopping["reason"] == "StopRequested", "{stopping}");
        Ok(())
    })?;
    let name = pod["metadata"]["name"].as_str().context("a name")?;
    wait_until("the pod has a deadline", SOON * 2, || {
        let deadline = kubectl.get("pod", name)?["spec"]["activeDeadlineSeconds"].take();
        ensure!(deadline == 1, "{deadline}");
        Ok(())
    })?;
    let last = report(&id, &json!({"reason": "Terminated", "n": 60}));
    kubelet::end_pod(kubectl, &pod, 0, &last.to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    ensure!(
        status["verdict"] == "Aborted"
            && status["reason"] == "Stopped"
            && status["summary"]["requests"] == 60,
        "{status}"
    );
    Ok(())
}
