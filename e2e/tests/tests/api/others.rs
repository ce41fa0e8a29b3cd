//! Other operators beside this one: no test is ever run twice.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::audit::{Filter, expect_no_idle_patches};
use e2e_tests::user::{self, Scope, User};
use e2e_tests::wait::stays_so;
use e2e_tests::{Operator, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, end_master, ended, report, started, status};
use crate::world::{Place, SOON, World};

/// What the published operator puts on every test it sees.
const FINALIZER: &str = "locust.io/cleanup";

fn test(name: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, spec: {{worker: {{replicas: 1}}}}}}\n"
    )
}

fn finish(place: &Place<'_>, name: &str) -> Result<Value> {
    let id = started(&place.kubectl, name)?["run"]["id"].take();
    let id = id.as_str().context("a run id")?;
    end_master(&place.kubectl, name, 0, &report(id, &json!({})).to_string())?;
    ended(&place.kubectl, name)
}

pub fn the_published_operator_is_at_work_too(world: &World) -> Result<()> {
    let place = world.other.place("beside-published")?;
    let kubectl = &place.kubectl;
    // Left by one that is gone.
    kubectl.apply(&test("left").replace(
        "name: left",
        &format!("name: left, finalizers: [{FINALIZER}]"),
    ))?;
    let operator = place.operator()?;
    finish(&place, "left")?;
    kubectl.apply(&test("ended"))?;
    finish(&place, "ended")?;
    kubectl.apply(&test("runs"))?;
    started(kubectl, "runs")?;
    ensure!(operator.get("/readyz")?.code == 200, "{}", operator.log());

    // It begins to look at tests, as it does when it starts.
    for name in ["ended", "runs"] {
        let finalizers = json!({"metadata": {"finalizers": [FINALIZER]}});
        kubectl.patch("lotest", name, &finalizers)?;
    }
    let answer = wait_until("/readyz says so", SOON, || {
        let answer = operator.get("/readyz")?;
        ensure!(answer.code == 503, "{answer:?}");
        Ok(answer)
    })?;
    for part in [
        "another operator works on LocustTests here",
        FINALIZER,
        "beside-published/",
        "Scale the published operator to 0",
    ] {
        ensure!(
            answer.body.contains(part),
            "{part:?} is not in {}",
            answer.body
        );
        ensure!(operator.log().contains(part), "{part:?} is not in the log");
    }
    kubectl.apply(&test("new"))?;
    wait_until("the test is told why it waits", SOON, || {
        let events = kubectl.events("new")?;
        let told = events
            .iter()
            .filter(|it| it["reason"] == "OtherOperator")
            .count();
        ensure!(told == 1, "{events:?}");
        Ok(())
    })?;
    // What runs is watched on, and no finalizer is fought for.
    finish(&place, "runs")?;
    stays_so(
        "the other operator has its way",
        Duration::from_secs(5),
        || {
            let status = status(kubectl, "new")?;
            ensure!(status.is_null(), "{status}");
            for name in ["ended", "runs"] {
                let finalizers = kubectl.get("lotest", name)?["metadata"]["finalizers"].take();
                ensure!(finalizers == json!([FINALIZER]), "{name} has {finalizers}");
            }
            Ok(())
        },
    )?;

    // It is scaled to 0.
    wait_until("the test is started", Duration::from_secs(90), || {
        let status = status(kubectl, "new")?;
        ensure!(status["run"]["id"].is_string(), "{status}");
        Ok(())
    })?;
    wait_until("it is ready again", SOON, || {
        let answer = operator.get("/readyz")?;
        ensure!(answer.code == 200, "{answer:?}");
        Ok(())
    })?;
    finish(&place, "new")?;
    for name in ["ended", "runs"] {
        kubectl.run(&["delete", "lotest", name, "--timeout=20s"])?;
    }
    place.check_status_writes()
}

/// A Job that this test owns and another operator made: the run exists, and is not made again under another name.
pub fn another_operator_was_faster(world: &World) -> Result<()> {
    let place = world.other.place("was-faster")?;
    let kubectl = &place.kubectl;
    let operator = place.operator()?;
    let waits = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}, \
        testFiles: {configMapRef: later}}}";
    kubectl.apply(waits)?;
    let claimed = wait_until("it is claimed, and waits", SOON, || {
        let test = kubectl.get("lotest", "demo")?;
        let refs = kubelet::condition(&test["status"], "ResolvedRefs");
        ensure!(refs["reason"] == "ConfigMapNotFound", "{}", test["status"]);
        Ok(test)
    })?;
    let labels =
        json!({"performance-test-pod-name": "demo-master", "managed-by": "locust-k8s-operator"});
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "demo-master", "labels": labels,
        "ownerReferences": [{"apiVersion": "locust.io/v2", "kind": "LocustTest", "controller": true,
            "blockOwnerDeletion": true, "name": "demo", "uid": claimed["metadata"]["uid"]}]},
        "spec": {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": {"restartPolicy": "Never",
            "containers": [{"name": "demo-master", "image": "locustio/locust:2.47.0"}]}}}});
    kubectl.apply(&job.to_string())?;
    kubectl.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: later}, data: {locustfile.py: ''}}",
    )?;
    let status = wait_until("the run is taken over", SOON, || {
        let status = status(kubectl, "demo")?;
        ensure!(status["run"]["takenOver"] == true, "{status}");
        Ok(status)
    })?;
    assert_eq!(status["run"]["masterName"], "demo-master");
    place.settled()?;
    let jobs = kubectl.list("jobs", "managed-by=locust-k8s-operator")?;
    let mut names: Vec<_> = jobs
        .iter()
        .map(|job| job["metadata"]["name"].as_str().unwrap_or_default())
        .collect();
    names.sort_unstable();
    ensure!(names == ["demo-master", "demo-worker"], "{names:?}");
    let pod = wait_until("its pod", SOON, || {
        let pods = kubectl.list("pods", "batch.kubernetes.io/job-name=demo-master")?;
        pods.into_iter().next().context("no pod")
    })?;
    kubelet::end_pod(kubectl, &pod, 0, "")?;
    let status = ended(kubectl, "demo")?;
    assert_eq!(
        [&status["verdict"], &status["reason"]],
        ["Passed", "ExitCodeOnly"]
    );
    drop(operator);
    place.check_status_writes()
}

/// Two releases in different namespaces have a Lease each, and both lead. Nothing keeps them apart but the tests
/// themselves.
pub fn two_leaders_run_each_test_once(world: &World) -> Result<()> {
    const TESTS: usize = 12;
    let place = world.other.place("two-leaders")?;
    let rules = format!(
        "{}\n{}",
        user::operator_rules(Scope::Cluster)?,
        user::lease_rules()?
    );
    let directory = place.cluster.directory();
    let start = |lease: &str| -> Result<(User, Operator)> {
        let home = place.cluster.place(lease)?;
        let user = user::create(
            &home.kubectl,
            "operator",
            Scope::Cluster,
            &rules,
            &directory,
        )?;
        let arguments = [
            "--leader-elect",
            &format!("--lease-namespace={lease}"),
            "--watch-namespace=two-leaders",
        ];
        let log = place.cluster.log(lease);
        let operator = Operator::start_ready(&user.kubeconfig, &log, &arguments)?;
        wait_until("it leads", SOON, || {
            let metrics = operator.get("/metrics")?.body;
            ensure!(
                metrics.contains("locust_operator_leader 1"),
                "{lease} stands by"
            );
            Ok(())
        })?;
        Ok((user, operator))
    };
    let (first, second) = (start("release-a")?, start("release-b")?);
    let names: Vec<String> = (0..TESTS).map(|number| format!("test-{number}")).collect();
    let manifest: Vec<String> = names.iter().map(|name| test(name)).collect();
    place.kubectl.apply(&manifest.join("---\n"))?;
    for name in &names {
        let status = finish(&place, name)?;
        assert_eq!(status["verdict"], "Passed", "{name}");
    }
    place.settled()?;
    let mut claims = [0, 0];
    let mut patches = Vec::new();
    for (index, (user, _)) in [&first, &second].into_iter().enumerate() {
        let of = |verb, resource| {
            place.cluster.audit.requests(&Filter {
                user: &user.name,
                namespace: "two-leaders",
                verb,
                resource,
                ..Filter::default()
            })
        };
        let written = of("patch", "locusttests/status")?;
        let claim = |it: &&_| {
            let it: &e2e_tests::audit::Request = it;
            it.succeeded() && it.event["requestObject"]["status"]["run"]["claimedAt"].is_string()
        };
        claims[index] = written.iter().filter(claim).count();
        patches.extend(written);
        let jobs = of("create", "jobs")?;
        println!(
            "release {index}: {} claims, {} Jobs asked for",
            claims[index],
            jobs.len()
        );
    }
    // Whoever was faster: one claim each, one pair of Jobs each, one end told of each.
    assert_eq!(claims.iter().sum::<usize>(), TESTS, "{claims:?}");
    expect_no_idle_patches(&patches)?;
    let jobs = place
        .kubectl
        .list("jobs", "managed-by=locust-k8s-operator")?;
    assert_eq!(jobs.len(), 2 * TESTS);
    for name in &names {
        let events = place.kubectl.events(name)?;
        for reason in ["Started", "Finished"] {
            let told = events.iter().filter(|it| it["reason"] == reason);
            let times: Vec<_> = told.map(|it| &it["series"]).collect();
            ensure!(
                times.len() == 1 && times[0].is_null(),
                "{name} {reason}: {events:?}"
            );
        }
    }
    Ok(())
}
