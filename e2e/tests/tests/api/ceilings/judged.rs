//! What ceilings say of a spec: each of them, and each way around.

use anyhow::{Context, Result, anyhow, ensure};
use e2e_tests::Kubectl;
use serde_json::{Value, json};

/// How a refusal by the ceiling `teams` ends.
pub const RAISED: &str =
    ". This is the ceiling \"teams\"; to have it raised, ask the platform team";

/// A spec that is at every ceiling, and over none.
pub fn within() -> Value {
    json!({
        "image": "registry.example.com/load/shop:1",
        "run": {"host": "https://shop.example.com", "users": 1000, "runTime": "119m", "stopTimeout": "60s"},
        "worker": {"replicas": 20},
    })
}

pub fn test(name: &str, spec: &Value) -> String {
    json!({"apiVersion": "locust.io/v2", "kind": "LocustTest", "metadata": {"name": name}, "spec": spec})
        .to_string()
}

/// As a merge patch; null removes.
pub fn merge(into: &mut Value, patch: &Value) {
    let Some(fields) = patch.as_object() else {
        *into = patch.clone();
        return;
    };
    for (name, value) in fields {
        if value.is_null() {
            if let Some(fields) = into.as_object_mut() {
                fields.remove(name);
            }
        } else {
            merge(&mut into[name], value);
        }
    }
}

/// What a write is refused with: the policy's own words.
pub fn refused(kubectl: &Kubectl, spec: &Value) -> Result<String> {
    let write = ["create", "--dry-run=server", "-f", "-"];
    match kubectl.feed(&write, &test("probe", spec)) {
        Ok(accepted) => Err(anyhow!("it was accepted: {accepted} {spec}")),
        Err(error) => words(&format!("{error:#}")),
    }
}

pub fn words(error: &str) -> Result<String> {
    let (before, words) = error
        .split_once(" denied request: ")
        .with_context(|| format!("no policy refused it: {error}"))?;
    ensure!(before.contains("is forbidden: "), "{error}");
    Ok(words.to_owned())
}

/// Every change of a spec that is within is refused with these words, and no others.
fn check(kubectl: &Kubectl, cases: &[(Value, &str)]) -> Result<()> {
    for (change, said) in cases {
        let mut spec = within();
        merge(&mut spec, change);
        let found = refused(kubectl, &spec)?;
        assert_eq!(found, format!("{said}{RAISED}"), "{change}");
    }
    Ok(())
}

const IMAGES: &str =
    "and only these images are allowed: registry.example.com/load/*, locustio/locust:2.47.0";
const HOSTS: &str = "and only these hosts may be loaded: shop.example.com, *.staging.example.com";

pub fn each_is_said(kubectl: &Kubectl) -> Result<()> {
    check(
        kubectl,
        &[
            (
                json!({"run": {"users": 1001}}),
                "spec.run.users is 1001, and at most 1000 users are allowed",
            ),
            (
                json!({"worker": {"replicas": 21}}),
                "spec.worker.replicas is 21, and at most 20 workers are allowed",
            ),
            (
                json!({"run": {"runTime": "2h1s"}}),
                "spec.run.runTime is 2h1s, and the load may last at most 2h",
            ),
            (
                json!({"image": "locustio/locust:2.20.0"}),
                &format!("spec.image is \"locustio/locust:2.20.0\", {IMAGES}"),
            ),
            (
                json!({"run": {"host": "https://pay.example.com/"}}),
                &format!("spec.run.host is \"https://pay.example.com/\", {HOSTS}"),
            ),
        ],
    )
}

pub const USERS_UNSET: &str = "spec.run.users is not set, and at most 1000 users are allowed; say there how many, because what a command line, a variable or a configuration file says cannot be checked";
const LATER: &str =
    "which is filled in when the pod starts, when nobody can check it; write the value itself";
const OPTION: &str = "which Locust would take for an option; leave it out";

pub fn no_way_around(kubectl: &Kubectl) -> Result<()> {
    let host = |host: &str| json!({"run": {"host": host}});
    let unreadable = |host: &str| {
        format!(
            "spec.run.host is \"{host}\", and a host that is checked has to be written as http://name[:port][/path]"
        )
    };
    let other_host = |host: &str| format!("spec.run.host is \"{host}\", {HOSTS}");
    let master = |field: &str, value: Value| json!({"master": {field: value}});
    let has = |place: &str, what: &str, instead: &str| {
        format!("spec.master.{place} has \"{what}\"; use spec.run.{instead}")
    };
    let names = |field: &str| {
        format!(
            "spec.pod.{field} is set, and where hosts are limited, names mean what the cluster says; leave it out"
        )
    };
    let variable = |name: &str| json!({"run": {"users": null}, "env": {"variables": [{"name": name, "value": "9"}]}});
    let host_unset = format!(
        "spec.run.host is not set, {HOSTS}; say there which, because what a command line, a variable or a locustfile says cannot be checked"
    );
    let cases: Vec<(Value, String)> = vec![
        // Users that nobody sees, wherever they are said.
        (json!({"run": {"users": null}}), USERS_UNSET.to_owned()),
        (variable("LOCUST_USERS"), USERS_UNSET.to_owned()),
        (
            json!({"run": {"users": null}, "env": {"secretRefs": [{"name": "hidden"}]}}),
            USERS_UNSET.to_owned(),
        ),
        (
            json!({"run": {"users": null}, "master": {"command": "-f a.py --config load.conf"}}),
            USERS_UNSET.to_owned(),
        ),
        // And those that Locust would believe more than the field.
        (master("extraArgs", json!(["--users=9999"])), has("extraArgs", "--users=9999", "users")),
        (master("extraArgs", json!(["--u", "9999"])), has("extraArgs", "--u", "users")),
        (master("extraArgs", json!(["-u9999"])), has("extraArgs", "-u9999", "users")),
        (master("args", json!(["-f", "a.py", "--user=9999"])), has("args", "--user=9999", "users")),
        (master("command", json!("-f a.py\t-u 9999")), has("command", "-u", "users")),
        (master("command", json!("-f a.py '-'\"-use\"rs=9999")), has("command", "--users=9999", "users")),
        (master("command", json!("-f a.py -\\\n-users=9999")), has("command", "--users=9999", "users")),
        (
            json!({"run": {"tags": ["a", "--users=9999"]}}),
            format!("spec.run.tags has \"--users=9999\", {OPTION}"),
        ),
        (
            json!({"run": {"userClasses": ["-u9999"]}}),
            format!("spec.run.userClasses has \"-u9999\", {OPTION}"),
        ),
        (
            json!({"run": {"excludeTags": ["$(MORE)"]}, "env": {"variables": [{"name": "MORE", "value": "-u9999"}]}}),
            format!("spec.run.excludeTags has \"$(MORE)\", {LATER}"),
        ),
        (
            master("extraArgs", json!(["$(MORE)"])),
            format!("spec.master.extraArgs has \"$(MORE)\", {LATER}"),
        ),
        (
            master("autostart", json!(false)),
            "spec.master.autostart is false, and what somebody then types in the web UI cannot be checked; leave it out".to_owned(),
        ),
        // A load without an end.
        (
            json!({"run": {"runTime": null}}),
            "neither spec.run.runTime nor spec.timeout is set, and the load may last at most 2h".to_owned(),
        ),
        (
            json!({"run": {"runTime": null}, "master": {"command": "-f a.py --run-time 1h"}}),
            "neither spec.run.runTime nor spec.timeout is set, and the load may last at most 2h".to_owned(),
        ),
        (
            json!({"run": {"stopTimeout": "24h"}}),
            "spec.run.runTime and spec.run.stopTimeout are 119m and 24h, and the load may last at most 2h".to_owned(),
        ),
        (
            json!({"timeout": "121m"}),
            "spec.timeout is 121m, and the load may last at most 2h".to_owned(),
        ),
        (
            json!({"startDeadline": "121m"}),
            "spec.startDeadline is 121m, and a test may take at most 2h to begin".to_owned(),
        ),
        // Other images.
        (
            json!({"image": "registry.example.com/loadx/shop:1"}),
            format!("spec.image is \"registry.example.com/loadx/shop:1\", {IMAGES}"),
        ),
        (
            json!({"pod": {"initContainers": [{"name": "first", "image": "locustio/locust:2.47.0"}, {"name": "second", "image": "other:1"}]}}),
            format!("the image of a container in spec.pod.initContainers is \"other:1\", {IMAGES}"),
        ),
        (
            json!({"volumes": [{"name": "tools", "image": {"reference": "other:2"}}]}),
            format!("the image of a volume in spec.volumes is \"other:2\", {IMAGES}"),
        ),
        // Other hosts.
        (json!({"run": {"host": null}}), host_unset.clone()),
        (
            json!({"run": {"host": null}, "env": {"configMapRefs": [{"name": "hidden"}]}}),
            host_unset,
        ),
        (host("https://shop.example.com.evil.example"), other_host("https://shop.example.com.evil.example")),
        (host("https://staging.example.com"), other_host("https://staging.example.com")),
        (host("https://xstaging.example.com"), other_host("https://xstaging.example.com")),
        (host("https://10.0.0.1:8089"), other_host("https://10.0.0.1:8089")),
        (host("https://shop.example.com@evil.example"), unreadable("https://shop.example.com@evil.example")),
        (host("https://evil.example\\@shop.example.com"), unreadable("https://evil.example\\@shop.example.com")),
        (host("https://evil.example?://shop.example.com"), unreadable("https://evil.example?://shop.example.com")),
        (host("https://$(HOST)"), unreadable("https://$(HOST)")),
        (host("shop.example.com"), unreadable("shop.example.com")),
        (master("extraArgs", json!(["-Hhttp://evil"])), has("extraArgs", "-Hhttp://evil", "host")),
        (master("extraArgs", json!(["--ho=http://evil"])), has("extraArgs", "--ho=http://evil", "host")),
        (
            json!({"pod": {"hostAliases": [{"ip": "10.0.0.1", "hostnames": ["shop.example.com"]}]}}),
            names("hostAliases"),
        ),
        (json!({"pod": {"dnsConfig": {"nameservers": ["10.0.0.1"]}}}), names("dnsConfig")),
    ];
    let cases: Vec<(Value, &str)> = cases
        .iter()
        .map(|(change, said)| (change.clone(), said.as_str()))
        .collect();
    check(kubectl, &cases)
}

pub fn what_is_within_passes(kubectl: &Kubectl) -> Result<()> {
    for change in [
        json!({}),
        // The operator's own, which no tenant chooses.
        json!({"image": null}),
        json!({"image": "locustio/locust:2.47.0", "worker": {"replicas": 1}}),
        json!({"run": {"runTime": null}, "timeout": "2h", "startDeadline": "2h"}),
        json!({"run": {"stopTimeout": "24h"}, "timeout": "2h"}),
        json!({"run": {"host": "http://a.b.staging.example.com:8080/shop?q=1"}}),
        json!({"run": {"host": "HTTPS://Shop.Example.COM/"}}),
        json!({"run": {"tags": ["fast"], "userClasses": ["Visitor"]}, "pod": {"dnsPolicy": "Default"}}),
        json!({"master": {"command": "-f $(FILES)/a.py --headless", "extraArgs": ["--user-agent=x", "--html", "r.html"]}}),
        json!({"worker": {"extraArgs": ["$(MORE)"]}, "env": {"secretRefs": [{"name": "login"}]}}),
    ] {
        let mut spec = within();
        merge(&mut spec, &change);
        let write = ["create", "--dry-run=server", "-f", "-"];
        kubectl
            .feed(&write, &test("within", &spec))
            .with_context(|| change.to_string())?;
    }
    Ok(())
}

pub fn all_at_once(kubectl: &Kubectl) -> Result<()> {
    let change = json!({"run": {"users": 1001, "host": "http://a"}, "worker": {"replicas": 21}});
    check(
        kubectl,
        &[(
            change,
            &format!(
                "spec.worker.replicas is 21, and at most 20 workers are allowed; spec.run.users is 1001, \
                 and at most 1000 users are allowed; spec.run.host is \"http://a\", {HOSTS}"
            ),
        )],
    )?;
    // More than a message may hold is refused all the same.
    let long = format!("http://{}", "a".repeat(1990));
    let mut spec = within();
    let images = vec![json!({"name": "x", "image": "y".repeat(900)}); 5];
    merge(
        &mut spec,
        &json!({"run": {"host": long}, "pod": {"initContainers": images}}),
    );
    let said = refused(kubectl, &spec)?;
    assert_eq!(
        said,
        "the test is over more ceilings of this namespace than fit into a message"
    );
    Ok(())
}
