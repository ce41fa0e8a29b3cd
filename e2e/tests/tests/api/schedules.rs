//! Schedules: by the clock and on demand, what is in the way, failures in a row, history, and what goes with what.

pub mod levels;
pub mod notices;
pub mod regression;
pub mod replicas;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e_tests::wait::stays_so;
use e2e_tests::{Kubectl, wait_until};
use serde_json::{Value, json};

use crate::kubelet::condition;
use crate::suites::play;
use crate::world::{SOON, World};

/// Until the next minute begins, and a little.
const A_MINUTE: Duration = Duration::from_secs(90);

/// A test that could be run.
const TEST: &str =
    "test: {testFiles: {inline: {locustfile.py: ''}}, run: {runTime: 1m}, worker: {replicas: 1}}";

/// A schedule of this name with these lines in its spec.
pub fn schedule(name: &str, spec: &str) -> String {
    format!(
        "
apiVersion: locust.io/v2
kind: LocustSchedule
metadata: {{name: {name}}}
spec:
{spec}
---
"
    )
}

fn status(kubectl: &Kubectl, schedule: &str) -> Result<Value> {
    Ok(kubectl.get("losched", schedule)?["status"].take())
}

/// Waits until the status is so; returns it.
fn until(
    kubectl: &Kubectl,
    schedule: &str,
    what: &str,
    is_so: impl Fn(&Value) -> bool,
) -> Result<Value> {
    wait_until(what, SOON, || {
        let status = status(kubectl, schedule)?;
        ensure!(is_so(&status), "the status is {status}");
        Ok(status)
    })
}

/// `True/Reason` of a condition.
fn said(status: &Value, kind: &str) -> String {
    let found = condition(status, kind);
    let word = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
    format!("{}/{}", word("status"), word("reason"))
}

/// Asks for a run.
fn ask(kubectl: &Kubectl, schedule: &str, token: &str) -> Result<()> {
    let annotation = format!("locust.io/run-now={token}");
    kubectl.run(&["annotate", "losched", schedule, "--overwrite", &annotation])?;
    Ok(())
}

/// Asks for a run and waits for it; returns its name.
fn ask_and_get(kubectl: &Kubectl, schedule: &str, token: &str) -> Result<String> {
    ask(kubectl, schedule, token)?;
    let status = until(kubectl, schedule, "the run is made", |status| {
        active(status).iter().any(|run| run["runNow"] == token)
    })?;
    let active = active(&status);
    let run = active.iter().find(|run| run["runNow"] == token);
    let name = run.and_then(|run| run["name"].as_str());
    Ok(name.context("a name")?.to_owned())
}

fn active(status: &Value) -> Vec<Value> {
    status["active"].as_array().cloned().unwrap_or_default()
}

/// The reasons of a schedule's events.
fn events(kubectl: &Kubectl, schedule: &str) -> Result<Vec<String>> {
    let all = kubectl.list("events.events.k8s.io", "")?;
    let of_it = all.iter().filter(|event| {
        event["regarding"]["kind"] == "LocustSchedule" && event["regarding"]["name"] == schedule
    });
    Ok(of_it
        .filter_map(|event| Some(event["reason"].as_str()?.to_owned()))
        .collect())
}

/// Every minute: each run once, the others in its way are skipped, and nothing of a suspension is made up for.
pub fn a_schedule_runs_by_the_clock(world: &World) -> Result<()> {
    let place = world.main.place("schedule-clock")?;
    let kubectl = &place.kubectl;
    let spec = format!(
        "  schedules: ['* * * * *']\n  timeZone: Europe/Berlin\n  runTemplate: {{metadata: {{labels: {{team: shop}}}}, {TEST}}}"
    );
    kubectl.apply(&schedule("every", &spec))?;
    let first = wait_until("the first run", A_MINUTE, || {
        let mut tests = kubectl.list("lotest", "locust.io/schedule=every")?;
        ensure!(tests.len() == 1, "{} runs", tests.len());
        Ok(tests.remove(0))
    })?;
    let name = first["metadata"]["name"].as_str().context("a name")?;
    let metadata = &first["metadata"];
    let time = metadata["annotations"]["locust.io/scheduled-time"].as_str();
    let time = time.context("a scheduled time")?;
    ensure!(
        (time.ends_with("+01:00") || time.ends_with("+02:00"))
            && metadata["labels"]["team"] == "shop"
            && metadata["ownerReferences"][0]["kind"] == "LocustSchedule",
        "{metadata}"
    );
    let status = until(kubectl, "every", "the run is noted", |status| {
        status["activeRuns"] == 1
    })?;
    ensure!(
        said(&status, "Ready") == "True/ScheduleValid"
            && said(&status, "Suspended") == "False/InForce"
            && said(&status, "LastRunPassed") == "Unknown/NoRunYet"
            && status["nextScheduleTime"].is_string()
            && status["schedule"] == "* * * * * Europe/Berlin",
        "{status}"
    );
    // The next time finds it in its way.
    let status = wait_until("the next time is skipped", A_MINUTE, || {
        let status = self::status(kubectl, "every")?;
        ensure!(
            status["lastSkip"]["reason"] == "PreviousRunActive",
            "{status}"
        );
        Ok(status)
    })?;
    ensure!(status["runsStarted"] == 1, "{status}");
    kubectl.patch("losched", "every", &json!({"spec": {"suspend": true}}))?;
    play(kubectl, name, &json!({}))?;
    let status = until(kubectl, "every", "the verdict is stored", |status| {
        status["lastRun"]["verdict"] == "Passed"
    })?;
    ensure!(
        said(&status, "LastRunPassed") == "True/AllPassed"
            && said(&status, "Suspended") == "True/Suspended"
            && status["nextScheduleTime"].is_null()
            && status["passed"] == 1
            && status["history"][0]["name"] == name,
        "{status}"
    );
    stays_so("nothing starts", Duration::from_secs(65), || {
        let tests = kubectl.list("lotest", "locust.io/schedule=every")?;
        ensure!(tests.len() == 1, "{} runs", tests.len());
        Ok(())
    })?;
    kubectl.patch("losched", "every", &json!({"spec": {"suspend": false}}))?;
    wait_until("the second run", A_MINUTE, || {
        let status = self::status(kubectl, "every")?;
        ensure!(
            status["runsStarted"] == 2 && status["activeRuns"] == 1,
            "{status}"
        );
        ensure!(status["missedRuns"].is_null(), "{status}");
        Ok(())
    })?;
    kubectl.delete("losched", "every")?;
    wait_until("its runs are gone", SOON, || {
        let tests = kubectl.list("lotest", "")?;
        ensure!(tests.is_empty(), "{} runs", tests.len());
        Ok(())
    })
}

/// What waits for too long is missed; maxRuns and endTime end a schedule.
pub fn a_schedule_ends(world: &World) -> Result<()> {
    let place = world.main.place("schedule-end")?;
    let kubectl = &place.kubectl;
    let spec = format!(
        "  schedules: ['* * * * *']\n  onConflict: Delay\n  startingDeadlineSeconds: 10\n  maxRuns: 1\n  runTemplate: {{{TEST}}}"
    );
    kubectl.apply(&schedule("once", &spec))?;
    let name = ask_and_get(kubectl, "once", "first")?;
    wait_until("a time is missed", A_MINUTE, || {
        let status = status(kubectl, "once")?;
        ensure!(
            status["lastSkip"]["reason"] == "DeadlineExceeded",
            "{status}"
        );
        ensure!(status["missedRuns"].as_i64() >= Some(1), "{status}");
        Ok(())
    })?;
    play(kubectl, &name, &json!({}))?;
    wait_until("the only run of a time", A_MINUTE, || {
        let status = status(kubectl, "once")?;
        ensure!(
            status["runsStarted"] == 1 && said(&status, "Suspended") == "True/MaxRunsReached",
            "{status}"
        );
        Ok(())
    })?;

    let spec = format!(
        "  schedules: ['0 0 1 1 *']\n  endTime: '2026-01-01T00:00:00Z'\n  runTemplate: {{{TEST}}}"
    );
    kubectl.apply(&schedule("over", &spec))?;
    until(kubectl, "over", "it is over", |status| {
        said(status, "Suspended") == "True/EndTimeReached"
    })?;
    Ok(())
}

/// One definition, run again and again by hand: each token once.
pub fn a_schedule_runs_on_demand(world: &World) -> Result<()> {
    let place = world.main.place("schedule-demand")?;
    let kubectl = &place.kubectl;
    let spec = format!(
        "  suspendAfterConsecutiveFailures: 2\n  retries: {{limit: 1}}\n  history: {{passed: 1, failed: 1, other: 0}}\n  runTemplate: {{{TEST}}}"
    );
    kubectl.apply(&schedule("shop", &spec))?;
    until(kubectl, "shop", "it is ready", |status| {
        said(status, "Suspended") == "False/OnDemand" && status["schedule"] == "on demand"
    })?;
    let first = ask_and_get(kubectl, "shop", "one")?;
    ask(kubectl, "shop", "two")?;
    until(kubectl, "shop", "the second is skipped", |status| {
        status["lastSkip"]["reason"] == "PreviousRunActive"
            && status["lastRunNowToken"] == "two"
            && status["activeRuns"] == 1
    })?;
    // Not valid: tried again, and only the second attempt counts.
    play(kubectl, &first, &json!({"n": 0, "f": 0, "p95": null}))?;
    let again = format!("{first}-a2");
    play(kubectl, &again, &json!({}))?;
    let status = until(kubectl, "shop", "the run has passed", |status| {
        status["lastRun"]["verdict"] == "Passed"
    })?;
    ensure!(
        status["lastRun"]["name"] == again.as_str()
            && status["other"].is_null()
            && status["passed"] == 1,
        "{status}"
    );
    wait_until("the first attempt goes", SOON, || {
        ensure!(kubectl.find("lotest", &first)?.is_none(), "it is there");
        Ok(())
    })?;
    ask(kubectl, "shop", "one")?;
    until(kubectl, "shop", "a token is good for one run", |status| {
        status["lastSkip"]["reason"] == "RunNowRepeated" && status["activeRuns"] == 0
    })?;
    let failing = json!({"f": 7, "exit": 1});
    for token in ["three", "four"] {
        let name = ask_and_get(kubectl, "shop", token)?;
        play(kubectl, &name, &failing)?;
        until(kubectl, "shop", "it has failed", |status| {
            status["lastRun"]["name"] == name.as_str()
        })?;
    }
    let status = until(kubectl, "shop", "failures suspend", |status| {
        said(status, "Suspended") == "True/ConsecutiveFailures"
    })?;
    ensure!(
        said(&status, "LastRunPassed") == "False/RequestsFailed" && status["failed"] == 2,
        "{status}"
    );
    // A person may go on all the same, and what passes mends it.
    let name = ask_and_get(kubectl, "shop", "five")?;
    play(kubectl, &name, &json!({}))?;
    until(kubectl, "shop", "it is in force", |status| {
        said(status, "Suspended") == "False/OnDemand" && status["consecutiveFailures"].is_null()
    })?;
    wait_until("old runs are gone", SOON, || {
        let tests = kubectl.list("lotest", "locust.io/schedule=shop")?;
        ensure!(tests.len() == 2, "{} runs", tests.len());
        Ok(())
    })?;
    until(kubectl, "shop", "the history is what is there", |status| {
        status["history"]
            .as_array()
            .is_some_and(|runs| runs.len() == 2)
    })?;
    let events = events(kubectl, "shop")?;
    for reason in ["RunStarted", "RunFinished", "RunSkipped", "Suspended"] {
        ensure!(
            events.iter().any(|event| event == reason),
            "{reason} in {events:?}"
        );
    }
    Ok(())
}

/// The new run begins when the old one, with its pods, is gone.
pub fn a_schedule_replaces(world: &World) -> Result<()> {
    let place = world.main.place("schedule-replace")?;
    let kubectl = &place.kubectl;
    let spec = format!("  concurrencyPolicy: Replace\n  runTemplate: {{{TEST}}}");
    kubectl.apply(&schedule("latest", &spec))?;
    let first = ask_and_get(kubectl, "latest", "one")?;
    wait_until("its Jobs are made", SOON, || {
        kubectl.get("job", &format!("{first}-master"))
    })?;
    let second = ask_and_get(kubectl, "latest", "two")?;
    ensure!(kubectl.find("lotest", &first)?.is_none(), "both are there");
    let pods = kubectl.list("pods", &format!("performance-test-name={first}"))?;
    ensure!(pods.is_empty(), "pods of the old one: {pods:?}");
    let status = status(kubectl, "latest")?;
    ensure!(
        status["lastRun"]["verdict"] == "Aborted"
            && status["lastRun"]["reason"] == "Replaced"
            && active(&status).len() == 1,
        "{status}"
    );
    // Somebody else deletes one.
    kubectl.delete("lotest", &second)?;
    until(kubectl, "latest", "it is missed", |status| {
        status["lastRun"]["reason"] == "ChildDeleted" && status["activeRuns"] == 0
    })?;
    Ok(())
}

/// Said in the status, with what was understood; mended, it goes on. A name that is taken is an Error of the run.
pub fn a_schedule_that_cannot_be_followed(world: &World) -> Result<()> {
    let place = world.main.place("schedule-wrong")?;
    let kubectl = &place.kubectl;
    for (name, line) in [
        ("seconds", "*/10 * * * * *"),
        ("never", "0 0 30 2 *"),
        ("words", "every night"),
    ] {
        let spec = format!("  schedules: ['30 2 * * *', '{line}']\n  runTemplate: {{{TEST}}}");
        kubectl.apply(&schedule(name, &spec))?;
        let status = until(kubectl, name, "it is refused", |status| {
            said(status, "Ready") == "False/InvalidSpec"
        })?;
        let ready = condition(&status, "Ready");
        let message = ready["message"].as_str().context("a message")?;
        ensure!(
            message.starts_with("spec.schedules[1]: ")
                && message.contains("understood was")
                && message.matches(" 02:30 +00:00").count() == 3,
            "{message}"
        );
        ask(kubectl, name, "now")?;
    }
    let mended = json!({"spec": {"schedules": ["30 2 * * *"]}});
    kubectl.patch("losched", "words", &mended)?;
    until(kubectl, "words", "it is accepted", |status| {
        said(status, "Ready") == "True/ScheduleValid" && status["activeRuns"] == 1
    })?;
    // The definition itself.
    for (spec, words) in [
        (
            "  runTemplate: {}".to_owned(),
            "one of test, suite and templateRef",
        ),
        (
            format!("  maxRuns: 1\n  endTime: '2030-01-01T00:00:00Z'\n  runTemplate: {{{TEST}}}"),
            "one of the two",
        ),
        (
            format!("  concurrencyPolicy: Allow\n  onConflict: Skip\n  runTemplate: {{{TEST}}}"),
            "onConflict is for",
        ),
    ] {
        let refused = kubectl.refused(&schedule("refused", &spec))?;
        ensure!(refused.contains(words), "{refused}");
    }
    // The name of the run for the token `abc`.
    let other = "apiVersion: locust.io/v2\nkind: LocustTest\nmetadata: {name: taken-rba7816bf}\nspec: {suspend: true, worker: {replicas: 1}}\n---\n";
    kubectl.apply(other)?;
    kubectl.apply(&schedule("taken", &format!("  runTemplate: {{{TEST}}}")))?;
    ask(kubectl, "taken", "abc")?;
    let status = until(kubectl, "taken", "it could not be made", |status| {
        status["lastRun"]["verdict"] == "Error"
    })?;
    ensure!(
        said(&status, "LastRunPassed") == "False/NameConflict",
        "{status}"
    );
    Ok(())
}
