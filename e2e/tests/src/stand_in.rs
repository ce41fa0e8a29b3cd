//! The part of kubelet and Locust where there is no node: what pods report, and what Locust says.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// When load of reports starts, and how the status shows it.
pub const START: (i64, &str) = (1_750_000_000_000, "2025-06-15T15:06:40Z");
/// When load of reports ends, and how the status shows it.
pub const END: (i64, &str) = (1_750_000_030_000, "2025-06-15T15:07:10Z");

/// The first line of a report of a run that ended well, with other values for some of its keys.
pub fn report(run: &str, other: &Value) -> Value {
    let mut line = json!({"k": "run", "v": 1, "run": run, "final": true, "state": "stopped", "reason": "RunTimeReached",
        "exit": 0, "exitBy": "locust", "start": START.0, "end": END.0, "now": END.0, "users": 0, "peakUsers": 4,
        "targetUsers": 4, "workers": 2, "peakWorkers": 2, "minWorkers": 2, "lost": 0, "n": 700, "f": 0, "exc": 0,
        "eps": 5, "errs": 2, "rps": 23.333, "avg": 10.9, "min": 1.0, "max": 1250.0, "p50": 2, "p95": 43, "p99": 64, "res": 3,
        "cur": {"rps": 0.0, "fps": 0.0, "p95": null}});
    if let (Some(line), Some(other)) = (line.as_object_mut(), other.as_object()) {
        line.extend(other.clone());
    }
    line
}

/// The other lines of a report.
pub const DETAILS: &str = r#"{"k":"pin","locust":"2.47.0","python":"3.11.2","files":{"locustfile.py":"abc123"}}
{"k":"ep","m":"GET","name":"/","n":600,"f":0,"rps":20.0,"avg":9.1,"p95":40,"p99":60}
{"k":"ep","m":"POST","name":"/cart","n":100,"f":7,"rps":3.333,"avg":19.1,"p95":90,"p99":160}
{"k":"err","m":"POST","name":"/cart","msg":"HTTPError('500 Server Error')","n":7}"#;

/// The status of a pod whose container ended with this exit code and termination message.
pub fn ended(pod: &Value, code: i32, message: &str) -> Value {
    let at = &pod["metadata"]["creationTimestamp"];
    let state = json!({"terminated": {"exitCode": code, "message": message, "startedAt": at, "finishedAt": at,
        "reason": if code == 0 { "Completed" } else { "Error" }}});
    let phase = if code == 0 { "Succeeded" } else { "Failed" };
    pod_status(pod, phase, &state)
}

/// The status of a pod whose container runs and is reached at this address.
pub fn running(pod: &Value, address: &str) -> Value {
    let state = json!({"running": {"startedAt": pod["metadata"]["creationTimestamp"]}});
    let mut status = pod_status(pod, "Running", &state);
    status["podIP"] = json!(address);
    status["podIPs"] = json!([{"ip": address}]);
    status
}

fn pod_status(pod: &Value, phase: &str, state: &Value) -> Value {
    let container = &pod["spec"]["containers"][0];
    let ready = phase == "Running";
    json!({"phase": phase,
        "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}],
        "containerStatuses": [{"name": container["name"], "image": container["image"],
            "imageID": "docker.io/locustio/locust@sha256:0123", "ready": ready, "restartCount": 0, "state": state}]})
}

/// The plugin's listener in a master, at an address of its own.
#[derive(Clone)]
pub struct Listener {
    answer: Arc<Mutex<String>>,
}

impl Listener {
    /// Listens until the process ends.
    pub fn start(address: &str) -> Result<Self> {
        let socket = TcpListener::bind((address, 9646))
            .with_context(|| format!("cannot listen on {address}:9646"))?;
        let listener = Self {
            answer: Arc::default(),
        };
        let answer = listener.answer.clone();
        std::thread::spawn(move || {
            for stream in socket.incoming().flatten() {
                let body = answer
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                // A client that goes away is not the listener's matter.
                let _ = serve(stream, &body);
            }
        });
        Ok(listener)
    }

    /// Answers with this from now on.
    pub fn say(&self, line: &Value) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = line.to_string();
    }
}

fn serve(mut stream: std::net::TcpStream, body: &str) -> std::io::Result<()> {
    let mut request = [0; 4096];
    let length = stream.read(&mut request)?;
    let asked = request[..length].starts_with(b"GET /summary ");
    let status = if asked { "200 OK" } else { "404 Not Found" };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
