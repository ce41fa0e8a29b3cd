//! The process from start to stop.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::http::{HeaderValue, header::USER_AGENT};
use jiff::Timestamp;
use kube::{Client, Config, client::ClientBuilder};
use locust_core::settings::RunSettings;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::{
    control::{Common, Requests},
    controller,
    fitness::Fitness,
    gate::{Gate, Wakes},
    hub::{CachedSuite, CachedTest, Hub},
    lease::{self, Leadership},
    metrics::Metrics,
    obstacles::Obstacles,
    release, schedules, server,
    settings::{Settings, Webhooks, host_names},
    suites, templates, webhook,
};

/// How long reconciles under way may take to finish when the process is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(8);

/// How long answers of the webhook server that are under way may take after that.
const ANSWERS_END_WITHIN: Duration = Duration::from_secs(1);

/// A connection that is silent for longer is dead. Watches end earlier by themselves.
const ANSWER_WITHIN: Duration = Duration::from_secs(45);

/// Runs the operator until it is told to stop (SIGTERM or SIGINT).
///
/// # Errors
/// When there is no way to an API server, the address of the HTTP server is taken, or the leadership is lost.
pub fn run(settings: Settings) -> anyhow::Result<()> {
    log_as_json(&settings.log_level);
    block_on(serve(settings))
}

/// Lets the definition of LocustTest ask the operator that answers under one of these names (with commas between) to
/// convert no more.
///
/// # Errors
/// When a name cannot be one, there is no way to an API server, or it refuses.
pub fn release_definition(hosts: &str) -> anyhow::Result<()> {
    log_as_json("info");
    let names = host_names(hosts)
        .map_err(|why| anyhow::anyhow!("--webhook-hosts (WEBHOOK_HOSTS) is {hosts:?}: {why}"))?;
    block_on(async {
        let client = Client::try_from(config().await?)?;
        release::definition(&client, &names).await
    })
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    // rustls leaves the choice of its cryptography to the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let result = runtime.block_on(work);
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
        leader_elect,
        lease_namespace,
        log_level: _,
        notices,
        webhooks,
        runs,
    } = settings;
    for notice in notices {
        tracing::warn!(notice, "a setting of the published operator");
    }
    let lease_namespace = lease::namespace(leader_elect, lease_namespace, lease::own_namespace())?;
    let config = config().await?;
    let client =
        Client::try_from(config.clone()).context("cannot make a client for the API server")?;
    let listener = TcpListener::bind(listen_address).await.with_context(|| {
        format!("cannot listen on {listen_address}: is another process there? see --listen-address")
    })?;
    let stop = stop_on_signal()?;
    // Before the caches: a list of tests may need its answers. To the end: so may the last writes. And in every replica,
    // with a client that no leadership fences: all of them answer.
    let converting = CancellationToken::new();
    let obstacles = Obstacles::default();
    let converts_as = match &webhooks {
        Webhooks::On { hosts, .. } => Some(hosts.clone()),
        Webhooks::Off => None,
    };
    let fitness = Fitness::start(client.clone(), converts_as, obstacles.clone(), stop.clone());
    let webhook = webhook::start(&client, webhooks, &runs, &converting).await?;
    let metrics = Arc::new(Metrics::default());
    let hub = Arc::new(Hub::start(
        &client,
        watch_namespace.as_deref(),
        &metrics,
        &stop,
    ));
    let leadership = Leadership::of(client, lease_namespace.as_deref(), &metrics)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %listen_address,
        namespace = watch_namespace.as_deref().unwrap_or("all"),
        lease_namespace = lease_namespace.as_deref().unwrap_or("none"),
        candidate = leadership.candidate(),
        "started"
    );
    let writer = ClientBuilder::try_from(config)?
        .with_layer(leadership.authority())
        .build();
    let controllers = Controllers {
        client: writer,
        hub: hub.clone(),
        runs,
        metrics: metrics.clone(),
        obstacles: obstacles.clone(),
    };
    let mut work = tokio::spawn(work(leadership, fitness, controllers, stop.clone()));
    let server = axum::serve(listener, server::routes(hub, metrics, obstacles))
        .with_graceful_shutdown(stop.cancelled_owned());
    let ended = tokio::select! {
        ended = &mut work => Some(ended),
        served = server => {
            served.context("the HTTP server failed")?;
            tokio::time::timeout(STOP_WITHIN, work).await.ok()
        }
    };
    converting.cancel();
    if let Some(webhook) = webhook {
        let _ = tokio::time::timeout(ANSWERS_END_WITHIN, webhook).await;
    }
    match ended {
        Some(ended) => {
            ended.context("the controller panicked; this is a defect of the operator")??;
            tracing::info!("stopped");
        }
        None => tracing::warn!(
            "stopped with reconciles under way; the next start goes on from the status"
        ),
    }
    Ok(())
}

/// What acts.
struct Controllers {
    client: Client,
    hub: Arc<Hub>,
    runs: RunSettings,
    metrics: Arc<Metrics>,
    obstacles: Obstacles,
}

impl Controllers {
    async fn run(self, stop: CancellationToken) {
        let Self {
            client,
            hub,
            runs,
            metrics,
            obstacles,
        } = self;
        let common = Common {
            client,
            hub,
            settings: runs,
            metrics,
            now: Timestamp::now,
            stop,
        };
        let tests: Requests<CachedTest> = Requests::default();
        let in_suites: Requests<CachedSuite> = Requests::default();
        let at_most = common.settings.max_running;
        Wakes::start(&common.hub, at_most, &tests.asker, &in_suites.asker);
        let gate = Arc::new(Gate::new(&common));
        tokio::join!(
            templates::run(common.clone()),
            schedules::run(common.clone()),
            suites::run(common.clone(), gate.clone(), in_suites),
            controller::run(common, obstacles, gate, tests),
        );
    }
}

/// Acts as long as it may.
async fn work(
    leadership: Leadership,
    fitness: Arc<Fitness>,
    controllers: Controllers,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    // Who knows nothing yet is no candidate.
    let ready = async { tokio::join!(controllers.hub.synced(), fitness.fit()) };
    if stop.run_until_cancelled(ready).await.is_none() {
        return Ok(());
    }
    tracing::info!("caches are complete");
    let acting = stop.child_token();
    let watched = tokio::spawn({
        let (acting, fitness) = (acting.clone(), fitness.clone());
        async move {
            let unfit = acting.run_until_cancelled(fitness.unfit()).await;
            acting.cancel();
            unfit
        }
    });
    let control = || controllers.run(acting.clone());
    leadership.work(&acting, control).await?;
    acting.cancel();
    match watched.await? {
        Some(words) if !stop.is_cancelled() => Err(anyhow::anyhow!(
            "{words}; this process ends and starts again to wait for it"
        )),
        Some(_) | None => Ok(()),
    }
}

async fn config() -> anyhow::Result<Config> {
    let mut config = Config::infer()
        .await
        .context("no API server: neither a service account nor a kubeconfig")?;
    // Its retries take minutes and hide errors; reconciles are tried again anyway.
    config.default_retry = false;
    config.read_timeout = Some(ANSWER_WITHIN);
    config.reset_reader_on_write = true;
    // So that audit logs tell who wrote.
    let agent = concat!("locust-operator/", env!("CARGO_PKG_VERSION"));
    config
        .headers
        .push((USER_AGENT, HeaderValue::from_static(agent)));
    Ok(config)
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
