//! What becomes of runs: A10-6, A10-7, A10-9, A10-10, A10-20, A10-21, A10-23.

use serde_json::Value;

use crate::faults::{Faults, condition, is_over, items, texts};

/// `runs`: of each what happened (`what`), how often its master's Job was made, and the `phase` at the end.
pub(crate) fn second_run(state: &Value, faults: &mut Faults) {
    let runs = items(&state["runs"]);
    for what in ["its Jobs expired while the operator was away", "TTL 0"] {
        let seen = runs.iter().any(|run| run["what"] == what);
        faults.unless(seen, || format!("no run of which {what:?}"));
    }
    for run in runs {
        let (what, made) = (&run["what"], &run["mastersMade"]);
        faults.unless(*made == 1, || {
            format!("{what}: its master was made {made} times")
        });
        faults.unless(is_over(&run["phase"]), || {
            format!("{what}: phase {}", run["phase"])
        });
    }
}

/// `status`, `jobs`, `pods` of a test that failed because its pods could not be scheduled.
pub(crate) fn load_after_the_end(state: &Value, faults: &mut Faults) {
    let jobs = items(&state["jobs"]);
    faults.unless(state["status"]["phase"] == "Failed", || {
        "it has not failed".to_owned()
    });
    faults.unless(jobs.len() == 2, || "not both Jobs".to_owned());
    for job in jobs {
        let ended = ["Complete", "Failed"]
            .iter()
            .any(|kind| condition(&job["status"], kind)["status"] == "True");
        faults.unless(ended, || format!("Job {} goes on", job["metadata"]["name"]));
    }
    let pods = items(&state["pods"])
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    for pod in pods {
        faults.unless(is_over(&pod["status"]["phase"]), || {
            format!("pod {} is left", pod["metadata"]["name"])
        });
    }
}

/// An operator with a Role only: whether it is `ready` and what it `said`, what it was `refused`, and the `verdict` of a test
/// in its namespace.
pub(crate) fn namespaced_install(state: &Value, faults: &mut Faults) {
    faults.unless(state["ready"] == true, || {
        format!("it is not ready: {}", state["said"])
    });
    let refused = texts(&state["refused"]);
    faults.unless(refused.is_empty() && state["refused"].is_array(), || {
        format!("it asks for what it may not: {refused:?}")
    });
    faults.unless(state["verdict"].is_string(), || "no verdict".to_owned());
}

/// `tests` with the `master` each names as its own, and `jobs` with their `owner`.
pub(crate) fn shared_jobs(state: &Value, faults: &mut Faults) {
    let tests = items(&state["tests"]);
    faults.unless(tests.len() == 2, || "not two tests".to_owned());
    for test in tests {
        let (name, master) = (&test["name"], &test["master"]);
        let job = items(&state["jobs"])
            .iter()
            .find(|job| job["name"] == *master && master.is_string());
        let owner = job.map_or(&Value::Null, |job| &job["owner"]);
        faults.unless(owner == name, || {
            format!("the master of {name} is {master}, which belongs to {owner}")
        });
    }
}

/// `job` of the workers after one pod was lost in the middle, and the names of the `others` before and of what is `left`.
pub(crate) fn lost_worker(state: &Value, faults: &mut Faults) {
    let job = &state["job"];
    let failed = condition(&job["status"], "Failed");
    faults.unless(
        failed["status"] != "True" && job["status"].is_object(),
        || format!("the Job of the workers failed: {}", failed["reason"]),
    );
    let (others, left) = (texts(&state["others"]), texts(&state["left"]));
    let gone: Vec<_> = others.iter().filter(|name| !left.contains(name)).collect();
    faults.unless(gone.is_empty() && !others.is_empty(), || {
        format!("workers that were well are gone: {gone:?}")
    });
    let (active, wanted) = (&job["status"]["active"], &job["spec"]["parallelism"]);
    faults.unless(active == wanted && wanted.is_u64(), || {
        format!("{active} workers, and {wanted} are wanted")
    });
}

/// A test whose workers do not come: `masterArgs`, and its `status` so many `seconds` after it was created.
pub(crate) fn endless_wait(state: &Value, faults: &mut Faults) {
    let limited = texts(&state["masterArgs"])
        .iter()
        .any(|argument| argument.starts_with("--expect-workers-max-wait"));
    faults.unless(limited, || "the master waits for ever".to_owned());
    let status = &state["status"];
    faults.unless(is_over(&status["phase"]), || {
        format!("phase {} after {} s", status["phase"], state["seconds"])
    });
    faults.unless(status["reason"].is_string(), || {
        "nothing says that no worker came".to_owned()
    });
}

/// A test that ended long ago: whether a test can say itself how long it stays (`ownRetention`), and what is `left` of it.
pub(crate) fn left_for_ever(state: &Value, faults: &mut Faults) {
    faults.unless(state["ownRetention"] == true, || {
        "a test cannot say how long it stays".to_owned()
    });
    let left = texts(&state["left"]);
    faults.unless(left.is_empty() && state["left"].is_array(), || {
        format!("left for ever: {left:?}")
    });
}
