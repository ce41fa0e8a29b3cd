//! The operator dies, or was not there: a run still happens exactly once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::audit::{Request, Tail};
use e2e_tests::wait::stays_so;
use e2e_tests::{Kubectl, Operator};
use serde_json::{Value, json};

use crate::end::the_left_over_workers_are_ended;
use crate::gate::Gate;
use crate::kubelet;
use crate::world::{Place, SOON, World};

const TEST: &str = "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {name: demo}
spec: {worker: {replicas: 2}, testFiles: {inline: {locustfile.py: ''}}}
";

/// What an operator that is not killed writes, in this order.
const WRITES: [&str; 6] = [
    "patch locusttests/status",
    "create configmaps",
    "create services",
    "create jobs",
    "create jobs",
    "patch locusttests/status",
];

const OBJECTS: [&str; 4] = [
    "configmaps/demo-master",
    "services/demo-master",
    "jobs/demo-worker",
    "jobs/demo-master",
];

pub fn killed_after_every_write(world: &World) -> Result<()> {
    let results: Vec<Result<String>> = std::thread::scope(|scope| {
        let kills: Vec<_> = (1..=WRITES.len())
            .map(|count| scope.spawn(move || killed_after(world, count)))
            .collect();
        kills
            .into_iter()
            .map(|kill| kill.join().unwrap_or_else(|_| Err(anyhow!("it panicked"))))
            .collect()
    });
    for result in results {
        println!("        {}", result?);
    }
    Ok(())
}

fn killed_after(world: &World, count: usize) -> Result<String> {
    let place = world.other.place(&format!("killed-{count}"))?;
    let kubectl = &place.kubectl;
    let seen = kill_after(&place, count).with_context(|| format!("kill after write {count}"))?;
    for (write, expected) in seen.iter().zip(WRITES) {
        ensure!(
            write.line().starts_with(expected),
            "{} is not {expected}",
            write.line()
        );
    }
    let killed_at = seen.last().map(Request::line).unwrap_or_default();
    let before = uids(kubectl)?;
    let expected: Vec<&str> = OBJECTS
        .iter()
        .take(count.saturating_sub(1))
        .copied()
        .collect();
    assert_eq!(place.created()?, expected, "killed after {killed_at}");

    let mut operator = place.operator()?;
    let status = kubelet::started(kubectl, "demo")?;
    place.settled()?;
    operator.kill()?;

    let mut created = place.created()?;
    created.sort();
    let mut all = OBJECTS;
    all.sort_unstable();
    assert_eq!(created, all, "each exactly once, killed after {killed_at}");
    let after = uids(kubectl)?;
    ensure!(after.len() == OBJECTS.len(), "not all are there: {after:?}");
    for (object, uid) in before {
        ensure!(
            after[&object] == uid,
            "{object} is another one, killed after {killed_at}"
        );
    }
    check_end_state(&status, &after)?;
    place.check_status_writes()?;
    let started = kubectl.events("demo")?;
    let started = started
        .iter()
        .filter(|event| event["reason"] == "Started")
        .count();
    // The event comes after the last of the writes and may die with the operator.
    ensure!(
        started == 1 || (count == WRITES.len() && started == 0),
        "{started} events"
    );
    Ok(format!("killed after write {count}: {killed_at}"))
}

/// Runs an operator until it has written so many times; returns what it wrote.
fn kill_after(place: &Place<'_>, count: usize) -> Result<Vec<Request>> {
    let mut watched = Watched::start(place)?;
    place.kubectl.apply(TEST)?;
    let mut left = count;
    watched.kill_when(|_| {
        left -= 1;
        left == 0
    })?;
    let writes = place.writes()?;
    // Or this was another place to be killed at.
    ensure!(
        writes.len() == count,
        "{} writes, not {count}",
        writes.len()
    );
    Ok(writes)
}

/// An operator behind a gate.
struct Watched<'a> {
    place: &'a Place<'a>,
    gate: Gate,
    operator: Operator,
    tail: Tail,
}

impl<'a> Watched<'a> {
    fn start(place: &'a Place<'a>) -> Result<Self> {
        let cluster = place.cluster;
        let gate = Gate::open(&cluster.url())?;
        let copy = cluster
            .directory()
            .join(format!("{}.gate", place.namespace()));
        let kubeconfig = gate.kubeconfig(&cluster.user.kubeconfig, copy)?;
        let namespace = format!("--watch-namespace={}", place.namespace());
        let log = cluster.log(place.namespace());
        Ok(Self {
            place,
            gate,
            operator: Operator::start_ready(&kubeconfig, &log, &[&namespace])?,
            tail: Tail::from_now(&cluster.audit)?,
        })
    }

    /// Kills it after the write that `is_it`, before it can ask for anything else.
    fn kill_when(&mut self, mut is_it: impl FnMut(&Request) -> bool) -> Result<()> {
        let cluster = self.place.cluster;
        let begin = Instant::now();
        loop {
            ensure!(
                begin.elapsed() < SOON,
                "it does not write that: {}",
                self.operator.log()
            );
            let found = self.tail.read()?.into_iter().any(|request| {
                request.is_write()
                    && request.namespace() == self.place.namespace()
                    && request.user() == cluster.user.name
                    && is_it(&request)
            });
            if found {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.gate.shut();
        self.operator.kill()?;
        // What had got through is audited by then.
        std::thread::sleep(Duration::from_millis(300));
        Ok(())
    }
}

pub fn killed_after_the_verdict(world: &World) -> Result<()> {
    let place = world.other.place("killed-verdict")?;
    let kubectl = &place.kubectl;
    let mut watched = Watched::start(&place)?;
    kubectl.apply(TEST)?;
    let status = kubelet::started(kubectl, "demo")?;
    let run = status["run"]["id"].as_str().context("a run id")?;
    let report = kubelet::report(run, &json!({}));
    kubelet::end_master(kubectl, "demo", 0, &report.to_string())?;
    watched.kill_when(|write| write.event["requestObject"]["status"]["verdict"] == "Passed")?;
    let before = kubectl.get("lotest", "demo")?;
    assert_eq!(before["status"]["verdict"], "Passed");
    let workers = kubectl.get("job", "demo-worker")?;
    assert_eq!(workers["spec"]["activeDeadlineSeconds"], Value::Null);

    let _operator = place.operator()?;
    the_left_over_workers_are_ended(kubectl)?;
    place.settled()?;
    let after = kubectl.get("lotest", "demo")?;
    assert_eq!(
        after["metadata"]["resourceVersion"],
        before["metadata"]["resourceVersion"]
    );
    Ok(())
}

/// UIDs by `kind/name` of the run's objects.
fn uids(kubectl: &Kubectl) -> Result<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    for kind in ["configmaps", "services", "jobs"] {
        for object in kubectl.list(kind, "performance-test-name=demo")? {
            let metadata = &object["metadata"];
            let name = metadata["name"].as_str().unwrap_or_default();
            let uid = metadata["uid"].as_str().unwrap_or_default();
            found.insert(format!("{kind}/{name}"), uid.to_owned());
        }
    }
    Ok(found)
}

fn check_end_state(status: &Value, uids: &BTreeMap<String, String>) -> Result<()> {
    let run = &status["run"];
    assert_eq!(run["masterJobUID"], uids["jobs/demo-master"].as_str());
    assert_eq!(run["workerJobUID"], uids["jobs/demo-worker"].as_str());
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["verdict"], Value::Null);
    for (kind, word) in [
        ("Ready", "True"),
        ("ResolvedRefs", "True"),
        ("Reconciling", "True"),
    ] {
        ensure!(
            kubelet::condition(status, kind)["status"] == word,
            "{kind} in {status}"
        );
    }
    Ok(())
}

pub fn the_operator_was_away(world: &World) -> Result<()> {
    let place = world.other.place("away")?;
    let kubectl = &place.kubectl;
    let mut operator = place.operator()?;
    kubectl.apply(TEST)?;
    let status = kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    place.settled()?;
    operator.kill()?;

    let created = place.created()?;
    let mut operator = place.operator()?;
    place.settled()?;
    assert_eq!(place.created()?, created, "nothing is created again");
    let sent = place
        .writes()?
        .iter()
        .filter(|write| write.verb() == "create")
        .count();
    assert_eq!(sent, created.len(), "nor tried to be");
    operator.kill()?;

    let run = status["run"]["id"].as_str().context("a run id")?;
    let report = kubelet::report(run, &json!({}));
    kubelet::end_master(kubectl, "demo", 0, &report.to_string())?;
    let _operator = place.operator()?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["verdict"], &status["phase"]],
        ["Passed", "Succeeded"]
    );
    place.settled()?;
    assert_eq!(place.created()?, created);
    Ok(())
}

pub fn a_deleted_job_is_an_outcome(world: &World) -> Result<()> {
    let place = world.main.place("deleted-job")?;
    let kubectl = &place.kubectl;
    kubectl.apply(TEST)?;
    kubelet::started(kubectl, "demo")?;
    kubelet::master_pod(kubectl, "demo")?;
    let created = place.created()?;
    kubectl.delete("job", "demo-master")?;
    let status = kubelet::ended(kubectl, "demo")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "ResultLost"]
    );
    let message = status["message"].to_string();
    ensure!(
        message.contains("the master's Job was deleted"),
        "{message}"
    );
    stays_so("the Job is not made again", Duration::from_secs(3), || {
        ensure!(
            kubectl
                .find("job", "demo-master")?
                .is_none_or(|job| job["metadata"]["deletionTimestamp"].is_string())
        );
        Ok(())
    })?;
    assert_eq!(place.created()?, created);
    // What is left of the run makes no load.
    e2e_tests::wait_until("the workers are ended", SOON, || {
        let job = kubectl.get("job", "demo-worker")?;
        ensure!(job["spec"]["activeDeadlineSeconds"] == 1, "{}", job["spec"]);
        Ok(())
    })
}
