//! The numbers that are shown and judged, held against a distribution of response times that is known.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    node::{
        Node, expect_counted, expect_no_pods_left, expect_outcome, finished, target_distributions,
    },
    once::expect_one_run,
    percentiles::{FIGURES, Figure, Served, expect_shown},
};
use serde_json::Value;

/// What a request may take longer to Locust than in the target, in milliseconds: the fraction that the target cuts, the
/// way there and back, and the turn of a worker on a busy machine. From one step that figures lie in to the next it is
/// farther, so a figure of another step is seen.
const OVERHEAD: u64 = 300;
/// The same of the one request that took longest.
const LONGEST_OVERHEAD: u64 = 2000;
/// What the target itself may be late, in milliseconds.
const LATE: u64 = 300;
/// Fewer requests of one distribution would leave its last steps without any.
const ENOUGH: u64 = 200;

/// What Locust measures: a worker each.
const TIMED: [&str; 2] = ["47x80,126x20", "126x60,483x34,1234x5,1870x1"];
/// What Locust takes the target's word for, so that only the rounding is left to differ: a worker each.
const TOLD: [&str; 2] = [
    "40-60x80,120-180x20",
    "120-180x60,400-800x34,1100-1300x5,1800x1",
];

/// Both workers use the same two names for their distributions: what was averaged over workers instead of counted
/// together would be wrong by far.
fn known() -> String {
    let ([timed, timed_other], [told, told_other]) = (TIMED, TOLD);
    format!(
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: known
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        import random
        import time
        from locust import HttpUser, constant_pacing, task

        TIMED = "/dist/{timed}", "/dist/{timed_other}"
        TOLD = "/dist/{told}", "/dist/{told_other}"

        class Reader(HttpUser):
            wait_time = constant_pacing(1)

            def on_start(self):
                self.worker = self.environment.runner.worker_index % 2
                self.client.headers["X-Run-Id"] = os.environ["TEST_RUN_ID"]
                # Connecting takes its time, so it is done before: a response that is not asked how it went does not count.
                self.client.get("/-/healthz", catch_response=True)
                time.sleep(random.random())

            @task
            def timed(self):
                self.client.get(TIMED[self.worker], name="timed")

            @task
            def told(self):
                with self.client.get(TOLD[self.worker], name="told", catch_response=True) as response:
                    response.request_meta["response_time"] = float(response.headers["X-Took-Ms"])
  run: {{host: http://demo-target, users: 60, spawnRate: 60, runTime: 25s, stopTimeout: 10s}}
  worker: {{replicas: 2}}
  thresholds:{THRESHOLDS}"#
    )
}

/// Limits at the lower ends of steps, to have them measured, and one on either side of what is known.
const THRESHOLDS: &str = r#"
  - {name: p50, metric: p50, op: gte, value: 120ms}
  - {name: p95, metric: p95, op: gte, value: 400ms}
  - {name: p99, metric: p99, op: gte, value: 1100ms}
  - {name: max, metric: max, op: gte, value: 1870ms}
  - {name: p50-timed, metric: p50, op: gte, value: 126ms, endpoint: {name: timed}}
  - {name: p95-timed, metric: p95, op: gte, value: 483ms, endpoint: {name: timed}}
  - {name: p99-timed, metric: p99, op: gte, value: 1230ms, endpoint: {name: timed}}
  - {name: max-timed, metric: max, op: gte, value: 1870ms, endpoint: {name: timed}}
  - {name: p50-told, metric: p50, op: gte, value: 120ms, endpoint: {method: GET, name: told}}
  - {name: p95-told, metric: p95, op: gte, value: 400ms, endpoint: {method: GET, name: told}}
  - {name: p99-told, metric: p99, op: gte, value: 1100ms, endpoint: {method: GET, name: told}}
  - {name: max-told, metric: max, op: gte, value: 1800ms, endpoint: {method: GET, name: told}}
  - {name: wide, metric: p95, op: lt, value: 1200ms, endpoint: {name: timed}}
  - {name: tight, metric: p95, op: lt, value: 483ms, endpoint: {name: timed}}
"#;

/// Some of the requests.
struct Part {
    /// What the thresholds about it have behind their metrics.
    suffix: &'static str,
    /// Its name in the summary; the whole run has none.
    endpoint: Option<&'static str>,
    distributions: &'static [[&'static str; 2]],
    /// In which step of what both workers get each of [`FIGURES`] lies.
    steps: [RangeInclusive<u64>; 4],
    overhead: u64,
}

/// The workers make about as many requests each, so of both together 40 % are in the fastest step, 80 % up to the
/// second, 97 % up to the third, 99.5 % up to the fourth: no share that is asked for is near to such a border.
const PARTS: [Part; 3] = [
    Part {
        suffix: "",
        endpoint: None,
        distributions: &[TIMED, TOLD],
        steps: [120..=180, 400..=800, 1100..=1300, 1870..=1870],
        overhead: OVERHEAD,
    },
    Part {
        suffix: "-timed",
        endpoint: Some("timed"),
        distributions: &[TIMED],
        steps: [126..=126, 483..=483, 1234..=1234, 1870..=1870],
        overhead: OVERHEAD,
    },
    Part {
        suffix: "-told",
        endpoint: Some("told"),
        distributions: &[TOLD],
        steps: [120..=180, 400..=800, 1100..=1300, 1800..=1800],
        overhead: 0,
    },
];

/// Every figure in the status, of the whole run and of endpoints, shown or judged, is that of what was served.
pub fn of_a_known_distribution(node: &Node) -> Result<()> {
    let kubectl = node.namespace("percentiles")?;
    kubectl.apply(&known())?;
    let test = finished(&kubectl, "known")?;
    expect_outcome(
        &test,
        "Failed Failed/ThresholdBreached",
        "1 of 14 thresholds did not hold: tight: p95 of timed < 483ms, was ",
    )?;
    expect_counted(&kubectl, &test)?;
    let status = &test["status"];
    let told = target_distributions(&kubectl)?;
    let run = status["run"]["id"].as_str().context("a run id")?;
    for part in &PARTS {
        expect_figures(status, &told["runs"][run], part)
            .with_context(|| format!("shown: {status}, served: {told}"))?;
    }
    let p95 = actual(status, "p95-timed")?;
    for name in ["wide", "tight"] {
        ensure!(actual(status, name)? == p95, "{}", status["thresholds"]);
    }
    ensure!(
        status["summary"]["resolution"] == "ThreeDigits",
        "{}",
        status["summary"]
    );
    expect_no_pods_left(&kubectl, "known")?;
    expect_one_run(node, &kubectl, &test)
}

fn expect_figures(status: &Value, told: &Value, part: &Part) -> Result<()> {
    let mut each = Vec::new();
    for distribution in part.distributions.as_flattened() {
        let served = Served::read(&told[distribution]).context(*distribution)?;
        let requests = served.requests();
        ensure!(requests >= ENOUGH, "{distribution}: {requests} requests");
        each.push(served);
    }
    let served = Served::merged(&each);
    let numbers = numbers(status, part.endpoint)?;
    ensure!(
        numbers["requests"] == served.requests(),
        "{} requests{} are shown, {} were served",
        numbers["requests"],
        part.suffix,
        served.requests()
    );
    for ((metric, figure), step) in FIGURES.into_iter().zip(&part.steps) {
        let name = format!("{metric}{}", part.suffix);
        let served = served.figure(figure)?;
        ensure!(
            (*step.start()..=step.end() + LATE).contains(&served),
            "{name}: {served} ms were served, {step:?} are known: the machine is too busy for a target in time"
        );
        let judged = actual(status, &name)?;
        let overhead = match (part.overhead, figure) {
            (0, _) => 0,
            (_, Figure::Max) => LONGEST_OVERHEAD,
            (overhead, Figure::Percentile(_)) => overhead,
        };
        expect_shown(judged, served, overhead).with_context(|| name.clone())?;
        // Endpoints show fewer of them.
        let shown = &numbers[metric];
        let may_be_missing = part.endpoint.is_some() && ["p50", "max"].contains(&metric);
        ensure!(
            shown == judged || shown.is_null() && may_be_missing,
            "{name}: {shown} is shown, {judged} is judged"
        );
    }
    Ok(())
}

/// The numbers of an endpoint in the summary, or those of the whole run.
fn numbers<'a>(status: &'a Value, endpoint: Option<&str>) -> Result<&'a Value> {
    let summary = &status["summary"];
    let Some(name) = endpoint else {
        return Ok(summary);
    };
    let mut endpoints = summary["endpoints"].as_array().into_iter().flatten();
    endpoints
        .find(|endpoint| endpoint["name"] == name)
        .with_context(|| format!("no endpoint {name} in the summary"))
}

/// What a threshold was judged by.
fn actual<'a>(status: &'a Value, name: &str) -> Result<&'a str> {
    let mut thresholds = status["thresholds"].as_array().into_iter().flatten();
    thresholds
        .find(|threshold| threshold["name"] == name)
        .and_then(|threshold| threshold["actual"].as_str())
        .with_context(|| format!("no actual of the threshold {name}"))
}
