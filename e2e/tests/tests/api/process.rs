//! The operator as a process: settings, readiness, signals, one namespace.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e_tests::operator::run_to_end;
use e2e_tests::user::{self, Scope};
use e2e_tests::wait::stays_so;
use e2e_tests::{Operator, wait_until};
use serde_json::Value;

use crate::kubelet;
use crate::world::{SOON, World};

const TEST: &str = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {worker: {replicas: 1}}}";

pub fn readiness_names_what_is_missing(world: &World) -> Result<()> {
    let cluster = &world.other;
    let place = cluster.place("readiness")?;
    let rules = user::operator_rules(Scope::Namespace)?;
    let less = rules.replace(
        "resources: [\"pods\"]\n  verbs: [\"list\", \"patch\", \"watch\"]",
        "resources: [\"pods\"]\n  verbs: [\"patch\", \"watch\"]",
    );
    ensure!(
        less != rules,
        "the rule about pods looks different now:\n{rules}"
    );
    let user = user::create(
        &place.kubectl,
        "blind",
        Scope::Namespace,
        &less,
        &cluster.directory(),
    )?;
    let operator = Operator::start(
        &user.kubeconfig,
        &cluster.log("readiness"),
        &["--watch-namespace=readiness"],
    )?;
    let answer = wait_until("/readyz names what is missing", SOON, || {
        let answer = operator.get("/readyz")?;
        let body = &answer.body;
        // The other caches need a moment.
        ensure!(
            body.starts_with("pods: cache not synced")
                && body.contains("forbidden")
                && !body.contains("locusttests:"),
            "{answer:?}"
        );
        Ok(answer)
    })?;
    assert_eq!(answer.code, 503);
    ensure!(!answer.body.contains("jobs:"), "{}", answer.body);
    let health = operator.get("/healthz")?;
    assert_eq!((health.code, health.body.as_str()), (200, "ok\n"));
    let metrics = operator.get("/metrics")?;
    ensure!(
        metrics
            .body
            .contains("locust_operator_cache_synced{kind=\"pods\"} 0"),
        "{}",
        metrics.body
    );

    // It does not act on half of what there is.
    place.kubectl.apply(TEST)?;
    stays_so("the test is left alone", Duration::from_secs(2), || {
        let status = kubelet::status(&place.kubectl, "demo")?;
        ensure!(status.is_null(), "{status}");
        Ok(())
    })?;
    user::grant(&place.kubectl, "blind", Scope::Namespace, &rules)?;
    wait_until("/readyz after the right is given", SOON * 2, || {
        let answer = operator.get("/readyz")?;
        ensure!(answer.code == 200, "{answer:?}");
        Ok(())
    })?;
    kubelet::started(&place.kubectl, "demo")?;
    let metrics = operator.get("/metrics")?;
    ensure!(
        metrics
            .body
            .contains("locust_operator_cache_synced{kind=\"pods\"} 1"),
        "{}",
        metrics.body
    );
    Ok(())
}

pub fn a10_09_one_namespace_with_a_role(world: &World) -> Result<()> {
    let cluster = &world.other;
    let (mine, foreign) = (cluster.place("mine")?, cluster.place("foreign")?);
    let user = user::create(
        &mine.kubectl,
        "operator",
        Scope::Namespace,
        &user::operator_rules(Scope::Namespace)?,
        &cluster.directory(),
    )?;
    let operator = Operator::start_ready(
        &user.kubeconfig,
        &cluster.log("mine"),
        &["--watch-namespace=mine"],
    )?;
    foreign.kubectl.apply(TEST)?;
    mine.kubectl.apply(TEST)?;
    let status = kubelet::started(&mine.kubectl, "demo")?;
    let id = status["run"]["id"].as_str().unwrap_or_default().to_owned();
    kubelet::end_master(
        &mine.kubectl,
        "demo",
        0,
        &kubelet::report(&id, &serde_json::json!({})).to_string(),
    )?;
    let status = kubelet::ended(&mine.kubectl, "demo")?;
    assert_eq!(status["verdict"], "Passed");
    let untouched = kubelet::status(&foreign.kubectl, "demo")?;
    assert_eq!(untouched, Value::Null);

    let requests = cluster.audit.requests(&e2e_tests::audit::Filter {
        user: &user.name,
        ..Default::default()
    })?;
    ensure!(!requests.is_empty(), "the audit log shows the operator");
    let outside: Vec<String> = requests
        .iter()
        .filter(|request| request.namespace() != "mine" || !request.allowed())
        .map(|request| request.line())
        .collect();
    assert_eq!(
        outside,
        Vec::<String>::new(),
        "it asks only for what it may"
    );
    let answer = operator.get("/readyz")?;
    Ok(defects::check(
        9,
        &serde_json::json!({"ready": answer.code == 200, "said": answer.body, "refused": outside,
            "verdict": status["verdict"]}),
    )?)
}

pub fn wrong_settings_are_listed(_: &World) -> Result<()> {
    let output = run_to_end(
        &["--listen-address=here", "--start-deadline=5 minutes"],
        &[
            ("SECURITY_PROFILE", "Loose"),
            ("RUN_AS_USER", "locust"),
            ("PROGRESS_INTERVAL", "soon"),
            ("LEADER_ELECT", "maybe"),
            ("WORKER_POD_CPU_LIMIT", "lots"),
        ],
    )?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    ensure!(
        said.starts_with("locust-operator: 7 wrong setting(s)"),
        "{said}"
    );
    for words in [
        "--listen-address (LISTEN_ADDRESS) is \"here\"",
        "--start-deadline (START_DEADLINE) is \"5 minutes\"",
        "--security-profile (SECURITY_PROFILE) is \"Loose\"",
        "--run-as-user (RUN_AS_USER) is \"locust\"",
        "--progress-interval (PROGRESS_INTERVAL) is \"soon\"",
        "--leader-elect (LEADER_ELECT) is \"maybe\"",
        "--worker-pod-cpu-limit (WORKER_POD_CPU_LIMIT) is \"lots\"",
    ] {
        ensure!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    let output = run_to_end(&["--no-such-flag"], &[])?;
    assert_eq!(output.status.code(), Some(2));
    Ok(())
}

pub fn help_names_every_variable(_: &World) -> Result<()> {
    let output = run_to_end(&["--help"], &[])?;
    let help = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{help}");
    let plain = [
        "LISTEN_ADDRESS",
        "WATCH_NAMESPACE",
        "LEADER_ELECT",
        "LEASE_NAMESPACE",
        "LOG_LEVEL",
        "DEFAULT_IMAGE",
        "PROGRESS_INTERVAL",
        "START_DEADLINE",
        "DEFAULT_TIMEOUT",
        "SECURITY_PROFILE",
        "RUN_AS_USER",
    ];
    let mut variables: Vec<String> = plain.map(str::to_owned).to_vec();
    for role in ["", "MASTER_", "WORKER_"] {
        for resource in ["CPU", "MEM", "EPHEMERAL"] {
            for bound in ["REQUEST", "LIMIT"] {
                variables.push(format!("{role}POD_{resource}_{bound}"));
            }
        }
    }
    for variable in variables {
        let flag = format!("--{}", variable.to_lowercase().replace('_', "-"));
        ensure!(
            help.contains(&format!("[env: {variable}=")),
            "{variable} is not in:\n{help}"
        );
        ensure!(help.contains(&flag), "{flag} is not in:\n{help}");
    }
    Ok(())
}

pub fn stops_when_told_to(world: &World) -> Result<()> {
    let place = world.other.place("stops")?;
    let mut operator = place.operator()?;
    place.kubectl.apply(TEST)?;
    kubelet::started(&place.kubectl, "demo")?;
    let begin = Instant::now();
    let status = operator.terminate(Duration::from_secs(10))?;
    ensure!(
        status.success(),
        "it ended with {status}:\n{}",
        operator.log()
    );
    ensure!(begin.elapsed() < Duration::from_secs(10));
    ensure!(
        operator.log().contains("\"message\":\"stopped\""),
        "{}",
        operator.log()
    );

    // Also while it waits for an API server that does not let it in.
    let mut config: Value =
        serde_json::from_str(&std::fs::read_to_string(&world.other.user.kubeconfig)?)?;
    config["users"][0]["user"]["token"] = "nobody".into();
    let file = world.other.directory().join("nobody.kubeconfig");
    std::fs::write(&file, config.to_string())?;
    let mut operator = Operator::start(&file, &world.other.log("nobody"), &[])?;
    wait_until("it is up", SOON, || operator.get("/healthz"))?;
    let status = operator.terminate(Duration::from_secs(10))?;
    ensure!(
        status.success(),
        "it ended with {status}:\n{}",
        operator.log()
    );
    Ok(())
}

pub fn a_taken_address(world: &World) -> Result<()> {
    let held = TcpListener::bind("127.0.0.1:0")?;
    let address = held.local_addr()?.to_string();
    let kubeconfig = world.other.user.kubeconfig.to_string_lossy().into_owned();
    let output = run_to_end(
        &[],
        &[("LISTEN_ADDRESS", &address), ("KUBECONFIG", &kubeconfig)],
    )?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for words in [
        "cannot listen on",
        &address,
        "another process",
        "--listen-address",
    ] {
        ensure!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    Ok(())
}

pub fn no_api_server(world: &World) -> Result<()> {
    // No kubeconfig at all.
    let output = run_to_end(
        &["--listen-address=127.0.0.1:0"],
        &[("KUBECONFIG", "/nonexistent"), ("HOME", "/nonexistent")],
    )?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    ensure!(
        said.contains("no API server: neither a service account nor a kubeconfig"),
        "{said}"
    );

    // Nobody listens where it says.
    let mut config: Value =
        serde_json::from_str(&std::fs::read_to_string(&world.other.user.kubeconfig)?)?;
    let free = e2e_tests::ports::free()?;
    config["clusters"][0]["cluster"]["server"] = format!("https://127.0.0.1:{free}").into();
    let file = world.other.directory().join("nowhere.kubeconfig");
    std::fs::write(&file, config.to_string())?;
    let operator = Operator::start(&file, &world.other.log("nowhere"), &[])?;
    let answer = wait_until("/readyz says why", SOON, || {
        let answer = operator.get("/readyz")?;
        ensure!(answer.body.to_lowercase().contains("connect"), "{answer:?}");
        Ok(answer)
    })?;
    assert_eq!(answer.code, 503);
    for kind in ["locusttests", "jobs", "pods"] {
        ensure!(
            answer.body.contains(&format!("{kind}: cache not synced")),
            "{}",
            answer.body
        );
    }
    ensure!(
        operator.log().to_lowercase().contains("connect"),
        "{}",
        operator.log()
    );
    Ok(())
}
