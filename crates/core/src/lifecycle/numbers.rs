//! Locust's numbers as the status shows them.

use jiff::Timestamp;
use locust_api::v2::{EndpointSummary, ErrorSummary, Progress, Summary};

use crate::{
    figures,
    report::{Report, RunLine},
    time::whole_seconds,
};

/// Endpoints and errors kept in a status.
const LISTED: usize = 20;

/// The numbers shown while load runs, and at the end.
pub(super) fn progress(
    run: &RunLine,
    rps: Option<f64>,
    p95: Option<f64>,
    now: Timestamp,
) -> Progress {
    Progress {
        users: if run.is_final {
            run.peak_users
        } else {
            run.users
        },
        requests: run.n,
        failures: run.f,
        rps: rps.map(|rps| format!("{rps:.1}")),
        // Before the first request Locust says 0.
        p95: p95.filter(|_| run.n > 0).map(figures::millis),
        error_ratio: (run.n > 0).then(|| ratio(run.f, run.n)),
        observed_at: Some(whole_seconds(now)),
    }
}

/// The numbers that stay.
pub(super) fn summary(report: &Report) -> Summary {
    let is_final = report.load_is_over();
    let Report {
        run,
        pin: _,
        endpoints,
        errors,
        actuals: _,
    } = report;
    // Locust says 0 when there was none.
    let time = |value: Option<f64>| value.filter(|_| run.n > 0).map(figures::millis);
    let omitted = |all: i64, lines: usize| {
        let listed = i64::try_from(lines.min(LISTED)).unwrap_or(i64::MAX);
        (all - listed).max(0)
    };
    Summary {
        requests: run.n,
        failures: run.f,
        exceptions: run.exc,
        error_ratio: ratio(run.f, run.n),
        rps: format!("{:.1}", run.rps.unwrap_or_default()),
        avg: time(run.avg),
        p50: time(run.p50),
        p95: time(run.p95),
        p99: time(run.p99),
        max: time(run.max),
        peak_users: run.peak_users,
        resolution: if run.res >= 3 {
            "ThreeDigits"
        } else {
            "TwoDigits"
        }
        .to_owned(),
        is_final,
        endpoints: endpoints
            .iter()
            .take(LISTED)
            .map(|endpoint| EndpointSummary {
                method: endpoint.m.clone(),
                name: endpoint.name.clone(),
                requests: endpoint.n,
                failures: endpoint.f,
                rps: endpoint.rps.map(|rps| format!("{rps:.1}")),
                p95: endpoint.p95.map(figures::millis),
                p99: endpoint.p99.map(figures::millis),
            })
            .collect(),
        endpoints_omitted: omitted(run.eps, endpoints.len()),
        errors: errors
            .iter()
            .take(LISTED)
            .map(|error| ErrorSummary {
                method: error.m.clone(),
                name: error.name.clone(),
                message: error.msg.clone(),
                count: error.n,
            })
            .collect(),
        errors_omitted: omitted(run.errs, errors.len()),
    }
}

/// Failed per made, with four decimals.
fn ratio(failures: i64, requests: i64) -> String {
    if requests == 0 {
        "0".to_owned()
    } else {
        figures::ratio(failures as f64 / requests as f64)
    }
}
