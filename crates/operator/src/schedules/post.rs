//! Posting a notice.

use std::{path::Path, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Request, header},
};
use locust_core::notify::{Message, Sent, Target};

use crate::http;

/// From the look-up of the host to the status code; what the receiver says besides is not read.
const WITHIN: Duration = Duration::from_secs(10);

/// Posts this. Nothing that is a secret is in what comes back.
pub(super) async fn post(target: &Target, message: &Message, ca_bundle: Option<&Path>) -> Sent {
    post_within(WITHIN, target, message, ca_bundle).await
}

async fn post_within(
    limit: Duration,
    target: &Target,
    message: &Message,
    ca_bundle: Option<&Path>,
) -> Sent {
    let Some(request) = request(target, message) else {
        return Sent::Impossible("no request can be made of the address or the token".to_owned());
    };
    // Read anew each time: it is seldom, and the file may have changed.
    let tls = if target.url.starts_with("https:") {
        match http::tls(ca_bundle) {
            Ok(tls) => tls,
            Err(words) => return Sent::Unanswered(words),
        }
    } else {
        http::no_tls()
    };
    let answer = http::client(tls, limit).request(request);
    match tokio::time::timeout(limit, answer).await {
        Ok(Ok(answer)) => Sent::answered(answer.status().as_u16()),
        Ok(Err(error)) => Sent::Unanswered(format!("no answer: {}", chain(&error))),
        Err(_) => Sent::Unanswered(format!("no answer within {limit:?}")),
    }
}

fn request(target: &Target, message: &Message) -> Option<Request<Body>> {
    let Target { url, token } = target;
    let Message { content_type, body } = message;
    let agent = concat!("locust-operator/", env!("CARGO_PKG_VERSION"));
    let mut request = Request::post(url)
        .header(header::CONTENT_TYPE, *content_type)
        .header(header::USER_AGENT, agent);
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        value.set_sensitive(true);
        request = request.header(header::AUTHORIZATION, value);
    }
    request.body(Body::from(body.clone())).ok()
}

/// An error and its causes. None of hyper's has more of the address than its host.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let words: Vec<String> = all.map(ToString::to_string).collect();
    words.join(": ")
}

#[cfg(test)]
mod tests;
