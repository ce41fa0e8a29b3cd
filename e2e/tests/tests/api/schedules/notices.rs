//! Somebody is told how runs went: by an address or a Secret, again when it did not get through, and once.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use e2e_tests::user::NOTIFY_SECRET;
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::{TEST, ask_and_get, events, schedule, until};
use crate::kubelet::condition;
use crate::settings::operator_with;
use crate::suites::play;
use crate::world::{SOON, World};

const TOKEN: &str = "a-bearer-token";
/// The path of an address that is a secret.
const HIDDEN: &str = "/hidden-in-a-secret";

/// A request that a receiver got.
#[derive(Clone, Debug)]
struct Got {
    path: String,
    head: String,
    body: Value,
}

/// A receiver: of each path `/later` it refuses the first request for now, `/gone` it refuses for good.
struct Sink {
    address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Sink {
    fn start() -> Result<Self> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sink = Self {
            address: socket.local_addr()?,
            got: Arc::default(),
        };
        let got = sink.got.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                // One that goes away is not the sink's matter.
                let _ = serve(stream, &got);
            }
        });
        Ok(sink)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What came to this path.
    fn of(&self, path: &str) -> Vec<Got> {
        let got = self.got.lock().unwrap_or_else(PoisonError::into_inner);
        got.iter().filter(|it| it.path == path).cloned().collect()
    }
}

fn serve(mut stream: TcpStream, got: &Mutex<Vec<Got>>) -> Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 4096];
        let length = stream.read(&mut part)?;
        ensure!(length > 0, "the request ends early");
        bytes.extend_from_slice(&part[..length]);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if let Ok(body) = serde_json::from_str(body) {
            break (head.to_ascii_lowercase(), body);
        }
    };
    let path = head.split(' ').nth(1).context("a path")?.to_owned();
    let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = !got.iter().any(|it| it.path == path);
    let status = match path.as_str() {
        "/later" if is_first => "503 Service Unavailable",
        "/gone" => "410 Gone",
        _ => "202 Accepted",
    };
    got.push(Got { path, head, body });
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )?;
    Ok(())
}

/// Waits until the condition is so; returns its message.
fn delivery(kubectl: &Kubectl, name: &str, wanted: &str) -> Result<String> {
    let status = until(kubectl, name, wanted, |status| {
        super::said(status, "NotificationsDelivered") == wanted
    })?;
    let found = condition(&status, "NotificationsDelivered");
    Ok(found["message"].as_str().unwrap_or_default().to_owned())
}

/// Waits for so many requests to this path.
fn wait_for(sink: &Sink, path: &str, count: usize) -> Result<Vec<Got>> {
    wait_until(&format!("{count} requests to {path}"), SOON, || {
        let got = sink.of(path);
        ensure!(got.len() == count, "{got:?}");
        Ok(got)
    })
}

/// A run that Failed; its name.
fn fail(kubectl: &Kubectl, name: &str, token: &str) -> Result<String> {
    let run = ask_and_get(kubectl, name, token)?;
    play(kubectl, &run, &json!({"f": 7, "exit": 1}))?;
    until(kubectl, name, "it has failed", |status| {
        status["lastRun"]["name"] == run.as_str() && status["lastRun"]["verdict"] == "Failed"
    })?;
    Ok(run)
}

/// What did not get through is sent again with the same id; only the last attempt of a run is told of.
fn again_until_it_gets_through(kubectl: &Kubectl, sink: &Sink) -> Result<()> {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: {NOTIFY_SECRET}}}\nstringData: {{token: {TOKEN}}}\n---\n"
    );
    kubectl.apply(&secret)?;
    let url = sink.url("/later");
    let spec = format!(
        "  retries: {{limit: 1}}\n  notify: {{url: '{url}', secretRef: {{name: {NOTIFY_SECRET}}}}}\n  runTemplate: {{{TEST}}}"
    );
    kubectl.apply(&schedule("told", &spec))?;
    delivery(kubectl, "told", "Unknown/NoNoticeYet")?;
    let first = ask_and_get(kubectl, "told", "one")?;
    play(kubectl, &first, &json!({"n": 0, "f": 0, "p95": null}))?;
    let again = format!("{first}-a2");
    play(kubectl, &again, &json!({"f": 7, "exit": 1}))?;
    let words = delivery(kubectl, "told", "False/Retrying")?;
    ensure!(words.contains("503") && words.contains(&again), "{words}");
    let got = wait_for(sink, "/later", 2)?;
    let words = delivery(kubectl, "told", "True/Delivered")?;
    ensure!(words.contains("202"), "{words}");
    ensure!(got[0].body == got[1].body, "{got:?}");
    let Got { head, body, .. } = &got[1];
    ensure!(
        head.starts_with("post /later http/1.1")
            && head.contains("content-type: application/cloudevents+json")
            && head.contains(&format!("authorization: bearer {TOKEN}")),
        "{head}"
    );
    let object = kubectl.get("losched", "told")?;
    let uid = object["metadata"]["uid"].as_str().context("a UID")?;
    let of_run = object["status"]["lastRun"]["uid"]
        .as_str()
        .context("a UID")?;
    ensure!(
        body["specversion"] == "1.0"
            && body["type"] == "io.locust.schedule.run.failed"
            && body["id"] == format!("{uid}.{of_run}.failed")
            && body["subject"] == again.as_str()
            && body["data"]["verdict"] == "Failed"
            && body["data"]["reason"] == "RequestsFailed"
            && body["data"]["schedule"] == "told"
            && object["status"]["notices"].is_null()
            && object["status"]["failing"] == true,
        "{body} {object}"
    );
    let passed = ask_and_get(kubectl, "told", "two")?;
    play(kubectl, &passed, &json!({}))?;
    let got = wait_for(sink, "/later", 3)?;
    ensure!(
        got[2].body["type"] == "io.locust.schedule.run.recovered",
        "{got:?}"
    );
    Ok(())
}

/// An address from a Secret is in nobody's sight; a Secret without it is said, and read again.
fn an_address_that_is_a_secret(world: &World, kubectl: &Kubectl, sink: &Sink) -> Result<()> {
    let spec = format!(
        "  notify: {{secretRef: {{name: {NOTIFY_SECRET}}}, format: Slack, events: [Failed]}}\n  runTemplate: {{{TEST}}}"
    );
    kubectl.apply(&schedule("slack", &spec))?;
    let run = fail(kubectl, "slack", "one")?;
    let words = delivery(kubectl, "slack", "False/SecretNotReadable")?;
    ensure!(words.contains("has no key url"), "{words}");
    let url = sink.url(HIDDEN);
    kubectl.patch(
        "secret",
        NOTIFY_SECRET,
        &json!({"stringData": {"url": url}}),
    )?;
    let got = wait_for(sink, HIDDEN, 1)?;
    let text = got[0].body["text"].as_str().unwrap_or_default();
    ensure!(
        text.starts_with(&format!("Failed: LocustTest {run} of the schedule ")),
        "{text}"
    );
    delivery(kubectl, "slack", "True/Delivered")?;
    let object = kubectl.get("losched", "slack")?.to_string();
    let events = format!("{:?}", kubectl.list("events.events.k8s.io", "")?);
    let log = world.operator()?.log();
    for (place, content) in [("object", object), ("events", events), ("log", log)] {
        for secret in [HIDDEN, TOKEN] {
            ensure!(!content.contains(secret), "{secret} is in the {place}");
        }
    }
    Ok(())
}

/// A receiver that refuses is not asked again until the spec changes.
fn refused_until_the_spec_changes(kubectl: &Kubectl, sink: &Sink) -> Result<()> {
    let url = sink.url("/gone");
    let spec = format!("  notify: {{url: '{url}'}}\n  runTemplate: {{{TEST}}}");
    kubectl.apply(&schedule("gone", &spec))?;
    fail(kubectl, "gone", "one")?;
    let words = delivery(kubectl, "gone", "False/GaveUp")?;
    ensure!(words.contains("410"), "{words}");
    wait_until("an event tells so", SOON, || {
        let events = events(kubectl, "gone")?;
        ensure!(events.iter().any(|it| it == "NoticeGivenUp"), "{events:?}");
        Ok(())
    })?;
    let there = sink.url("/there");
    kubectl.patch(
        "losched",
        "gone",
        &json!({"spec": {"notify": {"url": there}}}),
    )?;
    wait_for(sink, "/there", 1)?;
    delivery(kubectl, "gone", "True/Delivered")?;
    ensure!(sink.of("/gone").len() == 1, "{:?}", sink.of("/gone"));
    Ok(())
}

/// What the definition refuses, and what the operator says of the rest.
fn what_makes_no_sense(kubectl: &Kubectl) -> Result<()> {
    for (notify, words) in [
        ("{events: [Failed]}", "notify has a url, or a secretRef"),
        ("{url: 'ftp://host'}", "spec.notify.url"),
        (
            "{url: 'http://host', events: [Passed]}",
            "spec.notify.events[0]",
        ),
    ] {
        let spec = format!("  notify: {notify}\n  runTemplate: {{{TEST}}}");
        let refused = kubectl.refused(&schedule("refused", &spec))?;
        ensure!(refused.contains(words), "{refused}");
    }
    let spec = format!("  notify: {{url: 'http://me:password@host'}}\n  runTemplate: {{{TEST}}}");
    kubectl.apply(&schedule("user", &spec))?;
    let status = until(kubectl, "user", "it is refused", |status| {
        super::said(status, "Ready") == "False/InvalidSpec"
    })?;
    let words = condition(&status, "Ready")["message"].to_string();
    ensure!(
        words.contains("spec.notify.url: has a user or a password"),
        "{words}"
    );
    Ok(())
}

/// An operator that may tell nobody says so before there is anything to tell.
fn nobody_is_told(world: &World, sink: &Sink) -> Result<()> {
    let place = world.other.place("schedule-untold")?;
    let _operator = operator_with(&place, &["--notifications=false"])?;
    let url = sink.url("/never");
    let spec = format!("  notify: {{url: '{url}'}}\n  runTemplate: {{{TEST}}}");
    place.kubectl.apply(&schedule("untold", &spec))?;
    let words = delivery(&place.kubectl, "untold", "False/NotificationsOff")?;
    ensure!(words.contains("--notifications=false"), "{words}");
    Ok(())
}

pub fn runs_are_told_of(world: &World) -> Result<()> {
    let place = world.main.place("schedule-notices")?;
    let kubectl = &place.kubectl;
    let sink = Sink::start()?;
    what_makes_no_sense(kubectl)?;
    nobody_is_told(world, &sink)?;
    again_until_it_gets_through(kubectl, &sink)?;
    an_address_that_is_a_secret(world, kubectl, &sink)?;
    refused_until_the_spec_changes(kubectl, &sink)?;
    ensure!(
        sink.of("/later").len() == 3 && sink.of(HIDDEN).len() == 1,
        "more than that"
    );
    Ok(())
}
