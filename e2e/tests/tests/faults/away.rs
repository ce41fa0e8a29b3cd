//! Runs that end while no operator is there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::harness;
use e2e_tests::node::{expect_counted, expect_outcome, target_runs};
use e2e_tests::remains::Writes;
use e2e_tests::seen;
use e2e_tests::wait::stays_so;

use crate::world::{RUN, World};

/// What is gone when the operator is back, and what the test then says.
struct Absence {
    namespace: &'static str,
    run_time: &'static str,
    /// More lines of the test's spec.
    spec: &'static str,
    /// How the master's Job ends.
    job: &'static str,
    /// How far the operator saw the run come.
    seen: &'static str,
    gone: Option<&'static str>,
    outcome: &'static str,
    words: &'static str,
    situation: &'static str,
}

const ABSENCES: [Absence; 4] = [
    Absence {
        namespace: "faults-away",
        run_time: "6s",
        spec: "  thresholds:\n  - {name: some, metric: requests, op: gte, value: \"5\"}\n",
        job: "condition=Complete",
        seen: "condition=PodsHealthy",
        gone: None,
        outcome: "Succeeded Passed/AllPassed",
        words: "1 threshold judged, none failed",
        situation: "the operator is away from the start of the pods until after the end",
    },
    Absence {
        namespace: "faults-no-pod",
        run_time: "6s",
        spec: "",
        job: "condition=Complete",
        seen: "condition=PodsHealthy",
        gone: Some("pod"),
        outcome: "Failed Error/ResultLost",
        words: "the master's pod is gone",
        situation: "the master's pod is deleted after the end, while the operator is away",
    },
    Absence {
        namespace: "faults-no-job",
        run_time: "6s",
        spec: "",
        job: "condition=Complete",
        seen: "jsonpath={.status.phase}=Running",
        gone: Some("job"),
        outcome: "Failed Inconclusive/MasterLost",
        words: "the master's Job was deleted",
        situation: "the master's Job is deleted during an absence of the operator that began during the load",
    },
    Absence {
        namespace: "faults-abort",
        run_time: "5m",
        spec: "  thresholds:\n  - {name: instant, metric: avg, op: lt, value: 1ms, abort: {delay: 3s, sustained: 2s}}\n",
        job: "condition=Failed",
        seen: "condition=PodsHealthy",
        gone: None,
        outcome: "Failed Failed/ThresholdAbort",
        words: "the load was ended early by instant",
        situation: "a threshold with `abort` stays in breach while the operator is away",
    },
];

pub fn all_was_collected_while_the_operator_was_away(world: &World) -> Result<()> {
    let results = harness::each(&ABSENCES, ABSENCES.len(), |absence| {
        ends(world, absence).with_context(|| absence.namespace.to_owned())
    });
    results.into_iter().collect()
}

fn ends(world: &World, absence: &Absence) -> Result<()> {
    let Absence {
        namespace,
        run_time,
        spec,
        job,
        seen,
        gone,
        outcome,
        words,
        situation,
    } = absence;
    let places = world.namespaces(&[(*namespace).to_owned()])?;
    let kubectl = &places[0];
    let launch = world.launch(namespace);
    let (_proxy, mut operator) = launch.start()?;
    world.apply_with(kubectl, run_time, spec)?;
    kubectl.wait("lotest/demo", seen, RUN)?;
    operator.kill()?;
    kubectl.wait("job/demo-master", job, RUN)?;
    if let Some(gone) = gone {
        kubectl.run(&["delete", gone, "--selector=locust.io/role=master", "--wait"])?;
    }
    let made = || -> Result<usize> {
        let audit = &world.node.audit;
        let writes = Writes::of(audit, &world.user.name, namespace)?;
        let creates = writes
            .objects
            .iter()
            .filter(|write| write.verb() == "create");
        Ok(creates.count())
    };
    let (before, loaded) = (made()?, requests(world, kubectl)?);

    let (_proxy, _operator) = launch.start()?;
    let test = kubectl.wait("lotest/demo", "condition=Completed", RUN)?;
    expect_outcome(&test, outcome, words)?;
    stays_so("nothing is made again", Duration::from_secs(3), || {
        ensure!(made()? == before, "{} creates, and not {before}", made()?);
        Ok(())
    })?;
    ensure!(requests(world, kubectl)? == loaded, "it loads again");
    if gone.is_none() {
        expect_counted(&world.target, &test)?;
    }
    seen::case(situation, &test)
}

/// What the target counted of the run.
fn requests(world: &World, kubectl: &e2e_tests::Kubectl) -> Result<Option<u64>> {
    let test = kubectl.get("lotest", "demo")?;
    let run = test["status"]["run"]["id"].as_str().context("a run id")?;
    Ok(target_runs(&world.target)?["runs"][run]["requests"].as_u64())
}
