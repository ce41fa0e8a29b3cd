//! Serving: each call meets its fate.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Error, Result, anyhow};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::faults::{Call, Fate, When};
use super::{Seen, Shared, lock, watch};

/// What is sent to the operator. An error in it ends the connection.
pub(super) type Body = UnsyncBoxBody<Bytes, Error>;

/// Serves until it is aborted, and all connections with it.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                connections.spawn(connection(stream, shared.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it small answers wait for each other.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| answer(request, shared.clone()));
    // A connection that is cut is what tests want; an operator that goes away is killed.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let call = call(&head, &body);
    let armed = lock(&shared.faults).is_armed();
    let _alone = match armed && call.is_write() {
        true => Some(shared.writing.lock().await),
        false => None,
    };
    let delay = lock(&shared.faults).delay;
    let fate = decide(&shared, &call);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match fate {
        Fate::Pass => {
            let answer = shared.upstream.send(head, body).await?;
            if call.watch && answer.status().is_success() {
                return Ok(watch::relay(answer, call, &shared));
            }
            let answer = whole(answer).await?;
            if lock(&shared.faults).dark {
                // It has become dark in between.
                std::future::pending::<()>().await;
            }
            Ok(answer)
        }
        Fate::Refuse(code) => refusal(code),
        Fate::CutBefore => Err(anyhow!("cut off")),
        Fate::CutAfter => {
            whole(shared.upstream.send(head, body).await?).await?;
            Err(anyhow!("cut off"))
        }
        Fate::Silence => std::future::pending().await,
        Fate::Kill(when) => {
            if when == When::After {
                whole(shared.upstream.send(head, body).await?).await?;
            }
            kill(&shared, call)?;
            Err(anyhow!("killed"))
        }
    }
}

fn call(head: &hyper::http::request::Parts, body: &Bytes) -> Call {
    let query = head.uri.query().unwrap_or_default();
    Call {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        watch: query.split('&').any(|pair| pair == "watch=true"),
        verdict: head.method == Method::PATCH
            && serde_json::from_slice(body)
                .is_ok_and(|patch: Value| patch["status"]["verdict"].is_string()),
    }
}

fn decide(shared: &Shared, call: &Call) -> Fate {
    let fate = lock(&shared.faults).fate(call);
    lock(&shared.seen).push(Seen {
        at: Instant::now(),
        call: call.clone(),
        fate,
    });
    fate
}

fn kill(shared: &Shared, call: Call) -> Result<()> {
    // Nothing that it may have sent already gets through any more.
    lock(&shared.faults).dark = true;
    let pid = lock(&shared.victim).ok_or_else(|| anyhow!("nobody to kill"))?;
    let pid = Pid::from_raw(i32::try_from(pid)?).ok_or_else(|| anyhow!("no process id"))?;
    kill_process(pid, Signal::KILL)?;
    *lock(&shared.killed) = Some(call);
    Ok(())
}

/// An answer, once it is here to its last byte.
async fn whole(answer: Response<Incoming>) -> Result<Response<Body>> {
    let (mut head, body) = answer.into_parts();
    head.headers.remove(TRANSFER_ENCODING);
    Ok(Response::from_parts(
        head,
        full(body.collect().await?.to_bytes()),
    ))
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A refusal as an API server words it. That of too many requests is no `Status` object there either.
fn refusal(code: u16) -> Result<Response<Body>> {
    const RETRY: Duration = Duration::from_secs(1);
    let (kind, body) = match code {
        429 => (
            "text/plain",
            "Too many requests, please try again later.\n".to_owned(),
        ),
        _ => ("application/json", status(code).to_string()),
    };
    let mut answer = Response::new(full(Bytes::from(body)));
    *answer.status_mut() = StatusCode::from_u16(code)?;
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if code == 429 {
        answer
            .headers_mut()
            .insert(RETRY_AFTER, RETRY.as_secs().into());
    }
    Ok(answer)
}

/// A `Status` object of a failure.
pub(super) fn status(code: u16) -> Value {
    let (reason, message) = match code {
        410 => ("Expired", "too old resource version: 1 (2)"),
        503 => (
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
        ),
        _ => (
            "InternalError",
            "Internal error occurred: etcdserver: request timed out",
        ),
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code})
}
