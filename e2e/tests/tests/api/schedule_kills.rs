//! The operator is killed at writes that it makes for a schedule and for the suite that it starts: there is one run, each of
//! its steps runs once, and the schedule says of it what it would have said if its operator had lived.
//!
//! Here it is killed before and after every write of the schedule, and at some of the suite's; with `KILLS=all` before and
//! after every write, those for the tests of the steps as well.

use anyhow::{Context, Result, ensure};
use e2e_tests::Kubectl;
use e2e_tests::audit::Request;
use e2e_tests::kills::{self, points};
use e2e_tests::proxy::{KillPoint, Life, Writes};
use e2e_tests::wait_until;
use serde_json::{Map, Value, json};

use crate::schedules::schedule;
use crate::script::launch;
use crate::suite_kills::{Ended, all_end_like, is_of_suite, made_once, steps, told_to_end};
use crate::suites::{TEMPLATE, ended, play};
use crate::world::{Place, SOON, World};

/// Of the kills around the suite's own writes, each of so many; an odd number, so that both sides of writes have a turn.
const SAMPLE: usize = 7;

/// Three steps from a template, each with the numbers of the one before.
const SPEC: &str = "  runTemplate:
    suite:
      steps:
      - {name: smoke, templateRef: {name: shop}}
      - {name: load, templateRef: {name: shop, parameters: [{name: limit, value: '{{steps.smoke.p95Ms}}'}]}}
      - {name: stress, templateRef: {name: shop, parameters: [{name: limit, value: '{{steps.load.p95Ms}}'}]}}
";
/// Steps with the response times that Locust reports.
const STEPS: [(&str, u32); 3] = [("smoke", 40), ("load", 30), ("stress", 20)];
/// Differ from one run to another.
const OF_THIS_RUN: [&str; 7] = [
    "uid",
    "startTime",
    "completionTime",
    "lastStartTime",
    "lastSuccessfulTime",
    "lastTransitionTime",
    "cursor",
];

fn run(place: &Place<'_>, points: &[KillPoint]) -> Result<(Vec<Life>, Ended)> {
    let lives = kills::play(launch(place), points, || play_all(&place.kubectl))?;
    Ok((lives, ended_in(place)?))
}

/// The schedule, asked for a run from its beginning.
fn asked() -> String {
    let named = "{name: demo}";
    let asked = "{name: demo, annotations: {locust.io/run-now: one}}";
    schedule("demo", SPEC).replace(named, asked)
}

fn play_all(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(&format!("{TEMPLATE}{}", asked()))?;
    let suite = wait_until("the suite is made", SOON, || {
        let suites = kubectl.list("losuite", "locust.io/schedule=demo")?;
        let name = suites.first().context("none")?["metadata"]["name"].as_str();
        Ok(name.context("a name")?.to_owned())
    })?;
    for (step, p95) in STEPS {
        play(kubectl, &format!("{suite}-{step}"), &json!({"p95": p95}))?;
    }
    ended(kubectl, &suite)?;
    for (step, _) in STEPS {
        told_to_end(kubectl, &format!("{suite}-{step}"))?;
    }
    wait_until("the schedule has the verdict", SOON, || {
        let status = kubectl.get("losched", "demo")?["status"].take();
        ensure!(
            status["lastRun"]["verdict"].is_string(),
            "the status is {status}"
        );
        Ok(())
    })
}

/// How it ended, once it was checked that it was the only one.
fn ended_in(place: &Place<'_>) -> Result<Ended> {
    let kubectl = &place.kubectl;
    let writes = place.all_writes()?;
    made_once(&writes.objects)?;
    let schedule = kubectl.get("losched", "demo")?["status"].take();
    let suites = kubectl.list("losuite", "")?;
    ensure!(suites.len() == 1, "{} suites", suites.len());
    let tests = kubectl.list("lotest", "")?;
    ensure!(tests.len() == STEPS.len(), "{} tests", tests.len());
    let history = &schedule["history"];
    ensure!(
        schedule["lastRun"]["verdict"] == "Passed"
            && schedule["lastRunNowToken"] == "one"
            && schedule["passed"] == 1
            && schedule["activeRuns"] == 0
            && history.as_array().is_some_and(|runs| runs.len() == 1)
            && history[0]["uid"] == suites[0]["metadata"]["uid"],
        "{schedule}"
    );
    for none in ["active", "failed", "other", "missedRuns", "lastSkip"] {
        ensure!(schedule[none].is_null(), "{none} in {schedule}");
    }
    let suite = &suites[0]["status"];
    let specs: Vec<&Value> = tests.iter().map(|test| &test["spec"]).collect();
    Ok(Ended {
        outline: json!({"schedule": lasting(&schedule), "suite": {"verdict": suite["verdict"], "message": suite["message"]},
                "steps": steps(suite), "tests": specs}),
        writes,
    })
}

/// What does not differ from one run to another.
fn lasting(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let stays = |(key, _): &(&String, &Value)| !OF_THIS_RUN.contains(&key.as_str());
            let fields = fields.iter().filter(stays);
            let fields: Map<String, Value> = fields
                .map(|(key, value)| (key.clone(), lasting(value)))
                .collect();
            Value::Object(fields)
        }
        Value::Array(items) => items.iter().map(lasting).collect(),
        other => other.clone(),
    }
}

/// Whether a write is made for the schedule itself.
fn is_of_schedule(write: &Request) -> bool {
    let resource = write.resource();
    resource == "locustschedules/status"
        || (resource == "locusttestsuites" && write.verb() == "create")
}

/// The kills that are tried.
fn chosen(points: Vec<KillPoint>, writes: &[Request]) -> Vec<KillPoint> {
    if kills::all() {
        return points;
    }
    let of = |point: &KillPoint, is_it: fn(&Request) -> bool| {
        let write = writes.get(point.number - 1);
        point.of == Writes::Objects && write.is_some_and(is_it)
    };
    let of_schedule = points.iter().filter(|point| of(point, is_of_schedule));
    let of_suite = points.iter().filter(|point| of(point, is_of_suite));
    let all = of_schedule.chain(of_suite.step_by(SAMPLE));
    all.copied().collect()
}

pub fn a_schedule_survives_every_kill(world: &World) -> Result<()> {
    let (lives, calm) = run(&world.other.place("schedule-unkilled")?, &[])?;
    let writes = &calm.writes.objects;
    let of_schedule = writes.iter().filter(|write| is_of_schedule(write)).count();
    ensure!(of_schedule >= 3, "{of_schedule} writes of the schedule");
    let points = points(Writes::Objects, &calm.writes, &lives)?;
    let kills = chosen(points, writes);
    ensure!(kills.len() > 2 * of_schedule, "{} kills", kills.len());
    let kills: Vec<Vec<KillPoint>> = kills.into_iter().map(|point| vec![point]).collect();
    all_end_like(&calm, world, "schedule-kill", &kills, run)
}
