//! The HTTPS server that the API server asks to convert tests between `locust.io/v1` and `locust.io/v2`, and what it
//! thinks of tests that somebody writes.
//!
//! Every replica answers, from its start on and without any cache: caches may need these answers to fill.

mod configuration;
mod convert;
mod definition;
mod files;
mod keeper;
mod keys;
mod migrate;
mod tls;
mod validate;

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    extract::DefaultBodyLimit,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use kube::Client;
use locust_core::settings::RunSettings;
use rustls::ServerConfig;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::settings::{CertificateSource, Webhooks};
pub(crate) use definition::Definition;

/// The certificate in use; `None` until there is one. Connections that are open keep the one they began with.
type CurrentCertificate = watch::Sender<Option<Arc<ServerConfig>>>;

/// Several times what one stored object can take; the API server asks about few at once.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Starts the server, if there is to be one.
///
/// # Errors
/// When its address is taken.
pub(crate) async fn start(
    client: &Client,
    webhooks: Webhooks,
    runs: &RunSettings,
    stop: &CancellationToken,
) -> anyhow::Result<Option<JoinHandle<()>>> {
    let Webhooks::On {
        address,
        hosts,
        certificate,
    } = webhooks
    else {
        return Ok(None);
    };
    let tcp = TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {address}: is another process there? see --webhook-listen-address"
        )
    })?;
    let (current, used) = watch::channel(None);
    match certificate {
        CertificateSource::Files(directory) => {
            tokio::spawn(files::follow(directory, current, stop.clone()));
        }
        CertificateSource::Secret {
            place,
            configuration,
        } => {
            let (client, hosts) = (client.clone(), hosts.clone());
            let keeper = keeper::Keeper::new(client, place, hosts, configuration, current);
            tokio::spawn(keeper.run(stop.clone()));
        }
    }
    tokio::spawn(migrate::run(client.clone(), hosts, stop.clone()));
    let listener = tls::TlsListener::start(tcp, used, stop)?;
    tracing::info!(%address, "the webhook server listens");
    let routes = convert::routes()
        .merge(validate::routes(client.clone(), runs.clone()))
        .layer(DefaultBodyLimit::max(MAX_BYTES));
    let stop = stop.clone();
    Ok(Some(tokio::spawn(async move {
        let server = axum::serve(listener, routes);
        if let Err(error) = server.with_graceful_shutdown(stop.cancelled_owned()).await {
            tracing::error!(%error, "the webhook server failed");
        }
    })))
}

/// An answer as JSON, or what is wrong with the request.
fn respond(answer: Result<Vec<u8>, String>) -> Response {
    match answer {
        Ok(review) => ([(CONTENT_TYPE, "application/json")], review).into_response(),
        Err(why) => (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response(),
    }
}
