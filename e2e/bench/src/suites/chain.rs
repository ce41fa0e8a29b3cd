//! The baseline: the writes between two steps, by a client that decides nothing.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use kube::Client;
use kube::api::{GetParams, Patch, PatchParams, PostParams};
use kube::core::Request;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{STEP, SUITES, gaps::Gaps};
use crate::bare::{Done, Process, url};
use crate::client::{Kind, list};
use crate::cluster::Cluster;
use crate::{proc, requests};

/// Enough for percentiles: each is like the others.
const STEPS: usize = 4;
const NAMESPACE: &str = "bare-suites";

/// Chains of tests at once, each test claimed after the one before has ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chains {
    /// A test to be created, without a name.
    test: Value,
    /// Its status once it is claimed.
    claimed: Value,
    /// And once it is over.
    ended: Value,
}

/// Makes tests like those that the operator made in the namespace `from`. No operator may run.
pub fn measure(cluster: &Cluster, from: &str) -> Result<Vec<f64>> {
    cluster.namespace(NAMESPACE)?;
    let tests = cluster.wait(list(&cluster.client, Kind::LocustTest, from))?;
    let made = tests.first().context("no test of a suite")?;
    let file = cluster.file("chains.json");
    std::fs::write(&file, serde_json::to_vec(&Chains::like(made))?)?;
    let requests = cluster.requests()?;
    let done = Process::start(
        cluster,
        &cluster.user.kubeconfig,
        &["chains", &file.to_string_lossy()],
    )?
    .end()?;
    ensure!(done.writes > 0, "nothing was written");
    let mut gaps = Gaps::default();
    requests::count_with(requests, NAMESPACE, |request| gaps.note(request))?;
    gaps.milliseconds(SUITES * (STEPS - 1))
}

impl Chains {
    fn like(made: &Value) -> Self {
        let labels = &made["metadata"]["labels"];
        let status = &made["status"];
        Self {
            test: json!({"apiVersion": "locust.io/v2", "kind": "LocustTest",
                "metadata": {"namespace": NAMESPACE, "labels": labels}, "spec": made["spec"]}),
            claimed: json!({"phase": "Pending", "run": status["run"], "conditions": status["conditions"],
                "observedGeneration": status["observedGeneration"]}),
            ended: status.clone(),
        }
    }
}

/// Runs the chains.
pub async fn run(client: &Client, chains: &Chains) -> Result<Done> {
    let begin = Instant::now();
    let pause = STEP / u32::try_from(SUITES)?;
    let all = (0..)
        .zip(0..SUITES)
        .map(|(turn, number): (u32, usize)| async move {
            tokio::time::sleep(pause * turn).await;
            chain(client, chains, number).await
        });
    let writes = futures::future::try_join_all(all).await?;
    Ok(Done {
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: proc::cpu(std::process::id())?.as_secs_f64(),
        writes: writes.iter().sum(),
    })
}

/// One chain; how many writes it took.
async fn chain(client: &Client, chains: &Chains, number: usize) -> Result<u32> {
    let path = url(&Kind::LocustTest.resource(), Some(NAMESPACE));
    let mut before: Option<String> = None;
    let mut writes = 0;
    for step in 0..STEPS {
        let name = format!("suite-{number}-s{step}");
        if let Some(before) = before.replace(name.clone()) {
            status(client, &path, &before, &chains.ended).await?;
            // The operator reads what has ended, too: its numbers are for the next step.
            let request = Request::new(&path).get(&before, &GetParams::default())?;
            client.request_text(request).await?;
            writes += 1;
        }
        let mut test = chains.test.clone();
        test["metadata"]["name"] = json!(name);
        let body = serde_json::to_vec(&test)?;
        let request = Request::new(&path).create(&PostParams::default(), body)?;
        client.request_text(request).await?;
        status(client, &path, &name, &chains.claimed).await?;
        writes += 2;
        tokio::time::sleep(STEP).await;
    }
    Ok(writes)
}

async fn status(client: &Client, path: &str, name: &str, status: &Value) -> Result<()> {
    let patch = Patch::Merge(json!({"status": status}));
    let request =
        Request::new(path).patch_subresource("status", name, &PatchParams::default(), &patch)?;
    client.request_text(request).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_claimed_has_no_verdict() {
        let made = json!({
            "metadata": {"name": "a", "uid": "1", "labels": {"b": "c"}}, "spec": {"worker": {"replicas": 1}},
            "status": {"phase": "Succeeded", "run": {"id": "1"}, "verdict": "Passed", "conditions": []}});
        let chains = Chains::like(&made);
        assert_eq!(chains.claimed["run"]["id"], "1");
        assert!(chains.claimed["verdict"].is_null());
        assert_eq!(chains.ended["verdict"], "Passed");
        assert_eq!(
            chains.test["metadata"],
            json!({"namespace": NAMESPACE, "labels": {"b": "c"}})
        );
    }
}
