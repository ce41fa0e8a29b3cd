//! What users do to Locust's web UI: take it away, lock it, encrypt it, move it. None of it costs numbers or verdict.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    harness,
    manifest::{LOCUSTFILE, SMALL_USERS, small_test},
    node::{Node, RUN},
    runs::Runs,
    seen, wait_until,
};

pub fn no_web_ui(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "headless")?;
    runs.kubectl.apply(&format!(
        "{}---{}---{}",
        r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: in-command
spec:
  testFiles:
    inline:LOCUSTFILE
  master:
    command: |
      -f /lotest/src/locustfile.py --headless
      --host http://demo-target --users 6 --spawn-rate 6 --run-time 10s --stop-timeout 5
  worker:
    replicas: 2
"#
        .replace("LOCUSTFILE", LOCUSTFILE),
        small_test("in-extra-args", "  master: {extraArgs: [--headless]}\n"),
        small_test("by-field", "  webUI: {enabled: false}\n")
    ))?;
    runs.expect_pass("in-command", 6, 2)?;
    let test = runs.expect_pass("in-extra-args", SMALL_USERS, 1)?;
    runs.expect_pass("by-field", SMALL_USERS, 1)?;
    for name in ["in-extra-args", "by-field"] {
        let master = format!("job/{name}-master");
        let said = runs.kubectl.run(&["logs", &master, "--tail=-1"])?;
        ensure!(
            !said.contains("Starting web interface"),
            "{name} has a web UI: {said}"
        );
    }
    seen::case("Locust runs with `--headless`", &test)
}

pub fn web_ui_by_a_service(node: &Node) -> Result<()> {
    const READ: &str = "from urllib.request import urlopen as get; print(get('http://shown-webui:8089/worker-count', timeout=5).read())";
    let runs = Runs::in_namespace(node, "ui-service")?;
    let kubectl = &runs.kubectl;
    let headless = small_test(
        "headless",
        "  webUI: {service: {}}\n  master: {extraArgs: [--headless]}\n",
    );
    let said = kubectl.refused(&headless)?;
    ensure!(
        said.contains("spec.webUI.service")
            && said.contains("spec.master.extraArgs says --headless"),
        "{said}"
    );
    let shown = small_test(
        "shown",
        "  webUI: {service: {type: NodePort}}\n  master: {extraArgs: [--web-port=9090]}\n",
    );
    kubectl.apply(&shown.replace("runTime: 10s", "runTime: 30s"))?;
    wait_until("a pod reads the web UI by its Service", RUN, || {
        let page = kubectl.run(&["exec", "job/shown-worker", "--", "python3", "-c", READ])?;
        ensure!(page.contains("worker_count"), "{page}");
        Ok(())
    })?;
    runs.expect_pass("shown", SMALL_USERS, 1)?;
    Ok(())
}

pub fn changed_web_ui(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "web-ui")?;
    runs.kubectl.apply(&tls_secret()?)?;
    let with_args =
        |name, args, more| small_test(name, &format!("  master: {{extraArgs: [{args}]}}\n{more}"));
    runs.kubectl.apply(
        &[
            LOGIN.to_owned(),
            with_args(
                "tls",
                "--tls-cert=/tls/tls.crt, --tls-key=/tls/tls.key",
                "  env: {secretMounts: [{name: ui-tls, mountPath: /tls}]}\n",
            ),
            with_args("moved", "--web-port=9090, --web-base-path=/load", ""),
        ]
        .join("---"),
    )?;
    // Each is what it was told to be, so that the runs below prove something. None waits for another: a UI is there
    // only while its run is.
    let answers = harness::each(&UIS, UIS.len(), |(test, target, path, words)| {
        expect_ui(&runs, test, target, path, words)
    });
    answers.into_iter().collect::<Result<()>>()?;
    for (name, situation) in [
        ("login", "Locust's web UI wants a login (`--web-login`)"),
        ("tls", "Locust's web UI is served by TLS (`--tls-cert`)"),
        (
            "moved",
            "Locust's web UI is moved (`--web-port`, `--web-base-path`)",
        ),
    ] {
        seen::case(situation, &runs.expect_pass(name, SMALL_USERS, 1)?)?;
    }
    Ok(())
}

/// Each test's web UI: where it is in its pod, a path of it, and words that only this one says.
const UIS: [(&str, &str, &str, &str); 3] = [
    ("login", "login-master:8089", "/login", "/enter"),
    ("tls", "https:tls-master:8089", "/", "templateArgs"),
    (
        "moved",
        "moved-master:9090",
        "/load/worker-count",
        "worker_count",
    ),
];

fn tls_secret() -> Result<String> {
    let certified = rcgen::generate_simple_self_signed(vec!["locust".to_owned()])?;
    let indented = |pem: &str| pem.trim_end().replace('\n', "\n    ");
    Ok(format!(
        "
apiVersion: v1
kind: Secret
metadata: {{name: ui-tls}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
    {}
  tls.key: |
    {}
",
        indented(&certified.cert.pem()),
        indented(&certified.signing_key.serialize_pem())
    ))
}

/// A login as Locust's documentation builds one.
const LOGIN: &str = r#"
apiVersion: locust.io/v2
kind: LocustTest
metadata:
  name: login
spec:
  testFiles:
    inline:
      locustfile.py: |
        import os
        from flask import Blueprint, redirect, request, url_for
        from flask_login import UserMixin, login_user
        from locust import HttpUser, constant, events, task

        class Tester(UserMixin):
            id = "tester"

        @events.init.add_listener
        def lock(environment, **_):
            ui = environment.web_ui
            if ui is None:
                return
            ui.app.config["SECRET_KEY"] = os.environ["UI_KEY"]
            ui.login_manager.user_loader(lambda name: Tester())
            ui.auth_args = {"username_password_callback": "/enter"}
            gate = Blueprint("gate", __name__)

            @gate.route("/enter", methods=["POST"])
            def enter():
                if request.form["password"] == os.environ["UI_KEY"]:
                    login_user(Tester())
                return redirect(url_for("locust.index"))

            ui.app.register_blueprint(gate)

        class Visitor(HttpUser):
            wait_time = constant(0.2)

            @task
            def home(self):
                self.client.get("/", headers={"X-Run-Id": os.environ["TEST_RUN_ID"]})
  env: {variables: [{name: UI_KEY, value: not-a-secret}]}
  run: {host: http://demo-target, users: 4, spawnRate: 4, runTime: 10s, stopTimeout: 5s}
  master: {extraArgs: [--web-login]}
  worker: {replicas: 1}
"#;

/// Waits until a master's web UI answers a GET with these words.
fn expect_ui(runs: &Runs<'_>, test: &str, target: &str, path: &str, words: &str) -> Result<()> {
    let kubectl = &runs.kubectl;
    let job = format!("{test}-master");
    wait_until(&format!("the web UI of {test} answers"), RUN, || {
        let pods = kubectl.list("pods", &format!("performance-test-pod-name={job}"))?;
        let pod = pods.first().context("no pod")?["metadata"]["name"]
            .as_str()
            .unwrap_or_default();
        let namespace = kubectl.namespace();
        let target = target.replace(&job, pod);
        let page = kubectl.run(&[
            "get",
            "--raw",
            &format!("/api/v1/namespaces/{namespace}/pods/{target}/proxy{path}"),
        ])?;
        ensure!(page.contains(words), "{page}");
        Ok(())
    })
}
