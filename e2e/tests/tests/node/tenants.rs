//! Two tenants who load at the same time: A can neither stop, starve nor reach B.

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    Kubectl,
    manifest::{small_test, test_of_target},
    node::{
        Node, RUN, SOON, condition, expect_counted, expect_outcome, finished, loading, master_pod,
        name_of, pods_of,
    },
    once::expect_one_run,
    reach::probe,
    wait_until,
};

/// A tenant: a user with Kubernetes' role `edit` in one namespace.
struct Tenant {
    name: &'static str,
    kubectl: Kubectl,
}

impl Tenant {
    fn new(name: &'static str, kubectl: Kubectl) -> Result<Self> {
        let user = format!("--user={name}");
        kubectl.run(&["create", "rolebinding", name, "--clusterrole=edit", &user])?;
        Ok(Self { name, kubectl })
    }

    /// kubectl as this tenant, in a namespace.
    fn does(&self, namespace: &str, arguments: &[&str], input: &str) -> Result<String> {
        let user = format!("--as={}", self.name);
        let kubectl = self.kubectl.in_namespace(namespace);
        kubectl.feed(&[&[&*user][..], arguments].concat(), input)
    }

    fn applies(&self, manifest: &str) -> Result<()> {
        self.does(self.kubectl.namespace(), &["apply", "-f", "-"], manifest)
            .map(drop)
    }

    fn stops(&self, namespace: &str, test: &str) -> Result<()> {
        let stop = r#"{"spec": {"stop": true}}"#;
        let patch = ["patch", "lotest", test, "--type=merge", "-p", stop];
        self.does(namespace, &patch, "").map(drop)
    }
}

pub fn a_tenant_at_its_quota_starves_nobody(node: &Node) -> Result<()> {
    let alice = Tenant::new("alice", node.namespace("tenant-a")?)?;
    let bob = Tenant::new("bob", node.namespace("tenant-b")?)?;
    let (a, b) = (&alice.kubectl, &bob.kubectl);
    // The demo target, and one test of a master and a worker.
    a.run(&["create", "quota", "load-tests", "--hard=pods=3"])?;
    alice.applies(&small_test("first", "").replace("runTime: 10s", "runTime: 5m"))?;
    loading(a, "first")?;
    for name in ["second", "third"] {
        alice.applies(&small_test(name, ""))?;
        wait_until(&format!("{name} waits for room"), SOON, || {
            let test = a.get("lotest", name)?;
            let healthy = condition(&test, "PodsHealthy").context("no condition")?;
            let said = healthy["message"].as_str().unwrap_or_default();
            ensure!(said.contains("exceeded quota: load-tests"), "{healthy}");
            Ok(())
        })?;
    }

    bob.applies(&small_test("bobs", ""))?;
    loading(b, "bobs")?;
    let refusal = alice.stops("tenant-b", "bobs").err();
    let refusal = format!("{:#}", refusal.context("A stopped a test of B")?);
    ensure!(refusal.contains("(Forbidden)"), "{refusal}");
    let test = finished(b, "bobs")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(b, &test)?;
    expect_one_run(node, b, &test)?;
    // All the while A had what it may have, and no more.
    for (name, phase) in [
        ("first", "Running"),
        ("second", "Pending"),
        ("third", "Pending"),
    ] {
        let test = a.get("lotest", name)?;
        ensure!(
            test["status"]["phase"] == phase,
            "{name}: {}",
            test["status"]
        );
    }

    // Two that wait could each take half of the room.
    alice.does("tenant-a", &["delete", "lotest", "third"], "")?;
    alice.stops("tenant-a", "first")?;
    expect_outcome(&finished(a, "first")?, "Failed Aborted/Stopped", "")?;
    // The Job controller has waited longer and longer between its tries.
    wait_until("second begins", RUN * 2, || {
        let test = a.get("lotest", "second")?;
        ensure!(
            test["status"]["startTime"].is_string(),
            "{}",
            test["status"]
        );
        Ok(())
    })?;
    let test = finished(a, "second")?;
    expect_outcome(&test, "Succeeded Passed/AllPassed", "0 failed")?;
    expect_counted(a, &test)
}

/// Needs a network that enforces policies, and the operator's policy for each test.
pub fn a_tenant_cannot_reach_another(node: &Node) -> Result<()> {
    let alice = Tenant::new("alice", node.namespace("reach-a")?)?;
    let bob = Tenant::new("bob", node.namespace("reach-b")?)?;
    let (a, b) = (&alice.kubectl, &bob.kubectl);
    alice.applies(&test_of_target("alices", "5m", "reach-a", ""))?;
    bob.applies(&test_of_target("bobs", "5m", "reach-b", ""))?;
    loading(a, "alices")?;
    loading(b, "bobs")?;
    let master = master_pod(b, "bobs")?;
    let address = master["status"]["podIP"].as_str().context("a pod IP")?;
    // The way in is there, for who belongs to the run.
    let own = worker(b, "bobs")?;
    let of_bob = connections(&bob, &own, address)?;
    ensure!(of_bob[0] == "5557 open", "B's own worker: {of_bob:?}");
    let from = worker(a, "alices")?;
    let of_alice = connections(&alice, &from, address)?;
    ensure!(
        of_alice.iter().all(|port| port.ends_with(" closed")),
        "A reaches B's master: {of_alice:?}"
    );
    // From pods that no policy chooses, too: only the side of the master is guarded.
    let target = connections_of_a_bystander(&alice, address)?;
    ensure!(
        target.iter().all(|port| port.ends_with(" closed")),
        "a pod of A reaches B's master: {target:?}"
    );
    for (tenant, test) in [(&alice, "alices"), (&bob, "bobs")] {
        tenant.stops(tenant.kubectl.namespace(), test)?;
        let test = finished(&tenant.kubectl, test)?;
        expect_outcome(&test, "Failed Aborted/Stopped", "")?;
        ensure!(test["status"]["workers"]["lost"] == 0, "{}", test["status"]);
    }
    Ok(())
}

fn worker(kubectl: &Kubectl, test: &str) -> Result<String> {
    let pods = pods_of(kubectl, test, "worker")?;
    let pod = pods.first().context("the worker has no pod")?;
    Ok(name_of(pod).to_owned())
}

fn lines(output: &str) -> Vec<String> {
    output.lines().map(str::to_owned).collect()
}

/// What a pod of a tenant's reaches.
fn connections(tenant: &Tenant, pod: &str, address: &str) -> Result<Vec<String>> {
    let probe = probe(address);
    let exec = ["exec", pod, "--", "python3", "-c", &probe];
    let output = tenant.does(tenant.kubectl.namespace(), &exec, "")?;
    Ok(lines(&output))
}

/// The same of a pod that belongs to no test.
fn connections_of_a_bystander(tenant: &Tenant, address: &str) -> Result<Vec<String>> {
    let namespace = tenant.kubectl.namespace();
    let image = locust_image(&tenant.kubectl)?;
    let image = format!("--image={image}");
    let probe = probe(address);
    let run = [
        "run",
        "bystander",
        &image,
        "--image-pull-policy=IfNotPresent",
        "--restart=Never",
        "--command",
        "--",
        "python3",
        "-c",
        &probe,
    ];
    tenant.does(namespace, &run, "")?;
    tenant
        .kubectl
        .wait("pod/bystander", "jsonpath={.status.phase}=Succeeded", RUN)?;
    Ok(lines(&tenant.does(
        namespace,
        &["logs", "bystander"],
        "",
    )?))
}

/// The image that the node has.
fn locust_image(kubectl: &Kubectl) -> Result<String> {
    let pod = master_pod(kubectl, "alices")?;
    let image = pod["spec"]["containers"][0]["image"].as_str();
    Ok(image.context("an image")?.to_owned())
}
