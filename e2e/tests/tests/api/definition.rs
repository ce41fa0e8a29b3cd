//! Definitions of the same name that are not the operator's: it refuses to act, says why, and begins by itself when the
//! right one is there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_node::Layout;
use e2e_tests::audit::Filter;
use e2e_tests::user::{self, Scope};
use e2e_tests::wait::stays_so;
use e2e_tests::{Kubectl, Operator, wait_until};
use serde_json::{Value, json};

use crate::converter::{CRD, Converter};
use crate::kubelet;
use crate::world::{Cluster, SOON, World};

const TEST: &str = "{apiVersion: locust.io/v2, kind: LocustTest, metadata: {name: demo}, spec: {image: x, master: {}, worker: {replicas: 1}}}";

/// A definition with these versions, as `(name, fields of the spec, fields of the status)`; the first is stored.
fn definition(scope: &str, versions: &[(&str, &[&str], &[&str])]) -> String {
    let object = |fields: &[&str]| {
        let open = json!({"x-kubernetes-preserve-unknown-fields": true});
        let fields = fields.iter().map(|name| ((*name).to_owned(), open.clone()));
        json!({"type": "object", "properties": fields.collect::<serde_json::Map<_, _>>()})
    };
    let versions: Vec<Value> = versions
        .iter()
        .enumerate()
        .map(|(index, (name, spec, status))| {
            json!({"name": name, "served": true, "storage": index == 0, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": object(spec), "status": object(status)}}}})
        })
        .collect();
    json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": CRD},
        "spec": {"group": "locust.io", "scope": scope, "versions": versions,
            "names": {"kind": "LocustTest", "plural": "locusttests", "singular": "locusttest", "shortNames": ["lotest"]}}})
    .to_string()
}

/// The fields of the official operator's only version, v1.
const OFFICIAL: (&str, &[&str], &[&str]) = (
    "v1",
    &[
        "workers",
        "image",
        "args",
        "env",
        "master",
        "worker",
        "locustfile",
        "metrics",
    ],
    &[
        "state",
        "message",
        "fail_ratio",
        "total_rps",
        "user_count",
        "worker_count",
        "worker_ratio",
    ],
);
/// Those of the published operator's version 2.
const PUBLISHED: (&str, &[&str], &[&str]) = (
    "v2",
    &[
        "image",
        "imagePullPolicy",
        "imagePullSecrets",
        "testFiles",
        "master",
        "worker",
        "scheduling",
        "env",
        "volumes",
        "volumeMounts",
        "observability",
    ],
    &[
        "phase",
        "observedGeneration",
        "expectedWorkers",
        "connectedWorkers",
        "startTime",
        "completionTime",
        "conditions",
    ],
);

struct Place<'a> {
    cluster: &'a Cluster,
    test: Kubectl,
}

impl Place<'_> {
    fn without_definition(&self) -> Result<()> {
        let kubectl = &self.cluster.kubectl;
        kubectl.run(&[
            "delete",
            "crd",
            CRD,
            "--ignore-not-found",
            "--wait",
            "--timeout=30s",
        ])?;
        Ok(())
    }

    fn ours(&self) -> Result<()> {
        let crds = Layout::discover()?.repo.join("crds");
        let arguments = ["apply", "--server-side", "--force-conflicts", "-f"];
        self.cluster
            .kubectl
            .run(&[&arguments[..], &[&crds.to_string_lossy()]].concat())?;
        Ok(())
    }

    /// A test that can be made under whatever there is.
    fn test(&self, manifest: &str) -> Result<()> {
        wait_until("a test can be made", SOON, || {
            self.test.forget_kinds();
            self.test.apply(manifest)
        })?;
        Ok(())
    }
}

/// Waits until the operator is not ready and says all this.
fn refuses(operator: &Operator, parts: &[&str]) -> Result<()> {
    wait_until(&format!("/readyz says {parts:?}"), SOON, || {
        let answer = operator.get("/readyz")?;
        let said = parts.iter().all(|part| answer.body.contains(part));
        ensure!(answer.code == 503 && said, "{answer:?}");
        Ok(())
    })?;
    // Also to who only reads logs.
    let log = operator.log();
    for part in parts {
        ensure!(log.contains(part), "{part:?} is not in the log:\n{log}");
    }
    Ok(())
}

fn writes_nothing(cluster: &Cluster, user: &str) -> Result<()> {
    let requests = cluster.audit.requests(&Filter {
        user,
        verb: "create|update|patch|delete",
        ..Filter::default()
    })?;
    let writes: Vec<String> = requests.iter().map(|it| it.line()).collect();
    ensure!(writes.is_empty(), "it wrote: {writes:?}");
    Ok(())
}

/// With the rights of one namespace, which do not reach definitions.
pub fn a_foreign_definition_is_refused(_: &World) -> Result<()> {
    let cluster = Cluster::boot("foreign")?;
    let team = cluster.place("team")?;
    let user = user::create(
        &team.kubectl,
        "operator",
        Scope::Namespace,
        &user::operator_rules(Scope::Namespace)?,
        &cluster.directory(),
    )?;
    let place = Place {
        cluster: &cluster,
        test: team.kubectl.clone(),
    };
    place.without_definition()?;
    let start = || {
        Operator::start(
            &user.kubeconfig,
            &cluster.log("team"),
            &["--watch-namespace=team"],
        )
    };
    let mut operator = start()?;
    refuses(
        &operator,
        &[
            "there is no definition locusttests.locust.io",
            "kubectl apply",
        ],
    )?;

    cluster
        .kubectl
        .apply(&definition("Namespaced", &[OFFICIAL]))?;
    place.test(
        "{apiVersion: locust.io/v1, kind: LocustTest, metadata: {name: demo}, spec: {workers: 1}}",
    )?;
    refuses(
        &operator,
        &[
            "the official Locust operator",
            "served as v1",
            "cannot be in the same cluster",
        ],
    )?;
    place.without_definition()?;

    cluster
        .kubectl
        .apply(&definition("Cluster", &[PUBLISHED]))?;
    refuses(&operator, &["lacks namespaces (its scope is Cluster)"])?;
    place.without_definition()?;

    let published = definition("Namespaced", &[PUBLISHED]);
    cluster.kubectl.apply(&published)?;
    place.test(TEST)?;
    refuses(
        &operator,
        &[
            "version 2 of the published",
            "lacks status.",
            "status.run",
            "the API server would drop",
        ],
    )?;
    stays_so("the test is left alone", Duration::from_secs(3), || {
        let status = kubelet::status(&team.kubectl, "demo")?;
        ensure!(status.is_null(), "{status}");
        Ok(())
    })?;
    writes_nothing(&cluster, &user.name)?;

    // It is not restarted: the right definition is enough.
    place.ours()?;
    operator.wait_ready()?;
    kubelet::started(&team.kubectl, "demo")?;

    // A definition that is put back ends it, so that it stands aside until there is another.
    let status = std::thread::scope(|scope| {
        let ended = scope.spawn(|| operator.wait_end(Duration::from_secs(90)));
        cluster.kubectl.feed(
            &["replace", "-f", "-"],
            &with_version(&cluster, &published)?,
        )?;
        ended
            .join()
            .map_err(|_| anyhow::anyhow!("the wait panicked"))?
    })?;
    let log = operator.log();
    ensure!(
        status.code() == Some(1) && log.contains("this process ends"),
        "{status}: {log}"
    );
    operator = start()?;
    refuses(&operator, &["status.run"])
}

/// The definition as a replacement of the one that is stored.
fn with_version(cluster: &Cluster, definition: &str) -> Result<String> {
    let mut definition: Value = serde_json::from_str(definition)?;
    let stored = cluster.kubectl.get("crd", CRD)?;
    definition["metadata"]["resourceVersion"] = stored["metadata"]["resourceVersion"].clone();
    // What was stored once must stay a version.
    let mut versions = definition["spec"]["versions"].take();
    let known = |name: &Value| {
        let versions = versions.as_array();
        versions
            .into_iter()
            .flatten()
            .any(|version| version["name"] == *name)
    };
    let stored = stored["spec"]["versions"].as_array().context("versions")?;
    let others: Vec<Value> = stored
        .iter()
        .filter(|version| !known(&version["name"]))
        .cloned()
        .collect();
    versions.as_array_mut().context("versions")?.extend(others);
    definition["spec"]["versions"] = versions;
    Ok(definition.to_string())
}

/// The definition names the one operator of all namespaces: who converts.
pub fn two_operators_of_all_namespaces(_: &World) -> Result<()> {
    let converter = Converter::boot("beside")?;
    converter.let_run()?;
    let place = converter.cluster.place("beside")?;
    let mut first = converter.operator(0)?;
    first.wait_ready()?;
    // Of another release, with another Service; its certificate is of no matter here.
    let second = Operator::start(
        &converter.cluster.user.kubeconfig,
        &converter.cluster.log("second"),
        &[
            "--webhooks=true",
            &format!("--webhook-listen-address=127.0.0.1:{}", converter.ports[1]),
            "--webhook-hosts=127.0.0.2",
            "--webhook-cert-dir=/nonexistent",
        ],
    )?;
    refuses(
        &second,
        &[
            "asks 127.0.0.1 to convert, and this operator answers as 127.0.0.2",
            "uninstall one of the two",
        ],
    )?;
    place.kubectl.apply(TEST)?;
    kubelet::started(&place.kubectl, "demo")?;
    drop(first);
    place.kubectl.apply(&TEST.replace("demo", "later"))?;
    stays_so("the second does nothing", Duration::from_secs(3), || {
        let status = kubelet::status(&place.kubectl, "later")?;
        ensure!(status.is_null(), "{status}");
        Ok(())
    })?;
    // Whoever the definition names is the one.
    let url = format!("https://127.0.0.2:{}/convert", converter.ports[1]);
    let conversion = json!({"spec": {"conversion": {"webhook": {"clientConfig": {"url": url}}}}});
    converter.cluster.kubectl.patch("crd", CRD, &conversion)?;
    kubelet::started(&place.kubectl, "later")?;
    let answer = second.get("/readyz")?;
    ensure!(answer.code == 200, "{answer:?}");
    Ok(())
}

/// It converts all the same: a definition that asks for conversion is of no use without.
pub fn conversion_does_not_wait_for_the_definition(_: &World) -> Result<()> {
    let converter = Converter::boot("unfit")?;
    converter.let_run()?;
    let kubectl = converter.cluster.place("unfit")?.kubectl;
    let mut versions = converter.cluster.kubectl.get("crd", CRD)?["spec"]["versions"].take();
    let v2 = versions.as_array_mut().into_iter().flatten();
    for version in v2.filter(|version| version["name"] == "v2") {
        let status =
            &mut version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        status
            .as_object_mut()
            .context("a status")?
            .remove("summary");
    }
    let lacking = json!({"spec": {"versions": versions}});
    converter.cluster.kubectl.patch("crd", CRD, &lacking)?;
    kubectl.apply(TEST)?;
    let operator = converter.operator(0)?;
    refuses(
        &operator,
        &["another version of this operator", "lacks status.summary"],
    )?;
    wait_until("v1 is served", SOON, || {
        let v1 = kubectl.get("locusttests.v1.locust.io", "demo")?;
        ensure!(v1["spec"]["workerReplicas"] == 1, "{v1}");
        Ok(())
    })
}
