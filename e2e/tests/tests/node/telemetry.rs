//! OpenTelemetry data of real runs in a real collector that asks for a token.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    manifest::{SMALL_USERS, small_test},
    node::{Node, SOON, master_pod, name_of, pods_of},
    runs::Runs,
    seen,
    telemetry::{Report, Signal, reports},
    wait_until,
};
use serde_json::Value;

/// What Locust measures of every request.
const DURATION: &str = "locust.client.duration";
/// Values of one bucket differ by no more than this.
const WIDEST_BUCKET: f64 = 1.5;

pub fn a10_14_telemetry_arrives(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "telemetry")?;
    let kubectl = &runs.kubectl;
    kubectl.apply(COLLECTOR)?;
    kubectl.run(&[
        "wait",
        "--for=condition=Ready",
        "pod/collector",
        "--timeout=60s",
    ])?;
    let tests = [by_grpc(), by_http(), without_token()].join("---");
    let warnings = kubectl.warnings(&tests)?;
    ensure!(
        !warnings.iter().any(|it| it.contains("OpenTelemetry")),
        "{warnings:?}"
    );
    let grpc = runs.expect_pass("by-grpc", SMALL_USERS, 1)?;
    let http = runs.expect_pass("by-http", SMALL_USERS, 1)?;
    let refused = runs.expect_pass("without-token", SMALL_USERS, 1)?;

    let log = collected(kubectl)?;
    let received = reports(&log);
    expect_attributes(&received)?;
    expect_all_measured(&received, &grpc)?;
    expect_all_measured(&received, &http)?;
    let users = of_run(&received, &grpc, Signal::Metrics, "master")?
        .map(|report| report.count("locust.users.count"));
    ensure!(users.sum::<usize>() > 0, "the master told no users");

    let spans = |test| -> Result<usize> {
        let reports = of_run(&received, test, Signal::Spans, "worker")?;
        Ok(reports.map(|report| report.count("GET /")).sum())
    };
    let (by_default, asked_for) = (spans(&grpc)?, spans(&http)?);
    ensure!(
        by_default == 0 && asked_for > 0,
        "{by_default} spans of a run without traces, {asked_for} of one with traces"
    );
    ensure!(
        received.iter().all(|report| report.signal != Signal::Logs),
        "logs arrived, and nobody asked for them"
    );

    expect_refused(kubectl, &received, &refused)?;
    seen::case("the OpenTelemetry collector refuses the login", &refused)
}

/// The collector's log, once the last reports of all runs are in it.
fn collected(kubectl: &Kubectl) -> Result<String> {
    let mut before = 0;
    wait_until("the collector has printed everything", SOON, || {
        let log = kubectl.run(&["logs", "collector"])?;
        let length = std::mem::replace(&mut before, log.len());
        ensure!(length == log.len(), "it goes on printing");
        Ok(log)
    })
}

/// Fails unless every report says which process of which test sent it.
fn expect_attributes(received: &[Report<'_>]) -> Result<()> {
    ensure!(!received.is_empty(), "nothing arrived");
    for report in received {
        let attribute = |name: &str| {
            let value = report.attribute(name);
            value.with_context(|| format!("a report without {name}: {report:?}"))
        };
        let (test, role) = (attribute("locust.test.name")?, attribute("locust.role")?);
        let pod = attribute("k8s.pod.name")?;
        ensure!(
            pod.starts_with(&format!("{test}-{role}-")) && attribute("service.instance.id")? == pod,
            "a report of {role} of {test} from {pod}"
        );
        ensure!(
            attribute("k8s.namespace.name")? == "telemetry"
                && attribute("service.name")? == "locust"
                && attribute("deployment.environment.name")? == "staging",
            "{report:?}"
        );
    }
    Ok(())
}

/// Fails unless each request of the run is in the last histogram of its worker, whose buckets tell times apart.
fn expect_all_measured(received: &[Report<'_>], test: &Value) -> Result<()> {
    let mut last = None;
    for report in of_run(received, test, Signal::Metrics, "worker")? {
        last = report.histogram(DURATION)?.or(last);
    }
    let name = name_of(test);
    let histogram = last.with_context(|| format!("no {DURATION} of {name} arrived"))?;
    let requests = &test["status"]["summary"]["requests"];
    ensure!(
        requests == histogram.count,
        "{name} made {requests} requests, {} arrived",
        histogram.count
    );
    let (kind, unit) = (histogram.kind.as_str(), histogram.unit.as_str());
    ensure!(
        (kind, unit) == ("ExponentialHistogram", "s"),
        "{kind} in {unit}"
    );
    let are_narrow = |(lower, upper): &(f64, f64)| *lower > 0.0 && upper / lower < WIDEST_BUCKET;
    ensure!(
        histogram.buckets.len() > 1 && histogram.buckets.iter().all(are_narrow),
        "{:?}",
        histogram.buckets
    );
    Ok(())
}

/// Fails unless the collector took neither metrics nor spans of this run, and Locust says why.
fn expect_refused(kubectl: &Kubectl, received: &[Report<'_>], test: &Value) -> Result<()> {
    for role in ["master", "worker"] {
        for signal in [Signal::Metrics, Signal::Spans] {
            let taken = of_run(received, test, signal, role)?.count();
            ensure!(
                taken == 0,
                "{taken} reports of {signal:?} without the token"
            );
        }
    }
    let pods = pods_of(kubectl, name_of(test), "worker")?;
    let worker = pods.first().context("the worker has no pod")?;
    let said = kubectl.run(&["logs", name_of(worker)])?;
    // By HTTP and by gRPC.
    for word in ["401", "UNAUTHENTICATED"] {
        ensure!(
            said.contains(word),
            "the worker says nothing of {word}: {said}"
        );
    }
    let master = kubectl.run(&["logs", name_of(&master_pod(kubectl, name_of(test))?)])?;
    ensure!(!master.contains("Traceback"), "{master}");
    Ok(())
}

/// What a role of this run sent.
fn of_run<'a>(
    received: &'a [Report<'a>],
    test: &'a Value,
    signal: Signal,
    role: &'a str,
) -> Result<impl Iterator<Item = &'a Report<'a>>> {
    let id = test["status"]["run"]["id"].as_str().context("a run id")?;
    Ok(received.iter().filter(move |report| {
        report.signal == signal
            && report.attribute("locust.run.id") == Some(id)
            && report.attribute("locust.role") == Some(role)
    }))
}

/// Fails each request that what is loaded would take for part of a trace.
const UNTRACED: &str = r#"with self.client.get("/", catch_response=True) as answer:
                    if "traceparent" in answer.request.headers:
                        answer.failure("it is part of a trace")"#;

/// Fields of the published operator, but for the Secret: no traces were asked for.
fn by_grpc() -> String {
    let test = small_test(
        "by-grpc",
        r#"  image: locustio/locust-otel:2.47.0
  observability:
    openTelemetry:
      enabled: true
      endpoint: http://collector:4317
      insecure: true
      headersSecretRef: {name: otel-login}
      extraEnvVars:
        OTEL_METRIC_EXPORT_INTERVAL: "2000"
        OTEL_RESOURCE_ATTRIBUTES: deployment.environment.name=staging
"#,
    );
    test.replace(r#"self.client.get("/")"#, UNTRACED)
}

/// Fields of the published operator, the Secret by a variable, and traces.
fn by_http() -> String {
    small_test(
        "by-http",
        r#"  image: locustio/locust-otel:2.47.0
  env:
    variables:
      - name: OTEL_EXPORTER_OTLP_HEADERS
        valueFrom: {secretKeyRef: {name: otel-login, key: headers}}
  observability:
    openTelemetry:
      enabled: true
      endpoint: http://collector:4318
      protocol: http/protobuf
      traces: true
      extraEnvVars:
        OTEL_METRIC_EXPORT_INTERVAL: "2000"
        OTEL_RESOURCE_ATTRIBUTES: deployment.environment.name=staging
"#,
    )
}

/// Metrics by HTTP without a token, spans by gRPC with a wrong one.
fn without_token() -> String {
    small_test(
        "without-token",
        r#"  image: locustio/locust-otel:2.47.0
  observability:
    openTelemetry:
      enabled: true
      endpoint: http://collector:4318
      protocol: http/protobuf
      traces: true
      extraEnvVars:
        OTEL_METRIC_EXPORT_INTERVAL: "2000"
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: grpc
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: http://collector:4317
        OTEL_EXPORTER_OTLP_TRACES_HEADERS: authorization=Bearer%20guessed
"#,
    )
}

/// It takes every signal by both protocols, from whoever has the token, and prints it.
const COLLECTOR: &str = r#"
apiVersion: v1
kind: Secret
metadata: {name: otel-login}
stringData:
  token: open-sesame
  headers: authorization=Bearer%20open-sesame
---
apiVersion: v1
kind: ConfigMap
metadata: {name: collector}
data:
  config.yaml: |
    extensions:
      bearertokenauth: {filename: /etc/login/token}
    receivers:
      otlp:
        protocols:
          grpc: {endpoint: "0.0.0.0:4317", auth: {authenticator: bearertokenauth}}
          http: {endpoint: "0.0.0.0:4318", auth: {authenticator: bearertokenauth}}
    exporters:
      debug: {verbosity: detailed, use_internal_logger: false}
    service:
      extensions: [bearertokenauth]
      pipelines:
        metrics: {receivers: [otlp], exporters: [debug]}
        traces: {receivers: [otlp], exporters: [debug]}
        logs: {receivers: [otlp], exporters: [debug]}
---
apiVersion: v1
kind: Pod
metadata: {name: collector, labels: {app: collector}}
spec:
  containers:
    - name: collector
      image: locust-operator/collector:dev
      imagePullPolicy: IfNotPresent
      args: ["--config=file:/etc/collector/config.yaml"]
      readinessProbe: {tcpSocket: {port: 4317}, periodSeconds: 1}
      resources: {requests: {cpu: 10m, memory: 32Mi}}
      volumeMounts:
        - {name: config, mountPath: /etc/collector}
        - {name: login, mountPath: /etc/login}
  volumes:
    - {name: config, configMap: {name: collector}}
    - {name: login, secret: {secretName: otel-login}}
---
apiVersion: v1
kind: Service
metadata: {name: collector}
spec:
  selector: {app: collector}
  ports:
    - {name: grpc, port: 4317}
    - {name: http, port: 4318}
"#;
