//! A network that drops packets while workers start: a connection tried once would back off for minutes.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    manifest::locust_test,
    node::{Node, RUN, SOON, expect_outcome, finished, target_runs},
    once::expect_one_run,
    wait_until,
};

const DROPPED: Duration = Duration::from_secs(20);
/// The plugin tries anew every second, and the operator looks every second; the rest is a busy machine.
const CONNECTED_WITHIN: Duration = Duration::from_secs(8);

/// Drops what goes to the master's port of one Service, until it is dropped itself.
struct Wall {
    rule: Vec<String>,
}

impl Wall {
    fn before(address: &str) -> Result<Self> {
        let rule =
            format!("FORWARD -p tcp --dport 5557 -m conntrack --ctorigdst {address} -j DROP");
        let wall = Self {
            rule: rule.split(' ').map(str::to_owned).collect(),
        };
        wall.iptables("-I")?;
        Ok(wall)
    }

    fn iptables(&self, action: &str) -> Result<()> {
        let output = Command::new("iptables")
            // Before the table in which network policies let packets pass.
            .args(["-w", "-t", "mangle", action])
            .args(&self.rule)
            .output()?;
        ensure!(
            output.status.success(),
            "iptables: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        if let Err(error) = self.iptables("-D") {
            eprintln!("cannot remove the rule {:?}: {error:#}", self.rule);
        }
    }
}

pub fn workers_connect_soon_after_packets_were_dropped(node: &Node) -> Result<()> {
    let kubectl = node.namespace("dropped")?;
    kubectl.apply(&locust_test("patient", "4s", ""))?;
    let service = wait_until("the Service exists", SOON, || {
        kubectl.get("service", "patient-master")
    })?;
    let address = service["spec"]["clusterIP"]
        .as_str()
        .context("a cluster IP")?;
    let wall = Wall::before(address)?;
    std::thread::sleep(DROPPED);
    let test = kubectl.get("locusttest", "patient")?;
    ensure!(
        test["status"]["connectedWorkers"] == 0,
        "the wall stands: {}",
        test["status"]["workers"]
    );
    drop(wall);
    let lifted = Instant::now();
    wait_until("workers are connected", RUN, || {
        let test = kubectl.get("locusttest", "patient")?;
        ensure!(
            test["status"]["connectedWorkers"] == 2,
            "{}",
            test["status"]["workers"]
        );
        Ok(())
    })?;
    let took = lifted.elapsed();
    println!(
        "        connected {:.1}s after packets passed again",
        took.as_secs_f64()
    );
    ensure!(took < CONNECTED_WITHIN, "{took:?}");
    let test = finished(&kubectl, "patient")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    let runs = target_runs(&kubectl)?;
    ensure!(
        runs["total"] == test["status"]["summary"]["requests"],
        "{runs}"
    );
    expect_one_run(node, &kubectl, &test)
}
