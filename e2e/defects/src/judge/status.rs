//! What a test's object and status say: A10-1 to A10-5, A10-11, A10-22.

use serde_json::Value;

use crate::faults::{Faults, check_forward, condition, is_over, items, texts};

/// `sent`, `stored`: a test that nobody edited, as it was sent and as it is stored at the end of its run.
pub(crate) fn drift_without_an_edit(state: &Value, faults: &mut Faults) {
    let stored = &state["stored"];
    let generation = &stored["metadata"]["generation"];
    faults.unless(*generation == 1, || {
        format!("generation {generation} of a test that nobody edited")
    });
    check_spec(state, faults);
    check_no_drift(&stored["status"], faults);
}

/// `sent`, `stored`: a test with values that equal "nothing" in Go.
pub(crate) fn rewritten_spec(state: &Value, faults: &mut Faults) {
    check_spec(state, faults);
}

/// Every value that was sent is stored as it was.
fn check_spec(state: &Value, faults: &mut Faults) {
    let sent = &state["sent"]["spec"];
    faults.unless(sent.is_object(), || "nothing was sent".to_owned());
    compare("spec", sent, &state["stored"]["spec"], faults);
}

fn compare(path: &str, sent: &Value, stored: &Value, faults: &mut Faults) {
    match (sent, stored) {
        (Value::Object(sent), Value::Object(stored)) => {
            for (name, value) in stored {
                let sent = sent.get(name).unwrap_or(&Value::Null);
                compare(&format!("{path}.{name}"), sent, value, faults);
            }
            for (name, value) in sent.iter().filter(|(name, _)| !stored.contains_key(*name)) {
                compare(&format!("{path}.{name}"), value, &Value::Null, faults);
            }
        }
        (Value::Array(sent), Value::Array(stored)) if sent.len() == stored.len() => {
            for (index, (sent, stored)) in sent.iter().zip(stored).enumerate() {
                compare(&format!("{path}[{index}]"), sent, stored, faults);
            }
        }
        _ => faults.unless(sent == stored, || {
            format!("{path} was {sent} and is {stored}")
        }),
    }
}

fn check_no_drift(status: &Value, faults: &mut Faults) {
    faults.unless(status["phase"].is_string(), || "no status".to_owned());
    let drifted = condition(status, "SpecDrifted");
    faults.unless(drifted["status"] != "True", || {
        format!("SpecDrifted is True: {}", drifted["message"])
    });
}

/// `pods`, `status`: while no pod runs; `over`: the status after the end.
pub(crate) fn invented_workers(state: &Value, faults: &mut Faults) {
    let pods = items(&state["pods"]);
    let waiting = pods.iter().all(|pod| pod["phase"] == "Pending");
    faults.unless(waiting && !pods.is_empty(), || {
        "no pods that all wait".to_owned()
    });
    let status = &state["status"];
    let (phase, connected) = (&status["phase"], &status["connectedWorkers"]);
    faults.unless(phase == "Pending", || {
        format!("phase {phase} while no pod runs")
    });
    faults.unless(status["startTime"].is_null(), || {
        "startTime is set while no pod runs".to_owned()
    });
    faults.unless(*connected == 0, || {
        format!("connectedWorkers is {connected} while no pod runs")
    });
    for (when, status) in [
        ("while no pod runs", status),
        ("after the end", &state["over"]),
    ] {
        let found = condition(status, "WorkersConnected");
        faults.unless(found["status"] == "False", || {
            format!(
                "WorkersConnected is {} {when}",
                found["status"].as_str().unwrap_or("missing")
            )
        });
    }
    faults.unless(is_over(&state["over"]["phase"]), || "no end".to_owned());
}

/// `seconds` in which no pod could be made, `statusWrites` and `phases` in them, and all that users were `told`.
pub(crate) fn hot_loop(state: &Value, faults: &mut Faults) {
    let seconds = state["seconds"].as_u64().unwrap_or(0);
    let writes = state["statusWrites"].as_u64().unwrap_or(u64::MAX);
    faults.unless(seconds >= 10, || "not looked at for long".to_owned());
    faults.unless(writes > 0 && writes < seconds, || {
        format!("{writes} writes of the status in {seconds} s")
    });
    check_forward(&state["phases"], faults);
    let told = texts(&state["told"]);
    faults.unless(
        told.iter().any(|words| words.contains("exceeded quota")),
        || format!("the quota is not told of, but {told:?}"),
    );
}

/// `phases` of a run that ended, in the order in which they were stored.
pub(crate) fn flapping_phases(state: &Value, faults: &mut Faults) {
    check_forward(&state["phases"], faults);
    let last = items(&state["phases"]).last().unwrap_or(&Value::Null);
    faults.unless(is_over(last), || format!("it ends {last}"));
}

/// `cases`: tests whose Jobs the API server refuses if they are made as they are written; of each the `jobs` that were made
/// and the `status`.
pub(crate) fn silent_refusal(state: &Value, faults: &mut Faults) {
    let cases = items(&state["cases"]);
    faults.unless(cases.len() >= 3, || "no cases".to_owned());
    for case in cases {
        let ready = condition(&case["status"], "Ready");
        let words = ready["message"].as_str().unwrap_or_default();
        let reason = &ready["reason"];
        let told = ready["status"] == "False"
            && (reason == "ResourcesFailed" || reason == "InvalidSpec")
            && !words.is_empty();
        faults.unless(items(&case["jobs"]).len() == 2 || told, || {
            format!("{}: no Jobs, and {reason} {words:?}", case["what"])
        });
    }
}

/// `edit`: whether a change of a started test was `accepted`, and what was `said`; `applied`: the generation that runs;
/// `stored`: the test after the change was taken back and the master's Job was deleted; `madeThen`: what was made after
/// that.
pub(crate) fn ignored_edit(state: &Value, faults: &mut Faults) {
    let (edit, stored) = (&state["edit"], &state["stored"]);
    let refused = edit["accepted"] == false && edit["said"].is_string();
    faults.unless(refused, || {
        "a change that has no effect is accepted".to_owned()
    });
    let (observed, applied) = (&stored["status"]["observedGeneration"], &state["applied"]);
    faults.unless(observed == applied && applied.is_u64(), || {
        format!("observedGeneration is {observed}, and {applied} runs")
    });
    check_no_drift(&stored["status"], faults);
    let made = items(&state["madeThen"]);
    faults.unless(made.is_empty() && state["madeThen"].is_array(), || {
        format!("made again: {made:?}")
    });
}
