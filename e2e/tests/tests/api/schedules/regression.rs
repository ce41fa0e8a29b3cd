//! Runs are held against those before them: a schedule says when the service got slower, and tests that name a series are
//! compared, too.

use anyhow::{Context, Result, ensure};
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use super::{TEST, ask_and_get, events, said, schedule, until};
use crate::kubelet::condition;
use crate::suites::play;
use crate::world::{SOON, World};

/// More runs than a level needs to be told from another.
const ENOUGH: usize = 5;

/// Lets the schedule run once with this p95 in milliseconds; returns the test.
fn night(kubectl: &Kubectl, token: &str, p95: u32) -> Result<Value> {
    let name = ask_and_get(kubectl, "shop", token)?;
    play(kubectl, &name, &json!({"p95": p95}))?;
    until(kubectl, "shop", "the run is over", |status| {
        status["lastRun"]["name"] == name.as_str()
    })?;
    kubectl.get("lotest", &name)
}

/// Nights with the first until the comparison of one has this state; returns their tests.
fn nights_until(kubectl: &Kubectl, p95: u32, state: &str) -> Result<Vec<Value>> {
    let mut tests = Vec::new();
    for number in 0..ENOUGH {
        let test = night(kubectl, &format!("{state}-{number}"), p95)?;
        let is_so = test["status"]["comparison"]["state"] == state;
        tests.push(test);
        if is_so {
            return Ok(tests);
        }
    }
    let last = tests.last().map(|test| &test["status"]["comparison"]);
    anyhow::bail!("no run was {state}; the last: {last:?}")
}

/// Puts nights of about 100 ms before the one that is there.
fn add_nights(kubectl: &Kubectl) -> Result<()> {
    let map = kubectl.get("configmap", "shop-series")?;
    let owner = &map["metadata"]["ownerReferences"][0];
    ensure!(
        owner["kind"] == "LocustSchedule" && owner["name"] == "shop",
        "{map}"
    );
    let data = map["data"].as_object().context("data")?;
    let (key, text) = data.iter().next().context("a key")?;
    let text = text.as_str().context("text")?;
    let point: Value = serde_json::from_str(text.lines().next().context("a line")?)?;
    let mut lines = String::new();
    for night in 0..20 {
        let mut point = point.clone();
        point["run"] = json!(format!("night-{night}"));
        point["uid"] = json!(format!("uid-{night}"));
        point["time"] = json!(format!("2020-01-{:02}T02:30:00Z", night + 1));
        point["numbers"]["p95Ms"] = json!(100 + [0, 2, -1, 1, -2][night % 5]);
        lines += &format!("{point}\n");
    }
    let filled = json!({"data": {key: lines + text}});
    kubectl.patch("configmap", "shop-series", &filled)?;
    Ok(())
}

pub fn a_schedule_finds_a_regression(world: &World) -> Result<()> {
    let place = world.main.place("schedule-regression")?;
    let kubectl = &place.kubectl;
    let spec = format!("  baseline: {{onRegression: Fail}}\n  runTemplate: {{{TEST}}}");
    kubectl.apply(&schedule("shop", &spec))?;
    night(kubectl, "first", 100)?;
    until(kubectl, "shop", "there is nothing to say yet", |status| {
        said(status, "Regression") == "Unknown/NotCompared"
            && status["lastComparison"]["state"] == "Collecting"
    })?;
    add_nights(kubectl)?;
    let slower = nights_until(kubectl, 130, "Regressed")?;
    let first = slower.first().context("a run")?;
    // One slow night alone proves nothing.
    ensure!(first["status"]["verdict"] == "Passed", "{first}");
    ensure!(
        first["status"]["comparison"]["state"] == "Suspected",
        "{first}"
    );
    let last = &slower.last().context("a run")?["status"];
    ensure!(
        last["verdict"] == "Failed" && last["reason"] == "Regression" && last["phase"] == "Failed",
        "{last}"
    );
    let metric = &last["comparison"]["metrics"][0];
    ensure!(
        metric["shiftedAt"] == first["metadata"]["name"] && metric["newest"] == "130ms",
        "{metric}"
    );
    ensure!(condition(last, "Regression")["status"] == "True", "{last}");
    ensure!(
        condition(last, "Succeeded")["reason"] == "Regression",
        "{last}"
    );
    let status = until(kubectl, "shop", "the schedule says so", |status| {
        said(status, "Regression") == "True/Regression"
    })?;
    ensure!(
        said(&status, "LastRunPassed") == "False/Regression",
        "{status}"
    );
    let faster = nights_until(kubectl, 100, "Recovered")?;
    ensure!(
        faster.last().context("a run")?["status"]["verdict"] == "Passed",
        "{faster:?}"
    );
    until(
        kubectl,
        "shop",
        "the service is as fast as before",
        |status| said(status, "Regression") == "False/NoRegression",
    )?;
    let told = events(kubectl, "shop")?;
    for reason in ["Regression", "RegressionOver"] {
        let times = told.iter().filter(|event| *event == reason);
        ensure!(times.count() == 1, "{reason} once: {told:#?}");
    }
    // The series is the schedule's.
    kubectl.run(&["delete", "losched", "shop"])?;
    wait_until("the series goes with its schedule", SOON, || {
        ensure!(
            kubectl.find("configmap", "shop-series")?.is_none(),
            "it is there"
        );
        Ok(())
    })
}

pub fn a_test_names_its_series(world: &World) -> Result<()> {
    let place = world.main.place("series")?;
    let kubectl = &place.kubectl;
    let test = |name: &str, baseline: &str| {
        format!(
            "
apiVersion: locust.io/v2
kind: LocustTest
metadata: {{name: {name}}}
spec:
  baseline: {{{baseline}}}
  testFiles: {{inline: {{locustfile.py: ''}}}}
  run: {{runTime: 1m}}
  worker: {{replicas: 1}}
"
        )
    };
    let compared = |name: &str, baseline: &str, p95: u32| -> Result<Value> {
        kubectl.apply(&test(name, baseline))?;
        play(kubectl, name, &json!({"p95": p95}))?;
        kubectl.wait(&format!("lotest/{name}"), "condition=Completed", SOON)?;
        Ok(kubectl.get("lotest", name)?["status"].take())
    };
    let previous = "series: checkout, compareWith: Previous";
    compared("one", previous, 100)?;
    let two = compared("two", previous, 130)?;
    ensure!(
        two["verdict"] == "Passed" && two["comparison"]["state"] == "Worse",
        "it warns: {two}"
    );
    ensure!(condition(&two, "Regression")["status"] == "True", "{two}");
    // The numbers are the series' own: the run may go.
    kubectl.run(&["delete", "lotest", "one"])?;
    let pinned = "series: checkout, compareWith: Pinned, pinnedRun: one";
    let three = compared("three", pinned, 101)?;
    ensure!(three["comparison"]["state"] == "Stable", "{three}");
    let series = kubectl.get("configmap", "checkout-series")?;
    ensure!(series["metadata"]["ownerReferences"].is_null(), "{series}");
    // What is somebody's own is left alone, and the verdict does not wait for it.
    kubectl.run(&["create", "configmap", "mine-series", "--from-literal=a=b"])?;
    let foreign = compared("four", "series: mine", 100)?;
    let words = foreign["comparison"]["message"]
        .as_str()
        .unwrap_or_default();
    ensure!(
        foreign["verdict"] == "Passed" && words.contains("no label locust.io/series=mine"),
        "{foreign}"
    );
    let mine = kubectl.get("configmap", "mine-series")?;
    ensure!(mine["data"] == json!({"a": "b"}), "{mine}");
    // Nobody knows which series is meant.
    kubectl.apply(&test("five", ""))?;
    let refused = wait_until("it says what is missing", SOON, || {
        let status = kubectl.get("lotest", "five")?["status"].take();
        let ready = condition(&status, "Ready").clone();
        ensure!(ready["reason"] == "InvalidSpec", "{status}");
        Ok(ready)
    })?;
    let words = refused["message"].as_str().unwrap_or_default();
    ensure!(
        words.contains("spec.baseline.series: it is missing"),
        "{words}"
    );
    for (baseline, words) in [
        (
            "compareWith: Pinned",
            "pinnedRun goes with compareWith Pinned",
        ),
        (
            "metrics: [errorRatio]",
            "errorRatio cannot be compared with Rolling",
        ),
        ("metrics: [p95, p95]", "Duplicate value"),
    ] {
        let error = kubectl
            .apply(&test("wrong", baseline))
            .err()
            .with_context(|| format!("{baseline} was taken"))?;
        let error = format!("{error:#}");
        ensure!(error.contains(words), "{error}");
    }
    Ok(())
}
