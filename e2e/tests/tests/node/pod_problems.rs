//! Pods that do not start: a condition says why at once, and the verdict does when the start deadline has passed.

use anyhow::{Result, ensure};
use e2e_tests::{
    manifest::{LOCUSTFILE, SMALL_USERS, small_test},
    node::{Node, RUN, condition, state, target_total},
    policy::Injection,
    runs::Runs,
    seen,
};

/// A test that does not start, and what is said of it.
struct Broken {
    name: &'static str,
    /// Lines of its spec.
    spec: &'static str,
    reason: &'static str,
    words: &'static str,
    /// For docs/cases.md.
    situation: &'static str,
}

const BROKEN: &[Broken] = &[
    Broken {
        name: "worker-crashes",
        spec: "  worker: {replicas: 1, command: -f /lotest/src/absent.py}\n",
        reason: "CrashLoopBackOff",
        words: "Could not find '/lotest/src/absent.py'",
        situation: "workers crash before the load",
    },
    Broken {
        name: "no-secret",
        spec: "  worker: {replicas: 1}\n  env: {secretRefs: [{name: absent}]}\n",
        reason: "ConfigurationError",
        words: "secret \"absent\" not found",
        situation: "a Secret of `env.secretRefs` does not exist",
    },
    Broken {
        name: "no-node",
        spec: "  master: {extraArgs: [--headless]}\n  worker: {replicas: 1, resources: {requests: {cpu: \"100\"}}}\n",
        reason: "SchedulingError",
        words: "Insufficient cpu",
        situation: "no node has room for a worker",
    },
    Broken {
        name: "worker-oom",
        spec: "  worker: {replicas: 1, resources: {limits: {memory: 100Mi}}}\n",
        reason: "OOMKilled",
        words: "worker-oom-worker",
        situation: "a worker needs more memory than its limit before the load",
    },
];

/// Takes more memory than workers of `worker-oom` may have, while Locust loads it.
const GREEDY: &str = "worker-oom";

pub fn pods_that_do_not_start(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "pod-problems")?;
    let mut manifests: Vec<String> = BROKEN
        .iter()
        .map(|Broken { name, spec, .. }| {
            let file = if *name == GREEDY {
                greedy("worker")
            } else {
                LOCUSTFILE.to_owned()
            };
            unstarted(name, &file, spec)
        })
        .collect();
    manifests.push(unstarted(
        "master-oom",
        &greedy("master"),
        "  master: {resources: {limits: {memory: 100Mi}}}\n  worker: {replicas: 1}\n",
    ));
    runs.kubectl.apply(&manifests.join("---"))?;
    // A master is never started again, so it is no problem that may pass.
    let words = "more memory than its limit before any load";
    let test = runs.expect_end("master-oom", "Failed Error/OOMKilled", words)?;
    seen::case(
        "the master needs more memory than its limit before the load",
        &test,
    )?;
    for Broken {
        name,
        spec: _,
        reason,
        words,
        situation,
    } in BROKEN
    {
        expect_problem(&runs, name, reason, words)?;
        let test = runs.expect_end(name, &format!("Failed Error/{reason}"), words)?;
        seen::case(situation, &test)?;
    }
    ensure!(target_total(&runs.kubectl)? == 0, "nothing was sent");
    Ok(())
}

/// A locustfile that takes 200 MiB while Locust of this role loads it.
fn greedy(role: &str) -> String {
    let hog = format!(
        "hog = bytearray(200 * 2**20) if os.environ[\"TEST_ROLE\"] == \"{role}\" else None"
    );
    LOCUSTFILE.replace("class", &format!("{hog}\n\n        class"))
}

pub fn a_mended_problem_is_forgotten(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "mended")?;
    runs.kubectl.apply(&small_test(
        "mended",
        "  env: {secretRefs: [{name: late}]}\n",
    ))?;
    expect_problem(
        &runs,
        "mended",
        "ConfigurationError",
        "secret \"late\" not found",
    )?;
    runs.kubectl.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: late}, stringData: {COLOUR: red}}",
    )?;
    let test = runs.expect_pass("mended", SMALL_USERS, 1)?;
    ensure!(
        state(&test, "PodsHealthy") == "True/PodsHealthy",
        "{}",
        state(&test, "PodsHealthy")
    );
    seen::case("a Secret of `env.secretRefs` is created in time", &test)
}

const FAILING_INIT: &str = r#"[
  JSONPatch{op: "add", path: "/spec/initContainers", value: []},
  JSONPatch{op: "add", path: "/spec/initContainers/-", value: Object.spec.initContainers{
    name: "mesh-init", image: "locustio/locust:2.47.0", terminationMessagePolicy: "FallbackToLogsOnError",
    command: ["python3", "-c", "raise SystemExit('iptables: permission denied')"]}}]"#;

pub fn init_container_fails(node: &Node) -> Result<()> {
    let runs = Runs::in_namespace(node, "init-fails")?;
    let _mesh = Injection::begin(&runs.kubectl, FAILING_INIT)?;
    runs.kubectl.apply(&unstarted(
        "meshed",
        LOCUSTFILE,
        "  worker: {replicas: 1}\n",
    ))?;
    let test = runs.expect_end(
        "meshed",
        "Failed Error/InitializationError",
        "iptables: permission denied",
    )?;
    seen::case("an init container fails", &test)
}

/// Waits until the condition, and before any load the phase, say what is wrong.
fn expect_problem(runs: &Runs<'_>, name: &str, reason: &str, words: &str) -> Result<()> {
    runs.until(name, &format!("says {reason}"), RUN, |test| {
        let found = state(test, "PodsHealthy");
        let said =
            condition(test, "PodsHealthy").map(|it| it["message"].as_str().unwrap_or_default());
        ensure!(
            found == format!("False/{reason}") && said.is_some_and(|said| said.contains(words)),
            "{found}: {said:?}"
        );
        ensure!(
            test["status"]["phase"] == "Pending",
            "{}",
            test["status"]["phase"]
        );
        Ok(())
    })
}

/// A test with little patience, and enough for its pods to fail on a busy machine; `spec` are further lines of its spec.
fn unstarted(name: &str, locustfile: &str, spec: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {{name: {name}}}
spec:
  startDeadline: 75s
  run: {{host: http://demo-target, users: 1, runTime: 5s}}
  testFiles:
    inline:{locustfile}
{spec}"
    )
}
