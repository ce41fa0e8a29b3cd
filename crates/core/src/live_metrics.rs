//! The live numbers of a running test as Prometheus metrics.

use std::collections::BTreeSet;

use crate::report::{EndpointLine, Report, RunLine};

/// Endpoints of a test that are shown, the busiest first.
pub const ENDPOINTS: usize = 20;

/// The longest label taken from a report, in characters. The plugin cuts names to this.
const LABEL_LENGTH: usize = 300;

/// Whether a number may only grow during a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What is known of a metric before there is a number.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// The name without the project's prefix, and without the `_total` of counters.
    pub name: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Labels besides `namespace` and `test`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// One number.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What the number is about.
    pub family: &'static Family,
    /// Values of the family's labels, in their order.
    pub labels: Vec<String>,
    /// The number.
    pub value: f64,
}

const ENDPOINT: &[&str] = &["method", "name"];
const QUANTILE: &[&str] = &["quantile"];
const ENDPOINT_QUANTILE: &[&str] = &["method", "name", "quantile"];

macro_rules! families {
    ($($constant:ident = $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(static $constant: Family = Family { name: $name, kind: Kind::$kind, labels: $labels, help: $help };)*

        /// Every metric of a running test.
        pub static FAMILIES: &[&Family] = &[$(&$constant),*];
    };
}

families! {
    USERS = Gauge "test_users" &[], "Users of a running test";
    WORKERS = Gauge "test_workers" &[], "Workers of a running test that are connected";
    WORKERS_EXPECTED = Gauge "test_workers_expected" &[], "Workers that a running test was started with";
    REQUESTS = Counter "test_requests" &[], "Requests of a running test";
    FAILURES = Counter "test_failures" &[], "Failed requests of a running test";
    EXCEPTIONS = Counter "test_exceptions" &[], "Uncaught exceptions in the user code of a running test";
    RATE = Gauge "test_requests_per_second" &[], "Requests per second of a running test, in the last 10 seconds";
    FAILURE_RATE = Gauge "test_failures_per_second" &[],
        "Failed requests per second of a running test, in the last 10 seconds";
    RESPONSE = Gauge "test_response_seconds" QUANTILE, "Response time of a running test since its load began";
    RECENT_RESPONSE = Gauge "test_recent_response_seconds" QUANTILE,
        "Response time of a running test in the last 10 seconds";
    ENDPOINT_REQUESTS = Counter "endpoint_requests" ENDPOINT, "Requests to an endpoint of a running test";
    ENDPOINT_FAILURES = Counter "endpoint_failures" ENDPOINT, "Failed requests to an endpoint of a running test";
    ENDPOINT_RATE = Gauge "endpoint_requests_per_second" ENDPOINT,
        "Requests per second to an endpoint of a running test, on average since its load began";
    ENDPOINT_RESPONSE = Gauge "endpoint_response_seconds" ENDPOINT_QUANTILE,
        "Response time of an endpoint of a running test since its load began";
}

/// The numbers of a run that was started with so many workers; none when its load is over.
pub fn samples(report: &Report, workers: i32) -> Vec<Sample> {
    if report.load_is_over() {
        return Vec::new();
    }
    let mut samples = of_run(&report.run, workers);
    let mut seen = BTreeSet::new();
    let endpoints = report
        .endpoints
        .iter()
        // Names that were cut may be the same, and one label set must not come twice.
        .filter(|endpoint| seen.insert((label(&endpoint.m), label(&endpoint.name))))
        .take(ENDPOINTS);
    samples.extend(endpoints.flat_map(of_endpoint));
    samples
}

fn of_run(run: &RunLine, workers: i32) -> Vec<Sample> {
    let plain = [
        (&USERS, Some(run.users as f64)),
        (&WORKERS, Some(f64::from(run.workers))),
        (&WORKERS_EXPECTED, Some(f64::from(workers))),
        (&REQUESTS, Some(run.n as f64)),
        (&FAILURES, Some(run.f as f64)),
        (&EXCEPTIONS, Some(run.exc as f64)),
        (&RATE, run.cur.rps),
        (&FAILURE_RATE, run.cur.fps),
    ];
    // Before the first request Locust says 0.
    let time = |value: Option<f64>| value.filter(|_| run.n > 0).map(seconds);
    let times = [
        (&RESPONSE, "0.5", time(run.p50)),
        (&RESPONSE, "0.95", time(run.p95)),
        (&RESPONSE, "0.99", time(run.p99)),
        (&RECENT_RESPONSE, "0.95", time(run.cur.p95)),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(family, value)| sample(family, Vec::new(), value));
    let times = times
        .into_iter()
        .filter_map(|(family, quantile, value)| sample(family, vec![quantile.to_owned()], value));
    plain.chain(times).collect()
}

fn of_endpoint(endpoint: &EndpointLine) -> Vec<Sample> {
    let labels = vec![label(&endpoint.m), label(&endpoint.name)];
    let plain = [
        (&ENDPOINT_REQUESTS, Some(endpoint.n as f64)),
        (&ENDPOINT_FAILURES, Some(endpoint.f as f64)),
        (&ENDPOINT_RATE, endpoint.rps),
    ];
    let times = [
        ("0.5", endpoint.p50),
        ("0.95", endpoint.p95),
        ("0.99", endpoint.p99),
    ];
    let plain = plain
        .into_iter()
        .filter_map(|(family, value)| sample(family, labels.clone(), value));
    let times = times.into_iter().filter_map(|(quantile, value)| {
        let labels = labels.iter().cloned().chain([quantile.to_owned()]);
        sample(&ENDPOINT_RESPONSE, labels.collect(), value.map(seconds))
    });
    plain.chain(times).collect()
}

fn sample(family: &'static Family, labels: Vec<String>, value: Option<f64>) -> Option<Sample> {
    value.map(|value| Sample {
        family,
        labels,
        value,
    })
}

fn seconds(millis: f64) -> f64 {
    millis / 1000.0
}

fn label(text: &str) -> String {
    text.chars().take(LABEL_LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::CurrentNumbers;

    fn running() -> Report {
        Report {
            run: RunLine {
                state: "running".to_owned(),
                start: Some(1000),
                users: 4,
                workers: 1,
                n: 70,
                f: 9,
                exc: 2,
                p50: Some(2.0),
                p95: Some(43.0),
                p99: Some(64.0),
                cur: CurrentNumbers {
                    rps: Some(11.5),
                    fps: Some(0.5),
                    p95: None,
                },
                ..RunLine::default()
            },
            endpoints: vec![endpoint("/", Some(1.0))],
            ..Report::default()
        }
    }

    fn endpoint(name: &str, p50: Option<f64>) -> EndpointLine {
        EndpointLine {
            m: "GET".to_owned(),
            name: name.to_owned(),
            n: 31,
            f: 3,
            rps: Some(1.5),
            p50,
            p95: Some(5.0),
            p99: Some(16.0),
        }
    }

    fn lines(report: &Report) -> Vec<String> {
        samples(report, 2)
            .iter()
            .map(|sample| {
                assert_eq!(sample.labels.len(), sample.family.labels.len());
                format!(
                    "{} {} {}",
                    sample.family.name,
                    sample.labels.join(","),
                    sample.value
                )
            })
            .collect()
    }

    #[test]
    fn every_number_of_a_running_test() {
        assert_eq!(
            lines(&running()),
            [
                "test_users  4",
                "test_workers  1",
                "test_workers_expected  2",
                "test_requests  70",
                "test_failures  9",
                "test_exceptions  2",
                "test_requests_per_second  11.5",
                "test_failures_per_second  0.5",
                "test_response_seconds 0.5 0.002",
                "test_response_seconds 0.95 0.043",
                "test_response_seconds 0.99 0.064",
                "endpoint_requests GET,/ 31",
                "endpoint_failures GET,/ 3",
                "endpoint_requests_per_second GET,/ 1.5",
                "endpoint_response_seconds GET,/,0.5 0.001",
                "endpoint_response_seconds GET,/,0.95 0.005",
                "endpoint_response_seconds GET,/,0.99 0.016",
            ]
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let mut report = running();
        report.run.n = 0;
        report.run.cur = CurrentNumbers::default();
        report.endpoints = vec![endpoint("/", None)];
        let lines = lines(&report);
        for absent in ["test_response", "per_second  ", "/,0.5 "] {
            assert!(!lines.iter().any(|line| line.contains(absent)), "{absent}");
        }
        assert!(lines.contains(&"endpoint_response_seconds GET,/,0.95 0.005".to_owned()));
    }

    #[test]
    fn nothing_of_a_load_that_is_over() {
        let mut report = running();
        report.run.is_final = true;
        assert_eq!(samples(&report, 2), []);
        let mut report = running();
        report.run.end = Some(2000);
        report.run.state = "stopped".to_owned();
        assert_eq!(samples(&report, 2), []);
    }

    #[test]
    fn endpoints_and_their_names_are_bounded_and_come_once() {
        let mut report = running();
        report.endpoints = (0..100)
            .flat_map(|i| [format!("/{i}"), "/same".to_owned()])
            .map(|name| endpoint(&name, Some(1.0)))
            .chain([endpoint(&"x".repeat(1000), None)])
            .collect();
        let of = |report: &Report| -> Vec<Vec<String>> {
            samples(report, 2)
                .into_iter()
                .filter(|sample| sample.family == &ENDPOINT_REQUESTS)
                .map(|sample| sample.labels)
                .collect()
        };
        // docs/operating.md promises so many for a test; its recent percentile is not known here.
        assert_eq!(samples(&report, 2).len(), 132 - 1);
        let labels = of(&report);
        assert_eq!(labels.len(), ENDPOINTS);
        assert_eq!(
            labels.iter().filter(|labels| labels[1] == "/same").count(),
            1
        );
        report.endpoints.reverse();
        assert_eq!(of(&report)[0][1].len(), LABEL_LENGTH);
    }
}
