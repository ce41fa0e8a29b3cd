//! The node's own control plane fails in the middle of runs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e_node::{API_SERVER, ETCD, node};
use e2e_tests::node::{expect_counted, expect_outcome};
use e2e_tests::proxy::check_patience;
use e2e_tests::seen;

use crate::world::{RUN, World};

/// How long etcd is away, and then the API server.
const ETCD_AWAY: Duration = Duration::from_secs(3);
const AWAY: Duration = Duration::from_secs(60);

/// One run ends while the API server is away, one after it.
const RUNS: [(&str, &str, &str); 2] = [
    (
        "faults-ends-in-it",
        "30s",
        "the API server is away for a minute, and the load ends meanwhile",
    ),
    (
        "faults-outlives-it",
        "80s",
        "etcd restarts and the API server is away for a minute during the load",
    ),
];

pub fn the_control_plane_fails(world: &World) -> Result<()> {
    let layout = world.node.layout();
    let places = world.namespaces(&RUNS.map(|(name, _, _)| name.to_owned()))?;
    let mut operators = Vec::new();
    for (kubectl, (namespace, run_time, _)) in places.iter().zip(RUNS) {
        operators.push(world.launch(namespace).start()?);
        world.apply(kubectl, run_time)?;
    }
    for kubectl in &places {
        kubectl.wait("lotest/demo", "jsonpath={.status.phase}=Running", RUN)?;
    }
    let etcd = node::kill(layout, ETCD)?;
    std::thread::sleep(ETCD_AWAY);
    etcd.revive()?;
    let api_server = node::kill(layout, API_SERVER)?;
    let begin = Instant::now();
    std::thread::sleep(AWAY);
    let end = Instant::now();
    api_server.revive()?;
    println!(
        "        the node was Ready again {:.1}s later",
        end.elapsed().as_secs_f64()
    );

    for (kubectl, (namespace, _, situation)) in places.iter().zip(RUNS) {
        kubectl.wait("lotest/demo", "condition=Completed", RUN)?;
        println!(
            "        {namespace} had its verdict {:.1}s after the outage",
            end.elapsed().as_secs_f64()
        );
        let test = world.ended(kubectl)?.remains.test;
        expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")
            .with_context(|| namespace.to_owned())?;
        expect_counted(&world.target, &test)?;
        seen::case(situation, &test)?;
    }
    for (proxy, _) in &operators {
        let (calls, each) = check_patience(&proxy.calls(), begin, end)?;
        println!("        {calls} calls in {AWAY:?}, at most {each} of a kind are allowed");
    }
    Ok(())
}
