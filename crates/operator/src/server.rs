//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse,
    routing::get,
};

use crate::{
    hub::{Health, Hub},
    metrics::Metrics,
    obstacles::Obstacles,
};

#[derive(Clone)]
struct Shared {
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    obstacles: Obstacles,
}

/// The routes of the process.
pub(crate) fn routes(hub: Arc<Hub>, metrics: Arc<Metrics>, obstacles: Obstacles) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(Shared {
            hub,
            metrics,
            obstacles,
        })
}

async fn readyz(State(shared): State<Shared>) -> impl IntoResponse {
    let why = not_ready(&shared.hub.health()).unwrap_or_default() + &shared.obstacles.lines();
    if why.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, why)
    }
}

/// One line for each kind whose cache is not complete.
fn not_ready(health: &[Health]) -> Option<String> {
    let lines: Vec<String> = health
        .iter()
        .filter(|health| !health.synced)
        .map(|health| match &health.last_error {
            Some(error) => format!("{}: cache not synced: {error}\n", health.kind),
            None => format!("{}: cache not synced\n", health.kind),
        })
        .collect();
    (!lines.is_empty()).then(|| lines.concat())
}

async fn metrics_text(State(shared): State<Shared>) -> impl IntoResponse {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, OPEN_METRICS)], shared.metrics.text())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_the_kind_that_is_missing() {
        let synced = Health {
            kind: "jobs",
            synced: true,
            last_error: Some("old".to_owned()),
        };
        let missing = Health {
            kind: "pods",
            synced: false,
            last_error: Some("forbidden".to_owned()),
        };
        assert_eq!(not_ready(std::slice::from_ref(&synced)), None);
        assert_eq!(
            not_ready(&[synced, missing]).unwrap(),
            "pods: cache not synced: forbidden\n"
        );
    }
}
