//! Asking the plugin in a Locust master for live numbers, and to end the load.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, header},
};
use http_body_util::{BodyExt, Limited};
use locust_api::names::PORT_LISTENER;
use locust_core::{lifecycle::Live, report::Report};

use crate::http::{self, HttpClient};

/// A master that does not answer within this is busy or out of reach; the next look is soon.
const TIMEOUT: Duration = Duration::from_secs(2);
/// More than the plugin ever sends.
const MAX_BYTES: usize = 256 * 1024;

/// What came of asking a master.
pub(crate) enum Answer {
    /// It said how the run is doing.
    Report(Box<Report>),
    /// Nothing listens there.
    Closed,
    /// It did not answer, or with something else.
    Silence,
}

impl Answer {
    /// As decisions take it.
    pub fn as_live(&self) -> Live<'_> {
        match self {
            Self::Report(report) => Live::Report(report),
            Self::Closed => Live::Closed,
            Self::Silence => Live::Unreachable,
        }
    }
}

/// A client of the plugin's listener.
#[derive(Clone)]
pub(crate) struct ListenerClient {
    http: HttpClient,
}

impl Default for ListenerClient {
    fn default() -> Self {
        Self {
            http: http::client(http::no_tls(), TIMEOUT),
        }
    }
}

impl ListenerClient {
    /// What the master at this address says of run `id`.
    pub async fn ask(&self, address: &str, id: &str) -> Answer {
        tokio::time::timeout(TIMEOUT, self.report(address, id))
            .await
            .unwrap_or(Answer::Silence)
    }

    /// Tells the master at this address to end run `id`; says whether it will.
    pub async fn stop(&self, address: &str, id: &str) -> bool {
        self.order(uri(address, "/stop"), id, Body::empty()).await
    }

    /// Tells the master at this address how many workers run `id` is to have; says whether it has understood.
    pub async fn scale(&self, address: &str, id: &str, workers: i32) -> bool {
        let body = Body::from(serde_json::json!({ "workers": workers }).to_string());
        self.order(uri(address, "/scale"), id, body).await
    }

    async fn order(&self, uri: String, id: &str, body: Body) -> bool {
        let request = Request::post(uri)
            .header(header::AUTHORIZATION, format!("Bearer {id}"))
            .body(body);
        let Ok(request) = request else {
            return false;
        };
        let answer = tokio::time::timeout(TIMEOUT, self.http.request(request)).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success()))
    }

    async fn report(&self, address: &str, id: &str) -> Answer {
        let Ok(uri) = uri(address, "/summary").parse() else {
            return Answer::Silence;
        };
        let answer = match self.http.get(uri).await {
            Ok(answer) if answer.status().is_success() => answer,
            Ok(_) => return Answer::Silence,
            Err(error) if is_refused(&error) => return Answer::Closed,
            Err(_) => return Answer::Silence,
        };
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        body.ok()
            .and_then(|body| Report::parse(&String::from_utf8_lossy(&body.to_bytes()), id))
            .map_or(Answer::Silence, |report| Answer::Report(Box::new(report)))
    }
}

fn uri(address: &str, path: &str) -> String {
    let host = if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    };
    format!("http://{host}:{PORT_LISTENER}{path}")
}

fn is_refused(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_told_from_silence() {
        let client = ListenerClient::default();
        let closed = client.ask("127.0.0.77", "id").await;
        assert!(matches!(closed, Answer::Closed));
        let nonsense = client.ask("not an address", "id").await;
        assert!(matches!(nonsense, Answer::Silence));
    }
}
