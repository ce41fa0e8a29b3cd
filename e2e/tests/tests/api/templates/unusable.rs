//! Tests whose template is missing, does not fit, or is somebody else's.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::{GOOD, WITH_HOST, template, test};
use crate::kubelet::{self, condition, status};
use crate::world::{Place, SOON, World};

/// Waits until the test says that it waits for its template, for this reason.
fn expect_waits(kubectl: &Kubectl, name: &str, reason: &str, words: &str) -> Result<()> {
    wait_until(&format!("{name} waits"), SOON, || {
        let status = status(kubectl, name)?;
        let resolved = condition(&status, "ResolvedRefs");
        let ready = condition(&status, "Ready");
        ensure!(
            resolved["status"] == "False"
                && ready["status"] == "False"
                && [&resolved["reason"], &ready["reason"], &status["reason"]] == [reason; 3]
                && [&resolved["message"], &ready["message"], &status["message"]] == [words; 3],
            "{status:#}"
        );
        ensure!(
            status["phase"] == "Pending" && status["run"].is_null() && status["pin"].is_null(),
            "{status:#}"
        );
        Ok(())
    })
}

/// Waits until the test has started, which must be at once.
fn expect_starts(kubectl: &Kubectl, name: &str) -> Result<()> {
    let begin = Instant::now();
    let status = kubelet::started(kubectl, name)?;
    ensure!(
        begin.elapsed() < Duration::from_secs(10),
        "only {:?} later",
        begin.elapsed()
    );
    ensure!(
        condition(&status, "ResolvedRefs")["status"] != "False"
            && condition(&status, "Ready")["status"] == "True",
        "{status:#}"
    );
    assert_eq!(
        [&status["reason"], &status["message"]],
        [&Value::Null, &Value::Null]
    );
    Ok(())
}

pub fn a_template_that_cannot_be_used(world: &World) -> Result<()> {
    let place = world.main.place("unusable")?;
    let kubectl = &place.kubectl;
    let wrong = "  templateRef: {name: shop, parameters: [{name: usres, value: 5}]}\n";
    let late = "  templateRef: {name: shops}\n  startDeadline: 5s\n";
    let all = [
        test("early", WITH_HOST),
        test("wrong", wrong),
        test("late", late),
    ];
    kubectl.apply(&all.join("---"))?;
    let missing = format!(
        "there is no LocustTemplate \"shop\" in namespace {:?}; apply it and the run starts",
        place.namespace()
    );
    expect_waits(kubectl, "early", "TemplateNotFound", &missing)?;
    expect_waits(kubectl, "wrong", "TemplateNotFound", &missing)?;
    assert_eq!(place.created()?, Vec::<String>::new());

    kubectl.apply(&template("shop", GOOD))?;
    expect_starts(kubectl, "early")?;
    what_does_not_fit_can_be_mended(kubectl)?;
    another_namespace_must_be_let_in(&place, world)?;
    gives_up_at_last(kubectl)
}

fn what_does_not_fit_can_be_mended(kubectl: &Kubectl) -> Result<()> {
    expect_waits(
        kubectl,
        "wrong",
        "ParametersInvalid",
        "LocustTemplate \"shop\": spec.templateRef.parameters: the template needs host (string: what is tested); \
         the template has no parameter \"usres\"; it has host (string: what is tested), users (integer, from 1, to 1000), \
         size (string, one of small, large), label (string)",
    )?;
    kubectl.apply(&test(
        "wrong",
        &format!("{WITH_HOST}  image: mine\n  run: {{users: 5}}\n"),
    ))?;
    expect_waits(
        kubectl,
        "wrong",
        "ParametersInvalid",
        "LocustTemplate \"shop\": spec: the template does not let a test set image, run.users; it may set run.host, \
         worker.replicas, startDeadline, retention, suspend, stop, concurrencyGroup, baseline. Remove them, or add them to the template's spec.overridable",
    )?;
    kubectl.apply(&test("wrong", WITH_HOST))?;
    expect_starts(kubectl, "wrong")
}

fn another_namespace_must_be_let_in(home: &Place<'_>, world: &World) -> Result<()> {
    let place = world.main.place("guests")?;
    let kubectl = &place.kubectl;
    let guest = |name: &str| {
        let home = format!("namespace: {}, name: shop,", home.namespace());
        let spec = WITH_HOST.replace("name: shop,", &home);
        kubectl.apply(&test(name, &spec))
    };
    let allow = |from: Value| {
        let allowed = json!({"spec": {"allowedNamespaces": from}});
        home.kubectl.patch("lotmpl", "shop", &allowed)
    };
    let words = format!(
        "LocustTemplate \"shop\" of namespace {:?} may not be used in namespace {:?}: its spec.allowedNamespaces does not name it",
        home.namespace(),
        place.namespace()
    );
    guest("first")?;
    expect_waits(kubectl, "first", "RefNotPermitted", &words)?;
    allow(json!({"from": "All"}))?;
    expect_starts(kubectl, "first")?;

    allow(json!({"from": "Selector", "selector": {"matchLabels": {"team": "shop"}}}))?;
    guest("second")?;
    expect_waits(kubectl, "second", "RefNotPermitted", &words)?;
    kubectl.run(&["label", "namespace", place.namespace(), "team=shop"])?;
    guest("third")?;
    expect_starts(kubectl, "third")?;
    // Nothing tells of a namespace's labels; what becomes of the test does.
    kubectl.run(&["label", "lotest", "second", "again=please"])?;
    expect_starts(kubectl, "second")
}

fn gives_up_at_last(kubectl: &Kubectl) -> Result<()> {
    let status = kubelet::ended(kubectl, "late")?;
    assert_eq!(
        [&status["phase"], &status["verdict"], &status["reason"]],
        ["Failed", "Error", "TemplateNotFound"]
    );
    let message = status["message"].as_str().unwrap_or_default();
    ensure!(
        message.starts_with("no run could be made from the template within startDeadline: there is no LocustTemplate \"shops\""),
        "{message}"
    );
    assert_eq!(condition(&status, "Completed")["status"], "True");
    assert_eq!(condition(&status, "Succeeded")["status"], "False");
    // It is over: the template comes too late.
    kubectl.apply(&template("shops", &GOOD.replace("example:", "default:")))?;
    super::judged(kubectl, "shops")?;
    std::thread::sleep(Duration::from_secs(2));
    ensure!(kubectl.find("job", "late-master")?.is_none(), "it began");
    Ok(())
}
