//! Asking the plugin in a Locust master for live numbers.

use std::time::Duration;

use axum::body::Body;
use http_body_util::{BodyExt, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use locust_api::names::PORT_LISTENER;
use locust_core::report::Report;

/// A master that does not answer within this is busy or out of reach; the next look is soon.
const TIMEOUT: Duration = Duration::from_secs(2);
/// More than the plugin ever sends.
const MAX_BYTES: usize = 256 * 1024;

/// A client of the plugin's listener.
#[derive(Clone)]
pub(crate) struct ListenerClient {
    http: Client<HttpConnector, Body>,
}

impl Default for ListenerClient {
    fn default() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(TIMEOUT));
        Self {
            http: Client::builder(TokioExecutor::new())
                .pool_max_idle_per_host(0)
                .build(connector),
        }
    }
}

impl ListenerClient {
    /// The report of run `id` from the master at this address; `None` when it does not answer with one.
    pub async fn report(&self, address: &str, id: &str) -> Option<Report> {
        let host = if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        };
        let uri = format!("http://{host}:{PORT_LISTENER}/summary")
            .parse()
            .ok()?;
        let ask = async {
            let answer = self.http.get(uri).await.ok()?;
            if !answer.status().is_success() {
                return None;
            }
            let body = Limited::new(answer.into_body(), MAX_BYTES)
                .collect()
                .await
                .ok()?;
            Report::parse(&String::from_utf8_lossy(&body.to_bytes()), id)
        };
        tokio::time::timeout(TIMEOUT, ask).await.ok().flatten()
    }
}
