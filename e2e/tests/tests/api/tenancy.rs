//! Two tenants of one cluster: who may do what, by Kubernetes' own roles.

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::{Kubectl, Operator, helm, wait_until};
use serde_json::json;

use crate::kubelet;
use crate::world::{Cluster, SOON, World};

/// The user and the namespace's only role of whom.
const PEOPLE: &[(&str, &str, &str)] = &[
    ("alice", "team-a", "edit"),
    ("bob", "team-b", "edit"),
    ("carol", "team-a", "view"),
    ("dave", "team-a", "admin"),
    // The chart's role alone.
    ("erin", "team-a", "locust-operator-edit"),
];

fn test(name: &str) -> String {
    format!(
        "{{apiVersion: locust.io/v2, kind: LocustTest, metadata: {{name: {name}}}, \
         spec: {{run: {{users: 5, runTime: 1h}}, worker: {{replicas: 1}}, \
         testFiles: {{inline: {{locustfile.py: '# the secrets of {name}'}}}}}}}}"
    )
}

/// What somebody does in a namespace.
struct Person<'a> {
    kubectl: &'a Kubectl,
    name: &'a str,
}

impl Person<'_> {
    fn does(&self, arguments: &[&str], input: &str) -> Result<String> {
        let user = format!("--as={}", self.name);
        self.kubectl
            .feed(&[&[&*user][..], arguments].concat(), input)
    }

    fn may(&self, arguments: &[&str], input: &str) -> Result<()> {
        self.does(arguments, input)
            .with_context(|| format!("{} in {}", self.name, self.kubectl.namespace()))?;
        Ok(())
    }

    fn may_not(&self, arguments: &[&str], input: &str) -> Result<()> {
        let who = format!("{} in {}", self.name, self.kubectl.namespace());
        match self.does(arguments, input) {
            Ok(output) => bail!("{who} should not: {arguments:?}: {output}"),
            Err(error) => {
                let said = format!("{error:#}");
                ensure!(said.contains("(Forbidden)"), "{who}: {arguments:?}: {said}");
                Ok(())
            }
        }
    }

    /// Asks the API server, for what changes or shows too much to be tried.
    fn is_allowed(&self, verb: &str, resource: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let subresource = format!("--subresource={subresource}");
        self.does(&["auth", "can-i", verb, resource, &subresource], "")
            .is_ok()
    }
}

pub fn tenants_are_apart(_: &World) -> Result<()> {
    let cluster = Cluster::boot("tenants")?;
    let _operator = Operator::start_ready(&cluster.user.kubeconfig, &cluster.log("operator"), &[])?;
    let a = cluster.place("team-a")?.kubectl;
    let b = cluster.place("team-b")?.kubectl;
    for (user, namespace, role) in PEOPLE {
        let [role, who] = [format!("--clusterrole={role}"), format!("--user={user}")];
        let kubectl = cluster.kubectl.in_namespace(namespace);
        kubectl.run(&["create", "rolebinding", user, &role, &who])?;
    }
    let person = |name, kubectl| Person { kubectl, name };
    // Kubernetes' roles alone know nothing of tests.
    person("alice", &a).may_not(&["get", "lotest"], "")?;
    install(&cluster.kubectl)?;
    wait_until("the roles are aggregated", SOON, || {
        person("alice", &a).may(&["get", "lotest"], "")?;
        person("carol", &a).may(&["get", "lotest"], "")?;
        ensure!(person("dave", &a).is_allowed("deletecollection", "locusttests"));
        Ok(())
    })?;

    let create = ["create", "-f", "-"];
    person("bob", &b).may(&create, &test("bobs"))?;
    kubelet::started(&b, "bobs")?;
    nothing_of_others(&person("alice", &b), &person("bob", &b))?;
    runs_its_own(&person("alice", &a))?;
    only_looks(&person("carol", &a))?;
    assert_eq!(
        kubelet::status(&b, "bobs")?["verdict"],
        json!(null),
        "it runs on"
    );
    // Who ends all tests of a namespace at once owns it.
    ensure!(!person("alice", &a).is_allowed("deletecollection", "locusttests"));
    ensure!(!person("dave", &b).is_allowed("get", "locusttests"));
    // Who is to be held by ceilings makes no pods past them.
    ensure!(person("erin", &a).is_allowed("create", "locusttests"));
    ensure!(!person("erin", &a).is_allowed("create", "pods"));
    ensure!(!person("erin", &a).is_allowed("create", "pods/portforward"));
    gone_with_the_value(&cluster)
}

fn install(kubectl: &Kubectl) -> Result<()> {
    upgrade(kubectl, "true")
}

fn upgrade(kubectl: &Kubectl, roles: &str) -> Result<()> {
    let roles = format!("--set=tenancy.roles={roles}");
    // No operator answers webhooks here.
    let more = ["--set=webhook.enabled=false", &roles];
    helm::upgrade_release(kubectl.kubeconfig(), &more)
}

/// Neither seen nor stopped nor reached.
fn nothing_of_others(alice: &Person<'_>, bob: &Person<'_>) -> Result<()> {
    for arguments in [
        &["get", "lotest", "bobs"][..],
        &["get", "lotest"],
        &["get", "lotest", "--all-namespaces"],
        &["get", "lotest", "--watch"],
        &["get", "lotest", "bobs", "--subresource=status"],
        &["delete", "lotest", "bobs"],
        &["delete", "lotest", "--all"],
        &["scale", "lotest", "bobs", "--replicas=2"],
        &[
            "patch",
            "lotest",
            "bobs",
            "--type=merge",
            "-p",
            r#"{"spec": {"stop": true}}"#,
        ],
        // Its test files.
        &["get", "configmap", "bobs-master"],
        &["get", "configmaps"],
        &["get", "jobs"],
        &["delete", "job", "bobs-master"],
        &["get", "pods"],
    ] {
        alice.may_not(arguments, "")?;
    }
    alice.may_not(&["create", "-f", "-"], &test("alices"))?;
    for (verb, resource) in [
        ("watch", "locusttests"),
        ("get", "pods/log"),
        ("create", "pods/portforward"),
        ("create", "pods/exec"),
        ("create", "pods/proxy"),
        ("create", "services/proxy"),
        ("create", "networkpolicies.networking.k8s.io"),
    ] {
        ensure!(
            !alice.is_allowed(verb, resource),
            "alice: {verb} {resource}"
        );
        ensure!(bob.is_allowed(verb, resource), "bob: {verb} {resource}");
    }
    Ok(())
}

fn runs_its_own(alice: &Person<'_>) -> Result<()> {
    alice.may(&["create", "-f", "-"], &test("alices"))?;
    kubelet::started(alice.kubectl, "alices")?;
    for arguments in [
        &["get", "lotest", "alices"][..],
        &["get", "lotest", "alices", "--subresource=status"],
        &["get", "configmap", "alices-master"],
        &["scale", "lotest", "alices", "--replicas=2"],
        &["label", "lotest", "alices", "note=mine"],
    ] {
        alice.may(arguments, "")?;
    }
    ensure!(alice.is_allowed("watch", "locusttests"));
    // A verdict is the operator's.
    let verdict = r#"{"status": {"verdict": "Passed"}}"#;
    let write = [
        "patch",
        "lotest",
        "alices",
        "--subresource=status",
        "--type=merge",
        "-p",
        verdict,
    ];
    alice.may_not(&write, "")?;
    let stop = [
        "patch",
        "lotest",
        "alices",
        "--type=merge",
        "-p",
        r#"{"spec": {"stop": true}}"#,
    ];
    alice.may(&stop, "")?;
    assert_eq!(
        kubelet::ended(alice.kubectl, "alices")?["verdict"],
        "Aborted"
    );
    alice.may(&["delete", "lotest", "alices", "--wait=false"], "")
}

fn only_looks(carol: &Person<'_>) -> Result<()> {
    carol.may(&["get", "lotest"], "")?;
    ensure!(carol.is_allowed("watch", "locusttests"));
    carol.may_not(&["create", "-f", "-"], &test("carols"))?;
    for verb in ["create", "update", "patch", "delete", "deletecollection"] {
        ensure!(!carol.is_allowed(verb, "locusttests"), "carol: {verb}");
        ensure!(
            !carol.is_allowed(verb, "locusttests/status"),
            "carol: {verb}"
        );
        ensure!(
            !carol.is_allowed(verb, "locusttests/scale"),
            "carol: {verb}"
        );
    }
    Ok(())
}

fn gone_with_the_value(cluster: &Cluster) -> Result<()> {
    upgrade(&cluster.kubectl, "false")?;
    let a = cluster.at("team-a").kubectl;
    let alice = Person {
        kubectl: &a,
        name: "alice",
    };
    wait_until("the roles know nothing of tests", SOON, || {
        ensure!(!alice.is_allowed("get", "locusttests"));
        Ok(())
    })
}
