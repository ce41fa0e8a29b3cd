//! The process from start to stop.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::http::{HeaderValue, header::USER_AGENT};
use kube::{Client, Config};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{controller, hub::Hub, metrics::Metrics, server, settings::Settings};

/// How long reconciles under way may take to finish when the process is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// Runs the operator until it is told to stop (SIGTERM or SIGINT).
///
/// # Errors
/// When there is no way to an API server, or the address of the HTTP server is taken.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    log_as_json(&settings.log_level);
    // rustls leaves the choice of its cryptography to the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(serve(settings));
    runtime.shutdown_timeout(Duration::from_secs(1));
    result
}

fn log_as_json(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_default();
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
}

async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings {
        listen_address,
        watch_namespace,
        log_level: _,
        runs,
    } = settings;
    let mut config = Config::infer()
        .await
        .context("no API server: neither a service account nor a kubeconfig")?;
    // Its retries take minutes and hide errors; reconciles are tried again anyway.
    config.default_retry = false;
    // So that audit logs tell who wrote.
    let agent = concat!("locust-operator/", env!("CARGO_PKG_VERSION"));
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(agent)));
    let client = Client::try_from(config).context("cannot make a client for the API server")?;
    let listener = TcpListener::bind(listen_address).await.with_context(|| {
        format!("cannot listen on {listen_address}: is another process there? see --listen-address")
    })?;
    let stop = stop_on_signal()?;
    let metrics = Arc::new(Metrics::default());
    let hub = Arc::new(Hub::start(
        &client,
        watch_namespace.as_deref(),
        &metrics,
        &stop,
    ));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %listen_address,
        namespace = watch_namespace.as_deref().unwrap_or("all"),
        "started"
    );
    let controller = tokio::spawn(controller::run(
        client,
        hub.clone(),
        runs,
        metrics.clone(),
        stop.clone(),
    ));
    axum::serve(listener, server::routes(hub, metrics))
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .await
        .context("the HTTP server failed")?;
    finish(controller).await;
    Ok(())
}

async fn finish(controller: JoinHandle<()>) {
    match tokio::time::timeout(STOP_WITHIN, controller).await {
        Ok(_) => tracing::info!("stopped"),
        Err(_) => tracing::warn!(
            "stopped with reconciles under way; the next start goes on from the status"
        ),
    }
}

fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signals, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signals.recv().await;
            tracing::info!("stopping");
            stop.cancel();
        });
    }
    Ok(stop)
}
