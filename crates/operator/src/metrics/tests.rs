use super::*;
use std::collections::BTreeSet;

use locust_core::{
    live_metrics,
    report::{CurrentNumbers, EndpointLine, Report, RunLine},
};

fn report(endpoint: &str) -> Report {
    Report {
        run: RunLine {
            state: "running".to_owned(),
            start: Some(1),
            n: 10,
            p50: Some(1.0),
            p95: Some(2.0),
            p99: Some(3.0),
            cur: CurrentNumbers {
                rps: Some(1.0),
                fps: Some(0.0),
                p95: Some(2.0),
            },
            ..RunLine::default()
        },
        endpoints: vec![EndpointLine {
            m: "GET".to_owned(),
            name: endpoint.to_owned(),
            n: 10,
            rps: Some(1.0),
            p50: Some(1.0),
            p95: Some(2.0),
            p99: Some(3.0),
            ..EndpointLine::default()
        }],
        ..Report::default()
    }
}

fn samples() -> Vec<Sample> {
    live_metrics::samples(&report("/"), 2)
}

/// Metrics in which everything has a value.
fn all() -> Metrics {
    let metrics = Metrics::default();
    metrics.reconciled("test", "ok", Duration::from_millis(3));
    metrics.watch_error("pods");
    metrics.cache_synced("pods", true);
    metrics.leads(true);
    metrics.run_finished("Passed", "RunTimeReached");
    metrics.compared("Stable");
    metrics.scheduled(&Tally {
        started: 2,
        missed: 3,
        delays: vec![0, 4],
        ..Tally::default()
    });
    metrics.schedules_suspended(1);
    metrics.show_running("shop", "cart", samples());
    metrics
}

/// Every line that is about a running test.
fn of_tests(metrics: &Metrics) -> Vec<String> {
    let text = metrics.text();
    let lines = text.lines().filter(|line| line.contains("{namespace="));
    lines.map(str::to_owned).collect()
}

#[test]
fn what_is_described_is_what_is_served() {
    let text = all().text();
    let served: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(|name| {
            let histogram = ["_bucket", "_count", "_sum"];
            let base = histogram
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            base.unwrap_or(name).to_owned()
        })
        .collect();
    let described: BTreeSet<String> = of_operator()
        .into_iter()
        .chain(of_running_tests())
        .map(|metric| metric.name)
        .collect();
    assert_eq!(served, described);
}

#[test]
fn labels_are_the_described_ones() {
    let text = all().text();
    for Described { name, labels, .. } in of_operator().into_iter().chain(of_running_tests()) {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name}{{")));
        let served: Vec<&str> = line
            .into_iter()
            .flat_map(|line| line.split(['{', ',']).skip(1))
            .filter_map(|pair| pair.split('=').next())
            .collect();
        assert_eq!(served, labels, "{name}");
    }
}

#[test]
fn runs_of_schedules_are_counted_by_what_became_of_them() {
    let metrics = all();
    metrics.scheduled(&Tally {
        skipped: 1,
        ..Tally::default()
    });
    let text = metrics.text();
    for line in [
        "locust_operator_schedule_runs_total{result=\"started\"} 2\n",
        "locust_operator_schedule_runs_total{result=\"skipped\"} 1\n",
        "locust_operator_schedule_runs_total{result=\"missed\"} 3\n",
        "locust_operator_schedule_runs_total{result=\"not_started\"} 0\n",
        "locust_operator_schedule_start_delay_seconds_sum 4.0\n",
        "locust_operator_schedule_start_delay_seconds_bucket{le=\"1.0\"} 1\n",
        "locust_operator_schedule_start_delay_seconds_count 2\n",
        "locust_operator_schedules_suspended 1\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_running_test_is_shown_until_it_is_not() {
    let metrics = all();
    let text = metrics.text();
    for line in [
        "locust_operator_test_users{namespace=\"shop\",test=\"cart\"} 0.0\n",
        "locust_operator_endpoint_requests_total{namespace=\"shop\",test=\"cart\",method=\"GET\",name=\"/\"} 10.0\n",
        "locust_operator_endpoint_response_seconds{namespace=\"shop\",test=\"cart\",method=\"GET\",name=\"/\",quantile=\"0.95\"} 0.002\n",
    ] {
        assert!(text.contains(line), "{text}");
    }
    metrics.not_running("shop", "another");
    assert_eq!(of_tests(&metrics).len(), samples().len());
    metrics.not_running("shop", "cart");
    assert_eq!(of_tests(&metrics), [""; 0]);
}

#[test]
fn numbers_without_samples_take_the_old_ones_away() {
    let metrics = all();
    metrics.show_running("shop", "cart", Vec::new());
    assert_eq!(of_tests(&metrics), [""; 0]);
}

#[test]
fn who_does_not_act_shows_no_test() {
    let metrics = all();
    metrics.show_running("shop", "search", samples());
    metrics.nothing_runs_here();
    assert_eq!(of_tests(&metrics), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn old_numbers_are_not_shown() {
    let metrics = all();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_ne!(of_tests(&metrics), [""; 0]);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(of_tests(&metrics), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn no_more_tests_than_the_bound_and_those_that_are_shown_stay() {
    let metrics = Metrics::default();
    for i in 0..TESTS + 5 {
        metrics.show_running("shop", &format!("test-{i:03}"), samples());
    }
    let per_test = samples().len();
    assert_eq!(of_tests(&metrics).len(), TESTS * per_test);
    let left_out = "locust_operator_live_reports_left_out_total 5\n";
    assert!(metrics.text().contains(left_out));
    metrics.show_running("shop", "test-000", samples());
    assert!(metrics.text().contains(left_out));

    metrics.not_running("shop", "test-000");
    metrics.show_running("shop", "late", samples());
    let lines = of_tests(&metrics);
    assert_eq!(lines.len(), TESTS * per_test);
    assert!(lines.iter().any(|line| line.contains("test=\"late\"")));

    // Places of tests that nobody reads any more are free.
    tokio::time::advance(Duration::from_secs(61)).await;
    metrics.show_running("shop", "later", samples());
    assert_eq!(of_tests(&metrics).len(), per_test);
}

#[test]
fn names_of_users_do_not_break_the_text() {
    let metrics = Metrics::default();
    let samples = live_metrics::samples(&report("/a\"b\\c\nd"), 2);
    metrics.show_running("shop", "cart", samples);
    let text = metrics.text();
    assert!(text.contains(r#"name="/a\"b\\c\nd"} 10.0"#), "{text}");
}
