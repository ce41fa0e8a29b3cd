//! The operator is killed at writes that it makes for a suite: each step runs once, and the suite ends as if its operator
//! had lived.
//!
//! Here it is killed at each kind of them; with `KILLS=all` before and after every write, those for the tests of the
//! steps as well.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e_tests::Kubectl;
use e2e_tests::audit::Request;
use e2e_tests::kills::{self, points, run_all};
use e2e_tests::proxy::{KillPoint, Life, Writes};
use e2e_tests::{remains, wait_until};
use serde_json::{Value, json};

use crate::script::launch;
use crate::suites::{TEMPLATE, ended, play, suite};
use crate::world::{Place, SOON, World};

/// Suites wait most of the time.
const AT_ONCE: usize = 5;
/// Of the kills around the suite's own writes, each of so many.
const SAMPLE: usize = 5;

/// Three steps from a template, one of which is tried twice, and one at the end.
const SPEC: &str = "
  steps:
  - {name: smoke, templateRef: {name: shop}}
  - {name: load, templateRef: {name: shop, parameters: [{name: limit, value: '{{steps.smoke.p95Ms}}'}]}, retries: {limit: 1}}
  - {name: stress, templateRef: {name: shop}}
  finally:
  - {name: clean, templateRef: {name: shop}}
";
const TESTS: [&str; 5] = [
    "demo-smoke",
    "demo-load",
    "demo-load-a2",
    "demo-stress",
    "demo-clean",
];

/// How a run ended, once it was checked that everything was made once.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What must be the same however it came to its end.
    pub outline: Value,
    pub writes: remains::Writes,
}

fn run(place: &Place<'_>, points: &[KillPoint]) -> Result<(Vec<Life>, Ended)> {
    let lives = kills::play(launch(place), points, || play_all(&place.kubectl))?;
    Ok((lives, ended_in(place)?))
}

fn play_all(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(&format!("{TEMPLATE}{}", suite("demo", SPEC)))?;
    for test in TESTS {
        let changes = match test {
            // No requests: Inconclusive, and tried again.
            "demo-load" => json!({"n": 0, "f": 0, "p95": null}),
            "demo-smoke" => json!({}),
            _ => json!({"p95": 1}),
        };
        play(kubectl, test, &changes)?;
    }
    ended(kubectl, "demo")?;
    // Nothing of it goes on.
    TESTS.iter().try_for_each(|test| told_to_end(kubectl, test))
}

/// Waits until the workers of a test are told to end.
pub fn told_to_end(kubectl: &Kubectl, test: &str) -> Result<()> {
    wait_until(
        &format!("the workers of {test} are told to end"),
        SOON,
        || {
            let job = kubectl.get("job", &format!("{test}-worker"))?;
            ensure!(job["spec"]["activeDeadlineSeconds"] == 1, "{}", job["spec"]);
            Ok(())
        },
    )
}

/// Fails unless everything was made once, and nothing deleted.
pub fn made_once(writes: &[Request]) -> Result<()> {
    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    let posts = writes.iter();
    let posts = posts.filter(|write| write.verb() == "create" && write.succeeded());
    for post in posts {
        *made
            .entry(format!("{}/{}", post.resource(), post.name()))
            .or_default() += 1;
    }
    let twice = made.iter().find(|(_, times)| **times > 1);
    ensure!(twice.is_none(), "made more than once: {twice:?}");
    let deleted = writes
        .iter()
        .find(|write| write.verb().starts_with("delete"));
    ensure!(deleted.is_none(), "{deleted:?}");
    Ok(())
}

/// What must be the same of a suite's steps however they came to their end.
pub fn steps(status: &Value) -> Vec<Value> {
    let steps = status["steps"].as_array().into_iter().flatten();
    steps
        .map(|step| {
            json!([
                step["name"],
                step["phase"],
                step["verdict"],
                step["reason"],
                step["message"],
                step["attempt"],
                step["outputs"],
                step["child"]["name"]
            ])
        })
        .collect()
}

fn ended_in(place: &Place<'_>) -> Result<Ended> {
    let kubectl = &place.kubectl;
    let writes = place.all_writes()?;
    made_once(&writes.objects)?;
    let tests = kubectl.list("lotest", "")?;
    let mut names: Vec<&str> = tests
        .iter()
        .filter_map(|test| test["metadata"]["name"].as_str())
        .collect();
    names.sort_unstable();
    let mut wanted = TESTS;
    wanted.sort_unstable();
    ensure!(names == wanted, "{names:?}");
    let status = kubectl.get("losuite", "demo")?["status"].take();
    let reached: Vec<Value> = tests
        .iter()
        .map(|test| json!([test["spec"], test["status"]["verdict"]]))
        .collect();
    Ok(Ended {
        outline: json!({"verdict": status["verdict"], "message": status["message"], "progress": status["progress"],
                "steps": steps(&status), "tests": reached}),
        writes,
    })
}

/// Whether a write is made for the suite itself.
pub fn is_of_suite(write: &Request) -> bool {
    let resource = write.resource();
    match resource.as_str() {
        "locusttests" => write.verb() == "create",
        "locusttestsuites/status" | "controllerrevisions" => true,
        _ => false,
    }
}

pub fn a_suite_survives_every_kill(world: &World) -> Result<()> {
    let (lives, calm) = run(&world.other.place("suite-unkilled")?, &[])?;
    let all = kills::all();
    let writes = &calm.writes.objects;
    let kills: Vec<Vec<KillPoint>> = points(Writes::Objects, &calm.writes, &lives)?
        .into_iter()
        .filter(|point| {
            let write = writes.get(point.number - 1);
            all || (point.of == Writes::Objects && write.is_some_and(is_of_suite))
        })
        .step_by(if all { 1 } else { SAMPLE })
        .map(|point| vec![point])
        .collect();
    ensure!(kills.len() > TESTS.len(), "{} kills", kills.len());
    all_end_like(&calm, world, "suite-kill", &kills, run)
}

/// A run for each of the kills, in a place of its own; each ends as the one did whose operator lived.
pub fn all_end_like(
    calm: &Ended,
    world: &World,
    name: &str,
    kills: &[Vec<KillPoint>],
    run: impl Fn(&Place<'_>, &[KillPoint]) -> Result<(Vec<Life>, Ended)> + Sync,
) -> Result<()> {
    let names = (1..=kills.len()).map(|number| format!("{name}-{number}"));
    let places = world.other.places(&names.collect::<Vec<_>>())?;
    run_all(&places, kills, AT_ONCE, |place, points| {
        let (lives, ended) = run(place, points)?;
        ensure!(
            ended.outline == calm.outline,
            "it ended as {:#}\nand not as {:#}",
            ended.outline,
            calm.outline
        );
        Ok(lives)
    })
}
