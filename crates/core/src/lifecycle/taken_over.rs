//! Runs that the published operator started: watched to their end, and never made again.
//!
//! They have no plugin, so all that is known of them is how their Locust ended.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::{
    conditions,
    names::LABEL_RUN_ID,
    reasons,
    v2::{LocustTest, LocustTestStatus, Phase, Verdict},
};

use super::{
    Decision, Job, News, Outcome, Stop, conditions::Writer, ending, finished_note, status, stop,
};
use crate::{
    claim::{self, Naming},
    time::whole_seconds,
    view::{JobView, PodView, TerminatedView},
};

/// What the published operators put on tests, the second one until version 1. They hold a deleted test until an
/// operator that is gone lets go of it.
pub(crate) const FINALIZERS: [&str; 2] = ["locust.io/cleanup", "locusttests.locust.io/finalizer"];
/// Jobs of the published version 1 have no owner, so that no change of them brings the test back.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(10);

/// The finalizers that stay, if a published operator left one that does not.
pub fn finalizers_left(metadata: &ObjectMeta) -> Option<Vec<String>> {
    let all = metadata.finalizers.as_ref()?;
    let left: Vec<String> = all
        .iter()
        .filter(|name| !FINALIZERS.contains(&name.as_str()))
        .cloned()
        .collect();
    (left.len() < all.len()).then_some(left)
}

/// Whether an unclaimed test has run, or runs, by another operator's hand. `master` is the Job of the published name.
///
/// Version 1 wrote no status: its finalizer tells that it has seen the test, and it started all it saw.
pub fn was_started(test: &LocustTest, master: Option<&JobView>) -> bool {
    let status = test.status.as_ref();
    let says_so = status
        .is_some_and(|status| status.phase == Some(Phase::Running) || status.start_time.is_some());
    let finalizers = test.metadata.finalizers.iter().flatten();
    let seen_by_version_1 = finalizers.into_iter().any(|name| name == FINALIZERS[1]);
    says_so || seen_by_version_1 || master.is_some_and(|job| owns(test, job))
}

/// Whether the test is an owner of the Job.
pub fn owns(test: &LocustTest, job: &JobView) -> bool {
    is_owner(test, &job.metadata)
}

fn is_owner(test: &LocustTest, object: &ObjectMeta) -> bool {
    let mut owners = object.owner_references.iter().flatten();
    owners.any(|owner| Some(&owner.uid) == test.metadata.uid.as_ref())
}

/// Whether the test owns the Job with this metadata, and it was not made here.
pub fn was_made_by_another(test: &LocustTest, job: &ObjectMeta) -> bool {
    let labels = job.labels.as_ref();
    is_owner(test, job) && labels.is_none_or(|labels| !labels.contains_key(LABEL_RUN_ID))
}

/// What to do about a Job of a test that another operator called over, and whose run was never taken over.
///
/// It calls a test failed and lets its Jobs go on: pods that could not be scheduled for a while load once they can. A test
/// that is over makes no load.
pub fn stop_left_over(test: &LocustTest, job: &JobView) -> Stop {
    let status = test.status.as_ref();
    let is_over = status
        .is_some_and(|status| status.run.is_none() && status.phase.is_some_and(Phase::is_terminal));
    let is_going = job.metadata.deletion_timestamp.is_some();
    if is_over && owns(test, job) && !is_going && !stop::needs_nothing(job) {
        Stop::Now
    } else {
        Stop::Nothing
    }
}

/// The claim of a run that exists already. Without its master's Job the run is over, and nobody knows how it ended.
pub fn take_over(
    test: &LocustTest,
    master: Option<&JobView>,
    worker: Option<&JobView>,
    now: Timestamp,
) -> Decision {
    let mut run = claim::claim(&test.metadata, &test.spec, Naming::Published, now);
    let name = test.metadata.name.as_deref().unwrap_or_default();
    (run.master_name, run.worker_name) = claim::published_names(name);
    run.service_name.clone_from(&run.master_name);
    run.taken_over = true;
    run.master_job_uid = master.and_then(|job| job.metadata.uid.clone());
    run.worker_job_uid = worker.and_then(|job| job.metadata.uid.clone());
    let mut status = status::claimed(test, run, now);
    // Nobody has counted them; the published numbers were pods.
    (status.workers, status.connected_workers) = (None, None);
    let mut writer = Writer {
        status: &mut status,
        test,
        now,
    };
    writer.remove(conditions::SPEC_DRIFTED);
    writer.set(
        conditions::RESULTS_AVAILABLE,
        "False",
        reasons::EXIT_CODE_ONLY,
        "the published operator started this run: how Locust ends is all there will be",
    );
    let Some(master) = master else {
        let outcome = Outcome::error(
            reasons::RESULT_LOST,
            "the published operator ran this test, and its Job is gone; the result is not known. Create the test again to run it",
        );
        return ended(status, test, outcome, now);
    };
    writer.set(
        conditions::READY,
        "True",
        reasons::CREATED,
        "the published operator created the run's objects",
    );
    writer.set(
        conditions::WORKERS_CONNECTED,
        "Unknown",
        reasons::EXIT_CODE_ONLY,
        "Locust of this run cannot be asked",
    );
    status.phase = Some(Phase::Running);
    let began = master.status.start_time.clone();
    status
        .start_time
        .get_or_insert_with(|| began.unwrap_or_else(|| whole_seconds(now)));
    Decision {
        status,
        news: vec![News::TakenOver],
        stop: None,
        scale: None,
        look_again: LOOK_AGAIN,
    }
}

/// The status that follows from what there is of a run that was taken over.
pub fn observe(test: &LocustTest, master: Job<'_>, pods: &[&PodView], now: Timestamp) -> Decision {
    let status = test.status.clone().unwrap_or_default();
    // Nobody can be asked to end it in good order.
    let stopped = test.spec.is_stopped().then(|| {
        Outcome::aborted(
            "stopped; the published operator started this run, so there are no numbers",
        )
    });
    match outcome_of(master, pods).or(stopped) {
        Some(outcome) => ended(status, test, outcome, now),
        None => Decision {
            status,
            news: Vec::new(),
            stop: None,
            scale: None,
            look_again: LOOK_AGAIN,
        },
    }
}

fn ended(
    mut status: LocustTestStatus,
    test: &LocustTest,
    outcome: Outcome,
    now: Timestamp,
) -> Decision {
    let news = News::Finished {
        verdict: outcome.verdict,
        note: finished_note(&outcome, None),
    };
    status::finish(&mut status, test, outcome, None, now);
    Writer {
        status: &mut status,
        test,
        now,
    }
    .set(
        conditions::WORKERS_CONNECTED,
        "False",
        reasons::TEST_ENDED,
        "the run has ended; its workers could not be counted",
    );
    Decision {
        status,
        news: vec![news],
        stop: None,
        scale: None,
        look_again: LOOK_AGAIN,
    }
}

/// How the run ended, if it has. The published metrics exporter may outlive Locust in its pod, and then the Job does
/// not end.
fn outcome_of(master: Job<'_>, pods: &[&PodView]) -> Option<Outcome> {
    let job = match master {
        Job::Found(job) => job,
        Job::Gone => {
            return Some(ending::of_vanished_master(
                true,
                "the master's Job was deleted",
            ));
        }
    };
    if let Some(ended) = pods.iter().find_map(|pod| locust_ended(pod)) {
        return Some(of_exit_code(ended.exit_code));
    }
    let end = job.finished()?;
    Some(if end.kind == "Complete" {
        of_exit_code(0)
    } else {
        let words = end.message.as_deref().unwrap_or("it gives no reason");
        exit_code_only(false, format!("the master's Job failed: {words}"))
    })
}

fn locust_ended(pod: &PodView) -> Option<&TerminatedView> {
    pod.locust()?.state.terminated.as_ref()
}

fn of_exit_code(code: i32) -> Outcome {
    exit_code_only(code == 0, format!("Locust ended with exit code {code}"))
}

fn exit_code_only(passed: bool, words: String) -> Outcome {
    let (phase, verdict) = if passed {
        (Phase::Succeeded, Verdict::Passed)
    } else {
        (Phase::Failed, Verdict::Failed)
    };
    Outcome {
        phase,
        verdict,
        reason: reasons::EXIT_CODE_ONLY.to_owned(),
        message: format!(
            "{words}; the published operator started this run, so there are no numbers"
        ),
    }
}
