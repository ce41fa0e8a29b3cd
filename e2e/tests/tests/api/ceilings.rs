//! Ceilings: a test over one is refused, with the reason, and so is each way around it.

mod judged;
mod unseen;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use e2e_tests::{Kubectl, helm, wait_until};
use serde_json::{Value, json};

use crate::converter::Converter;
use crate::kubelet;
use crate::world::{SOON, World};
use judged::{
    RAISED, USERS_UNSET, all_at_once, each_is_said, merge, no_way_around, refused, test,
    what_is_within_passes, within, words,
};

/// The ceilings of the chart's `ci/tenancy-values.yaml` hold in `team-a`, and not in `team-b`.
pub fn ceilings_are_held(_: &World) -> Result<()> {
    let converter = Converter::boot("ceilings")?;
    converter.let_run()?;
    let mut operator = converter.operator(0)?;
    operator.wait_ready()?;
    let cluster = &converter.cluster;
    let a = cluster.place("team-a")?.kubectl;
    let b = cluster.place("team-b")?.kubectl;
    // Written before there was a ceiling: one that runs, and one that waits.
    let mut over = within();
    merge(
        &mut over,
        &json!({"run": {"users": 5000}, "worker": {"replicas": 30}}),
    );
    a.apply(&test("running", &over))?;
    kubelet::started(&a, "running")?;
    merge(&mut over, &json!({"suspend": true}));
    a.apply(&test("waiting", &over))?;
    unseen::old_ones(&a)?;

    install(&cluster.kubectl)?;
    a.run(&["label", "namespace", "team-a", "load-tests=small"])?;
    wait_until("the ceilings hold", SOON, || refused(&a, &over))?;

    each_is_said(&a)?;
    no_way_around(&a)?;
    what_is_within_passes(&a)?;
    all_at_once(&a)?;
    version_1_is_no_way_around(&a)?;
    old_tests_can_end(&a)?;
    unseen::no_test_from_a_template(&a)?;
    unseen::tests_of_suites_are_judged(&a)?;
    unseen::no_jobs_in_suites(&a)?;
    unseen::no_such_schedules(&a)?;
    unseen::old_ones_can_end(&a)?;
    unseen::others_may_have_jobs(&b)?;
    workers_by_scale(&a)?;
    others_are_not_bound(&b)?;
    without_its_limits_nothing_passes(&cluster.kubectl.in_namespace("release"), &a)
}

fn install(kubectl: &Kubectl) -> Result<()> {
    let values = Layout::discover()?
        .repo
        .join("charts/locust-operator/ci/tenancy-values.yaml");
    helm::run(
        kubectl.kubeconfig(),
        &[
            "install",
            "locust-operator",
            &helm::chart()?,
            "--namespace=release",
            "--create-namespace",
            // Both are there already.
            "--set=crds.install=false,webhook.validation.enabled=false",
            "--values",
            &values.to_string_lossy(),
        ],
    )?;
    Ok(())
}

/// It has no field for users, so the fields of v2 are the only way.
fn version_1_is_no_way_around(kubectl: &Kubectl) -> Result<()> {
    let v1 = json!({
        "apiVersion": "locust.io/v1", "kind": "LocustTest", "metadata": {"name": "old"},
        "spec": {"masterCommandSeed": "-f a.py --users 9999", "workerCommandSeed": "-f a.py",
            "image": "locustio/locust:2.47.0", "workerReplicas": 21},
    });
    let said = words(&kubectl.refused(&v1.to_string())?)?;
    for part in [
        "spec.worker.replicas is 21",
        USERS_UNSET,
        "spec.master.command has \"--users\"",
    ] {
        ensure!(said.contains(part), "{part} in {said}");
    }
    Ok(())
}

/// What was written before there was a ceiling, or is over it, is no prisoner of it.
fn old_tests_can_end(kubectl: &Kubectl) -> Result<()> {
    kubectl.run(&["label", "lotest", "running", "waiting", "note=old"])?;
    kubectl.patch(
        "lotest",
        "running",
        &json!({"spec": {"retention": {"podsAfterFinished": "1h"}}}),
    )?;
    kubectl.patch(
        "lotest",
        "running",
        &json!({"spec": {"worker": {"replicas": 29}}}),
    )?;
    let patch = |name: &str, patch: Value| {
        let patch = patch.to_string();
        let error = kubectl.run(&["patch", "lotest", name, "--type=merge", "-p", &patch]);
        words(&format!("{:#}", error.err().context("it was accepted")?))
    };
    let said = patch("running", json!({"spec": {"worker": {"replicas": 30}}}))?;
    let over = "spec.worker.replicas is 30, and at most 20 workers are allowed";
    assert_eq!(said, format!("{over}{RAISED}"));
    let said = patch("waiting", json!({"spec": {"suspend": false}}))?;
    assert_eq!(
        said,
        format!("{over}; spec.run.users is 5000, and at most 1000 users are allowed{RAISED}")
    );
    // The operator's writes of status are no matter of ceilings: it ends both.
    for name in ["running", "waiting"] {
        kubectl.patch("lotest", name, &json!({"spec": {"stop": true}}))?;
        assert_eq!(kubelet::ended(kubectl, name)?["verdict"], "Aborted");
        kubectl.delete("lotest", name)?;
    }
    Ok(())
}

fn workers_by_scale(kubectl: &Kubectl) -> Result<()> {
    kubectl.apply(&test("scaled", &within()))?;
    kubelet::started(kubectl, "scaled")?;
    let scale = |replicas: u32| {
        kubectl.run(&[
            "scale",
            "lotest",
            "scaled",
            &format!("--replicas={replicas}"),
        ])
    };
    scale(10)?;
    scale(20)?;
    let error = scale(21).err().context("it was scaled")?;
    let said = words(&format!("{error:#}"))?;
    assert_eq!(
        said,
        format!("spec.worker.replicas would be 21, and at most 20 workers are allowed{RAISED}")
    );
    Ok(())
}

/// Ceilings of A are none of B, which has one that only warns.
fn others_are_not_bound(kubectl: &Kubectl) -> Result<()> {
    let spec = |users: u32| json!({"image": "any:1", "run": {"users": users}, "worker": {"replicas": 30}, "suspend": true});
    assert_eq!(
        kubectl.warnings(&test("large", &spec(1_000_000)))?,
        Vec::<String>::new()
    );
    kubectl.run(&["scale", "lotest", "large", "--replicas=60"])?;
    let warnings = kubectl.warnings(&test("huge", &spec(1_000_001)))?;
    ensure!(
        warnings.len() == 1
            && warnings[0].ends_with(
                "spec.run.users is 1000001, and at most 1000000 users are allowed. This is the ceiling \"trial\"; \
                 to have it raised, ask who runs the release locust-operator in the namespace release"
            ),
        "{warnings:?}"
    );
    Ok(())
}

fn without_its_limits_nothing_passes(release: &Kubectl, a: &Kubectl) -> Result<()> {
    release.delete("configmap", "locust-operator-ceilings-teams")?;
    wait_until("the limits are gone", SOON, || {
        let write = ["create", "--dry-run=server", "-f", "-"];
        let error = a.feed(&write, &test("probe", &within())).err();
        let said = format!("{:#}", error.context("it was accepted")?);
        ensure!(said.contains("locust-operator-ceilings"), "{said}");
        Ok(())
    })
}
