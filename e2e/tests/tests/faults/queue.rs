//! A queue of tests whose operator is killed twice.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::audit::Filter;
use e2e_tests::kills;
use e2e_tests::manifest::test_of_target;
use e2e_tests::node::{expect_counted, name_of, outcome};
use e2e_tests::{Kubectl, Operator, wait_until};
use jiff::Timestamp;
use serde_json::Value;

use crate::world::World;

/// How many tests there are, and how many of them are over when the operator is killed.
struct Queue {
    tests: usize,
    kills: [usize; 2],
}

/// Each takes a quarter of a minute, so that only `KILLS=all` has all twenty.
fn queue() -> Queue {
    if kills::all() {
        Queue {
            tests: 20,
            kills: [4, 11],
        }
    } else {
        Queue {
            tests: 8,
            kills: [2, 5],
        }
    }
}

/// For all of them, beside other cases.
const ALL: Duration = Duration::from_secs(900);

/// Strictly one at a time, in the order of creation.
pub fn a_long_queue(world: &World) -> Result<()> {
    let Queue { tests: all, kills } = queue();
    let kubectl = world.namespaces(&["faults-queue".to_owned()])?;
    let kubectl = kubectl.first().context("a namespace")?;
    let launch = world.launch(kubectl.namespace());
    let log = launch.directory.join("logs/faults-queue.log");
    let arguments: Vec<&str> = launch.arguments.iter().map(String::as_str).collect();
    let start = || Operator::start_ready(&launch.kubeconfig, &log, &arguments);
    let mut operator = start()?;
    let tests: Vec<String> = (1..=all)
        .map(|number| {
            let group = "  concurrencyGroup: staging\n";
            // The names are not in the order of creation.
            let name = format!("load-{:02}", number * 7 % 23);
            format!("{}---\n", test_of_target(&name, "6s", "faults", group))
        })
        .collect();
    kubectl.apply(&tests.concat())?;
    for kill in kills {
        wait_until(&format!("{kill} tests are over"), ALL, || {
            let over = over(kubectl)?;
            ensure!(over >= kill, "{over} are");
            Ok(())
        })?;
        drop(operator);
        operator = start()?;
    }
    wait_until("all tests are over", ALL, || {
        let over = over(kubectl)?;
        ensure!(over == all, "{over} are");
        Ok(())
    })?;
    drop(operator);
    check(world, kubectl, all)
}

fn over(kubectl: &Kubectl) -> Result<usize> {
    let tests = kubectl.list("locusttests", "")?;
    let is_over = |test: &&Value| test["status"]["verdict"].is_string();
    Ok(tests.iter().filter(is_over).count())
}

fn check(world: &World, kubectl: &Kubectl, all: usize) -> Result<()> {
    let tests = kubectl.list("locusttests", "")?;
    let mut runs = Vec::new();
    for test in &tests {
        runs.push((lifetime(kubectl, name_of(test))?, test));
    }
    runs.sort_by_key(|((began, _), _)| *began);
    let created = |test: &Value| {
        let metadata = &test["metadata"];
        [&metadata["creationTimestamp"], &metadata["name"]]
            .map(|value| value.as_str().unwrap_or_default().to_owned())
    };
    let order: Vec<[String; 2]> = runs.iter().map(|(_, test)| created(test)).collect();
    let [first, rest @ ..] = order.as_slice() else {
        bail!("no tests");
    };
    // The first may have begun before others of the same second were there.
    let is_first = rest.iter().all(|other| first[0] <= other[0]);
    ensure!(
        is_first && rest.is_sorted(),
        "they ran in this order: {order:?}"
    );
    let mut free: Option<(Timestamp, String)> = None;
    for ((began, ended), test) in runs {
        let name = name_of(test);
        ensure!(
            outcome(test) == "Succeeded Passed/AllPassed",
            "{name}: {}",
            test["status"]
        );
        expect_counted(&world.target, test)?;
        if let Some((free, before)) = free {
            ensure!(
                free <= began,
                "{name} began at {began}, and {before} ended at {free}"
            );
        }
        free = Some((ended, name.to_owned()));
    }
    ensure!(tests.len() == all, "{} tests", tests.len());
    expect_jobs_made_once(world, kubectl, &tests)
}

/// Nobody made a Job again, of any test.
fn expect_jobs_made_once(world: &World, kubectl: &Kubectl, tests: &[Value]) -> Result<()> {
    let mut posts = world.node.audit.requests(&Filter {
        user: &world.user.name,
        namespace: kubectl.namespace(),
        verb: "create",
        resource: "jobs",
        ..Filter::default()
    })?;
    // An earlier run of this case had the same names.
    posts.retain(|post| {
        let owner = &post.event["requestObject"]["metadata"]["ownerReferences"][0]["uid"];
        tests.iter().any(|test| test["metadata"]["uid"] == *owner)
    });
    let jobs: BTreeSet<&str> = posts.iter().map(|post| post.name()).collect();
    ensure!(
        jobs.len() == 2 * tests.len() && posts.len() == jobs.len(),
        "{} POSTs of {} Jobs",
        posts.len(),
        jobs.len()
    );
    Ok(())
}

/// When the first container of a test started, and the last one ended.
fn lifetime(kubectl: &Kubectl, test: &str) -> Result<(Timestamp, Timestamp)> {
    let pods = kubectl.list("pods", &format!("performance-test-name={test}"))?;
    let mut times = Vec::new();
    for pod in &pods {
        let state = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        for end in ["startedAt", "finishedAt"] {
            let time = state[end].as_str();
            let time = time.with_context(|| format!("{} has no {end}", name_of(pod)))?;
            times.push(time.parse::<Timestamp>()?);
        }
    }
    let first = times.iter().min().context("no pods")?;
    let last = times.iter().max().context("no pods")?;
    Ok((*first, *last))
}
