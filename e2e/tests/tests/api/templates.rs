//! Templates, and the tests that are made from them.

mod pinned;
mod unusable;

use anyhow::{Context, Result, bail, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet::{self, condition};
use crate::world::{SOON, World};

pub use pinned::{a_test_is_made_from_its_template, killed_after_every_first_write};
pub use unusable::a_template_that_cannot_be_used;

/// A template of this name; `spec` are the lines of its spec.
fn template(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTemplate
metadata: {{name: {name}}}
spec:
{spec}
"
    )
}

/// A test of this name; `spec` are the lines of its spec.
fn test(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {{name: {name}}}
spec:
{spec}
"
    )
}

/// Waits until the template was judged as it is now; returns its condition Ready.
fn judged(kubectl: &Kubectl, name: &str) -> Result<Value> {
    wait_until(&format!("{name} is judged"), SOON, || {
        let template = kubectl.get("lotmpl", name)?;
        let ready = condition(&template["status"], "Ready");
        ensure!(
            ready["observedGeneration"] == template["metadata"]["generation"],
            "{}",
            template["status"]
        );
        Ok(ready)
    })
}

const GOOD: &str = "
  description: The shop as on a busy day
  parameters:
  - {name: host, description: what is tested, example: 'http://shop'}
  - {name: users, type: integer, default: 500, minimum: 1, maximum: 1000}
  - {name: size, enum: [small, large], default: small}
  - {name: label, required: false}
  files: {locustfile.py: ''}
  overridable: [run.host]
  test:
    run: {host: '{{params.host}}', users: '{{params.users}}'}
    worker: {replicas: 2, labels: {size: '{{params.size}}'}}
";

/// Templates that nothing can be made from, and what is said of each.
fn bad() -> Vec<(String, Vec<&'static str>)> {
    let deep = format!(
        "{{{{#if {}params.users{}}}}}x{{{{/if}}}}",
        "(".repeat(2000),
        ")".repeat(2000)
    );
    vec![
        (
            GOOD.replace("default: small", "default: huge")
                .replace("minimum: 1,", "minimum: 2000,")
                .replace("[run.host]", "[run.hots]"),
            vec![
                "spec.overridable[0]: the spec of a LocustTest has no field \"run.hots\"; remove it, or correct its name",
                "spec.parameters[1].maximum: 1000 is less than the minimum 2000; exchange them",
                "spec.parameters[2].default: \"huge\" is none of small, large",
            ],
        ),
        (
            GOOD.replace("'{{params.host}}'", &format!("'{deep}'"))
                .replace("{{params.users}}", "{{params.usres}}"),
            vec![
                "spec.test.run.host: its parentheses are more than 8 deep; make it simpler",
                "spec.test.run.users: ",
                "usres",
            ],
        ),
        (
            GOOD.replace("users: '{{params.users}}'", "user: 5")
                .replace("replicas: 2", "replicas: two"),
            vec![
                "spec.test.run.user: there is no such field; remove it, or correct its name",
                "spec.test.worker.replicas: the text \"two\" is not what belongs here: a whole number",
            ],
        ),
    ]
}

pub fn a_template_is_judged(world: &World) -> Result<()> {
    let place = world.main.place("judged")?;
    let kubectl = &place.kubectl;
    let good = || -> Result<()> {
        kubectl.apply(&template("shop", GOOD))?;
        let ready = judged(kubectl, "shop")?;
        ensure!(
            ready["status"] == "True" && ready["reason"] == "TemplateValid",
            "{ready}"
        );
        let line = kubectl.run(&["get", "lotmpl", "shop", "--no-headers"])?;
        ensure!(
            line.contains("True   host, users=500, size=small, label="),
            "{line}"
        );
        Ok(())
    };
    good()?;
    for (spec, words) in bad() {
        kubectl.apply(&template("shop", &spec))?;
        let ready = judged(kubectl, "shop")?;
        ensure!(
            ready["status"] == "False" && ready["reason"] == "TemplateInvalid",
            "{ready}"
        );
        let message = ready["message"].as_str().unwrap_or_default();
        for words in words {
            ensure!(message.contains(words), "{words:?} is not in {message}");
        }
        let wide = kubectl.run(&["get", "lotmpl", "shop", "--no-headers", "-o", "wide"])?;
        ensure!(wide.contains(message), "{wide}");
    }
    good()?;
    let first = bad()[0].1[0];
    wait_until("it is told of", SOON, || {
        let told = kubectl.events("shop")?;
        let told = told.first().context("no event")?;
        let note = told["note"].as_str().unwrap_or_default();
        ensure!(
            [&told["reason"], &told["type"]] == ["TemplateInvalid", "Warning"]
                && note.contains(first),
            "{told}"
        );
        Ok(())
    })?;
    place.settled()?;
    let writes = place.writes()?;
    assert_eq!(writes.len(), bad().len() + 2, "each state is written once");
    Ok(())
}

/// Waits until the run is for so many workers.
fn expect_workers(kubectl: &Kubectl, name: &str, count: i32) -> Result<()> {
    wait_until(&format!("{name} has {count} workers"), SOON, || {
        let job = kubectl.get("job", &format!("{name}-worker"))?;
        let status = kubelet::status(kubectl, name)?;
        ensure!(
            [
                &job["spec"]["parallelism"],
                &job["spec"]["completions"],
                &status["workers"]["desired"],
            ] == [count; 3],
            "{} {status}",
            job["spec"]
        );
        Ok(())
    })
}

const WITH_HOST: &str =
    "  templateRef: {name: shop, parameters: [{name: host, value: 'http://a'}]}\n";

pub fn what_a_test_may_set_beside_its_template(world: &World) -> Result<()> {
    let place = world.main.place("beside")?;
    let kubectl = &place.kubectl;
    let said = kubectl.refused(&test("neither", "  run: {users: 5}"))?;
    ensure!(
        said.contains("worker is required, unless templateRef names a template"),
        "{said}"
    );
    kubectl.apply(&template("shop", GOOD))?;
    let own = "  run: {host: 'http://b'}\n  worker: {replicas: 3}\n  concurrencyGroup: shop\n";
    kubectl.apply(&test("own", &format!("{WITH_HOST}{own}")))?;
    kubectl.apply(&test("plain", WITH_HOST))?;
    kubelet::started(kubectl, "own")?;
    kubelet::started(kubectl, "plain")?;
    expect_workers(kubectl, "own", 3)?;
    expect_workers(kubectl, "plain", 2)?;
    let master = kubectl.get("job", "own-master")?.to_string();
    ensure!(
        master.contains("http://b") && master.contains("--expect-workers=3"),
        "{master}"
    );

    kubectl.run(&["scale", "lotest", "own", "--replicas=5"])?;
    expect_workers(kubectl, "own", 5)?;
    // One that leaves the number to its template gets one of its own.
    kubectl.run(&["scale", "lotest", "plain", "--replicas=4"])?;
    expect_workers(kubectl, "plain", 4)?;
    nothing_else_can_change(kubectl)
}

fn nothing_else_can_change(kubectl: &Kubectl) -> Result<()> {
    let words = "only worker.replicas, retention and stop can change. Create a new LocustTest";
    let parameters = json!([{"name": "host", "value": "http://c"}]);
    for (field, change) in [
        ("templateRef", json!({"templateRef": null})),
        ("templateRef", json!({"templateRef": {"name": "other"}})),
        (
            "templateRef",
            json!({"templateRef": {"parameters": parameters}}),
        ),
        ("image", json!({"image": "other"})),
        ("run", json!({"run": {"host": "http://c"}})),
        ("concurrencyGroup", json!({"concurrencyGroup": null})),
        ("worker.labels", json!({"worker": {"labels": {"a": "b"}}})),
    ] {
        let refusal = kubectl.patch("lotest", "own", &json!({ "spec": change }));
        let Err(refusal) = refusal else {
            bail!("it can change: {change}");
        };
        let said = format!("{refusal:#}");
        ensure!(
            said.contains(&format!("spec.{field}")) && said.contains(words),
            "{change}: {said}"
        );
    }
    Ok(())
}
