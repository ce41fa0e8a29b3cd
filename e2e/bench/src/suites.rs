//! Many suites at once: how soon after the end of a step the next one is claimed.

mod chain;
mod expansions;
mod gaps;

use std::collections::HashSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_tests::stand_in::{self, DETAILS};
use futures::{StreamExt, TryStreamExt, stream::FuturesUnordered};
use jiff::Timestamp;
use kube::Client;
use kube::runtime::watcher::{self, Event};
use serde_json::{Value, json};

use crate::client::{Kind, json_of, list, patch_status, text, until_within};
use crate::cluster::Cluster;
use crate::memory::{self, Memories};
use crate::requests::{self, Count};
use crate::{first_test, proc};

pub use chain::run as run_chains;
pub use expansions::Expansions;
use gaps::Gaps;

/// Suites at once.
const SUITES: usize = 100;
/// Steps of each, one after the other.
const STEPS: usize = 20;
/// How long the test of a step makes load. Suites begin spread over this time, so that steps do not end together.
const STEP: Duration = Duration::from_secs(5);
/// What all suites may take.
const LIMIT: Duration = Duration::from_secs(1800);
const NAMESPACE: &str = "suites";
/// The example whose template the steps are made from.
const EXAMPLE: &str = "suite-smoke-load-stress.yaml";

/// Suites from their first step to their last.
#[derive(Debug)]
pub struct Suites {
    /// From the verdict of a step's test to the claim of the next one, in milliseconds: the operator's.
    pub ours: Vec<f64>,
    /// The same of a client that does nothing else.
    pub bare: Vec<f64>,
    /// How long all suites took.
    pub seconds: f64,
    /// The operator's processor time for them.
    pub cpu_seconds: f64,
    /// The operator's requests.
    pub requests: Count,
    /// Memory when all suites are over.
    pub memory: Memories,
    /// How fast a template becomes a test.
    pub expansions: Expansions,
}

impl Suites {
    /// Steps of all suites together.
    pub fn steps(&self) -> f64 {
        (SUITES * STEPS) as f64
    }
}

/// Runs the suites, then the same chain of writes without the operator.
pub fn measure(cluster: &Cluster) -> Result<Suites> {
    let operator = cluster.operator()?;
    let kubectl = cluster.namespace(NAMESPACE)?;
    let template = template(cluster)?;
    kubectl.apply(&template.to_string())?;
    cluster.settle()?;

    let requests = cluster.requests()?;
    let cpu = proc::cpu(operator.pid())?;
    let begin = Instant::now();
    cluster.wait(run(&cluster.client, &template))?;
    let seconds = begin.elapsed().as_secs_f64();
    cluster.settle()?;
    let cpu = proc::cpu(operator.pid())? - cpu;
    let memory = memory::measure(cluster, &operator)?;
    let mut gaps = Gaps::default();
    let requests = requests::count_with(requests, NAMESPACE, |request| gaps.note(request))?.ours;
    // What it would make of the bare client's tests is not wanted.
    drop(operator);
    Ok(Suites {
        ours: gaps.milliseconds(SUITES * (STEPS - 1))?,
        bare: chain::measure(cluster, NAMESPACE)?,
        seconds,
        cpu_seconds: cpu.as_secs_f64(),
        requests,
        memory,
        expansions: expansions::measure(&template)?,
    })
}

/// The example's template.
fn template(cluster: &Cluster) -> Result<Value> {
    let objects = first_test::example(&cluster.kubectl, EXAMPLE)?;
    let mut template = objects
        .into_iter()
        .find(|object| object["kind"] == "LocustTemplate")
        .with_context(|| format!("no template in {EXAMPLE}"))?;
    // kubectl has put the default namespace into it.
    template["metadata"] = json!({"name": template["metadata"]["name"]});
    Ok(template)
}

/// A suite as in the example, with more steps: each takes its limits from the numbers of the one before.
fn suite(number: usize, template: &Value) -> Value {
    let step = |step: usize| {
        let mut parameters = vec![json!({"name": "users", "value": step + 1})];
        if let Some(before) = step.checked_sub(1) {
            let p95 = format!("steps.s{before}.p95Ms");
            parameters.extend([
                json!({"name": "atRestMs", "value": format!("{{{{{p95}}}}}")}),
                json!({"name": "limit", "value": format!("{{{{#if (lt {p95} 300)}}}}2s{{{{else}}}}5s{{{{/if}}}}")}),
            ]);
        }
        let name = &template["metadata"]["name"];
        json!({"name": format!("s{step}"), "templateRef": {"name": name, "parameters": parameters}})
    };
    json!({
        "apiVersion": "locust.io/v2", "kind": "LocustTestSuite",
        "metadata": {"namespace": NAMESPACE, "name": format!("suite-{number}")},
        "spec": {
            "execution": "Sequential",
            "parameters": [{"name": "host", "value": "http://demo-target"}],
            "steps": (0..STEPS).map(step).collect::<Vec<_>>(),
        },
    })
}

/// Creates the suites and plays Locust for their tests until all of them are over.
async fn run(client: &Client, template: &Value) -> Result<()> {
    let pause = STEP / u32::try_from(SUITES)?;
    let create = async {
        for number in 0..SUITES {
            Kind::LocustTestSuite
                .create(client, suite(number, template))
                .await?;
            tokio::time::sleep(pause).await;
        }
        anyhow::Ok(())
    };
    let kind = Kind::LocustTestSuite;
    let is_over = |suite: &Value| suite["status"]["verdict"].is_string();
    let over = until_within(LIMIT, client, kind, NAMESPACE, SUITES, "over", is_over);
    tokio::select! {
        played = play(client) => played?,
        done = async { futures::try_join!(create, over) } => drop(done?),
    }
    for suite in list(client, kind, NAMESPACE).await? {
        let status = &suite["status"];
        ensure!(
            status["verdict"] == "Passed",
            "a suite is {} and not Passed: {}",
            status["verdict"],
            status["message"]
        );
    }
    Ok(())
}

/// Ends every master a while after its pod has come into being, as Locust would. Does not end by itself.
async fn play(client: &Client) -> Result<()> {
    let masters = watcher::Config::default().labels("locust.io/role=master");
    let mut events = pin!(watcher::watcher(Kind::Pod.api(client, NAMESPACE), masters));
    let mut known = HashSet::new();
    let mut ends = FuturesUnordered::new();
    loop {
        tokio::select! {
            event = events.try_next() => {
                let event = event?.context("the watch of pods ended")?;
                if let Event::Apply(pod) | Event::InitApply(pod) = event
                    && known.insert(pod.metadata.uid.clone())
                {
                    ends.push(end(client, json_of(&pod)?));
                }
            }
            Some(ended) = ends.next() => ended?,
        }
    }
}

async fn end(client: &Client, pod: Value) -> Result<()> {
    tokio::time::sleep(STEP).await;
    let run = text(&pod, "/metadata/labels/locust.io~1run-id")?;
    let end = Timestamp::now().as_millisecond();
    let load = i64::try_from(STEP.as_millis())?;
    let times = json!({"start": end - load, "end": end, "now": end});
    // What was measured for the template's thresholds: the error ratio, and twice the p95.
    let measured = r#"{"k":"th","a":[[0,700],[43,700],[43,700]]}"#;
    let words = format!("{}\n{measured}\n{DETAILS}", stand_in::report(run, &times));
    let ended = stand_in::ended(&pod, 0, &words);
    patch_status(client, Kind::Pod, &pod, ended).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_take_their_limits_from_the_one_before() {
        let suite = suite(7, &json!({"metadata": {"name": "shop"}}));
        let steps = suite["spec"]["steps"].as_array().unwrap();
        assert_eq!(steps.len(), STEPS);
        let parameters = |step: usize| steps[step]["templateRef"]["parameters"].clone();
        assert_eq!(parameters(0), json!([{"name": "users", "value": 1}]));
        assert_eq!(
            parameters(2)[1],
            json!({"name": "atRestMs", "value": "{{steps.s1.p95Ms}}"})
        );
        assert_eq!(
            parameters(2)[2]["value"],
            "{{#if (lt steps.s1.p95Ms 300)}}2s{{else}}5s{{/if}}"
        );
    }
}
