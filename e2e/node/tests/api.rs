//! API servers for tests: several at once, with garbage collection, and gone
//! with the process that booted them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e_node::ApiServer;

fn kubectl(server: &ApiServer, arguments: &[&str]) -> String {
    let output = server.kubectl(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kubectl {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn create(server: &ApiServer, manifest: &str) {
    let mut child = server
        .kubectl(&["create", "-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(manifest.as_bytes())
        .unwrap();
    assert!(child.wait().unwrap().success(), "{manifest}");
}

fn exists(server: &ApiServer, name: &str) -> bool {
    !kubectl(
        server,
        &["get", "configmap", name, "--ignore-not-found", "-o", "name"],
    )
    .is_empty()
}

fn eventually(what: &str, limit: Duration, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < limit, "{what}: not within {limit:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn runs(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn two_servers_at_once_collect_garbage_and_leave_nothing() {
    let begin = Instant::now();
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| ApiServer::boot("one").unwrap());
        let other = scope.spawn(|| ApiServer::boot("other").unwrap());
        (one.join().unwrap(), other.join().unwrap())
    });
    eprintln!(
        "two API servers booted in {:.1}s",
        begin.elapsed().as_secs_f64()
    );

    kubectl(&one, &["create", "configmap", "owner"]);
    assert!(exists(&one, "owner"));
    assert!(
        !exists(&other, "owner"),
        "the servers must not share their objects"
    );

    let uid = kubectl(
        &one,
        &[
            "get",
            "configmap",
            "owner",
            "-o",
            "jsonpath={.metadata.uid}",
        ],
    );
    let owned = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"owned","ownerReferences":
           [{{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"{uid}"}}]}}}}"#
    );
    create(&one, &owned);
    kubectl(&one, &["delete", "configmap", "owner"]);
    eventually(
        "the owned object is collected",
        Duration::from_secs(30),
        || !exists(&one, "owned"),
    );

    let audit = std::fs::read_to_string(one.audit_log()).unwrap();
    assert!(
        audit
            .lines()
            .any(|line| line.contains(r#""verb":"delete""#) && line.contains("kubernetes-admin"))
    );

    let pids: Vec<_> = one.pids().into_iter().chain(other.pids()).collect();
    assert_eq!(pids.len(), 6);
    assert!(pids.iter().all(|pid| runs(*pid)));
    let directory = one.directory().to_owned();
    drop((one, other));
    eventually("its processes end", Duration::from_secs(5), || {
        !pids.iter().any(|pid| runs(*pid))
    });
    assert!(!directory.exists());
}

/// Booted by [`a_killed_process_takes_its_server_with_it`] in a process of its own.
#[test]
#[ignore = "waits for its own end"]
fn boots_and_waits() {
    let server = ApiServer::boot("killed").unwrap();
    println!("pids {:?}", server.pids());
    std::thread::sleep(Duration::from_secs(120));
}

#[test]
fn a_killed_process_takes_its_server_with_it() {
    use std::io::{BufRead, BufReader};
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "boots_and_waits", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let line = lines
        .into_iter()
        .find_map(|line| line.split_once("pids ").map(|(_, pids)| pids.to_owned()))
        .unwrap();
    let pids: Vec<u32> = serde_json::from_str(&line).unwrap();
    assert_eq!(pids.len(), 3);
    child.kill().unwrap();
    child.wait().unwrap();
    eventually("its processes end", Duration::from_secs(5), || {
        !pids.iter().any(|pid| runs(*pid))
    });
}
