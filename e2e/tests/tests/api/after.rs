//! After the end: nothing changes any more, nothing is asked for, and deletion
//! takes all of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::wait::stays_so;
use e2e_tests::wait_until;
use serde_json::json;

use crate::end::{run, test};
use crate::kubelet::{self, report};
use crate::world::{SOON, World};

pub fn terminal_never_changes(world: &World) -> Result<()> {
    let place = world.other.place("terminal")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    run(kubectl, "demo", 0, |id| report(id, &json!({})).to_string())?;
    let status = kubelet::ended(kubectl, "demo")?;
    place.settled()?;
    let created = place.created()?;
    let before = kubectl.get("lotest", "demo")?;
    let id = status["run"]["id"].as_str().context("a run id")?.to_owned();

    kubelet::end_master(
        kubectl,
        "demo",
        1,
        &report(&id, &json!({"n": 1, "f": 1})).to_string(),
    )?;
    std::thread::sleep(Duration::from_secs(1));
    operator.kill()?;
    let _operator = place.operator()?;
    kubectl.delete("job", "demo-master")?;
    kubectl.delete("job", "demo-worker")?;
    stays_so("the status", Duration::from_secs(4), || {
        let now = kubectl.get("lotest", "demo")?;
        ensure!(
            now["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"],
            "{}",
            now["status"]
        );
        Ok(())
    })?;
    assert_eq!(place.created()?, created, "nothing is made again");
    // Scaling what is over is accepted and does nothing.
    kubectl.run(&["scale", "lotest", "demo", "--replicas=4"])?;
    place.settled()?;
    let now = kubectl.get("lotest", "demo")?;
    assert_eq!(now["status"], before["status"]);
    assert_eq!(place.created()?, created);
    Ok(())
}

pub fn deletion_removes_everything(world: &World) -> Result<()> {
    let place = world.main.place("deleted")?;
    let kubectl = &place.kubectl;
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    let count = |kind: &str| -> Result<usize> {
        Ok(kubectl.list(kind, "managed-by=locust-k8s-operator")?.len())
    };
    assert_eq!(
        [
            count("jobs")?,
            count("services")?,
            count("networkpolicies")?,
            count("configmaps")?
        ],
        [2, 1, 1, 1]
    );
    kubectl.run(&["delete", "lotest", "demo", "--timeout=10s"])?;
    wait_until("all is gone", SOON * 2, || {
        for kind in ["jobs", "services", "networkpolicies", "configmaps", "pods"] {
            let left = count(kind)?;
            ensure!(left == 0, "{left} {kind} are left");
        }
        Ok(())
    })?;
    place.settled()?;
    let deletes = place
        .requests()?
        .iter()
        .filter(|request| request.verb().starts_with("delete"))
        .count();
    assert_eq!(deletes, 0, "the garbage collector does it");

    // The same name again is another run.
    kubectl.apply(&test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    Ok(())
}

pub fn finished_tests_cost_nothing(world: &World) -> Result<()> {
    let place = world.other.place("rest")?;
    let kubectl = &place.kubectl;
    let _operator = place.operator()?;
    let names = ["one", "two", "three", "four", "five"];
    kubectl.apply(&names.map(test).join("\n---\n"))?;
    for name in names {
        let status = kubelet::started(kubectl, name)?;
        let id = status["run"]["id"].as_str().context("a run id")?;
        kubelet::end_master(kubectl, name, 0, &report(id, &json!({})).to_string())?;
    }
    for name in names {
        kubelet::ended(kubectl, name)?;
    }
    place.settled()?;
    let before = place.requests()?.len();
    ensure!(before > 0, "the audit log shows the operator");
    std::thread::sleep(Duration::from_secs(20));
    let requests = place.requests()?;
    let asked: Vec<String> = requests[before..]
        .iter()
        .filter(|request| request.verb() != "watch")
        .map(|request| request.line())
        .collect();
    assert_eq!(
        asked,
        Vec::<String>::new(),
        "with five finished tests, in 20 s"
    );
    Ok(())
}
