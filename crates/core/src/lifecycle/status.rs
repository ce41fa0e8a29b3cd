//! The status of a test at each step of its run.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use locust_api::{
    conditions, reasons,
    v2::{LocustTest, LocustTestStatus, Phase, Pin, RunClaim, Verdict, WorkerCounts},
};

use super::{
    Outcome,
    conditions::{Writer, note_end, note_pods},
    finals::judgement,
    numbers::{progress, summary},
};
use crate::{
    report::{Report, RunLine},
    settings::RunSettings,
    threshold::Judgement,
    time::{after, from_unix_millis, whole_seconds},
    view::{ContainerView, PodView},
};

/// The status that claims a run: written before anything is made.
pub fn claimed(test: &LocustTest, claim: RunClaim, now: Timestamp) -> LocustTestStatus {
    let mut status = test.status.clone().unwrap_or_default();
    let desired = test.spec.worker.replicas;
    status.phase = Some(Phase::Pending);
    (status.reason, status.message) = (None, None);
    status.expected_workers = Some(desired);
    status.connected_workers = Some(0);
    status.workers = Some(WorkerCounts {
        text: format!("0/{desired}"),
        desired,
        selector: Some(format!(
            "{}={}",
            locust_api::names::LABEL_POD_NAME,
            claim.worker_name
        )),
        ..WorkerCounts::default()
    });
    status.run = Some(claim);
    status.observed_generation = test.metadata.generation;
    let mut writer = Writer {
        status: &mut status,
        test,
        now,
    };
    writer.remove(conditions::STALLED);
    writer.remove(conditions::QUEUED);
    writer.remove(conditions::RESOLVED_REFS);
    writer.set(
        conditions::READY,
        "False",
        reasons::CREATING,
        "creating ConfigMap, Service and Jobs",
    );
    writer.set(
        conditions::WORKERS_CONNECTED,
        "False",
        reasons::WAITING_FOR_WORKERS,
        &format!("0/{desired} workers connected"),
    );
    writer.set(
        conditions::TEST_COMPLETED,
        "False",
        reasons::IN_PROGRESS,
        "the run is under way",
    );
    writer.set(
        conditions::COMPLETED,
        "False",
        reasons::IN_PROGRESS,
        "the run is under way",
    );
    writer.set(
        conditions::SUCCEEDED,
        "Unknown",
        reasons::IN_PROGRESS,
        "the run is under way",
    );
    writer.set(
        conditions::RECONCILING,
        "True",
        reasons::IN_PROGRESS,
        "the run is under way",
    );
    status
}

/// The number of workers the run is to have: that of the spec when it was looked at last. What the spec says after the
/// load changes nothing any more.
pub fn made_with(status: &LocustTestStatus, test: &LocustTest) -> i32 {
    status.expected_workers.unwrap_or(test.spec.worker.replicas)
}

/// The status of a claimed run that cannot be created yet, and whether this is news.
pub fn blocked(
    test: &LocustTest,
    reason: &str,
    words: &str,
    now: Timestamp,
) -> (LocustTestStatus, bool) {
    let mut status = test.status.clone().unwrap_or_default();
    let mut writer = Writer {
        status: &mut status,
        test,
        now,
    };
    let news = if reason == reasons::CONFIG_MAP_NOT_FOUND {
        writer.set(conditions::RESOLVED_REFS, "False", reason, words)
    } else {
        writer.set(conditions::READY, "False", reason, words)
    };
    (status, news)
}

/// The status of a run whose objects exist: the point of no return.
pub fn created(
    test: &LocustTest,
    master_job_uid: String,
    worker_job_uid: String,
    now: Timestamp,
) -> LocustTestStatus {
    let mut status = test.status.clone().unwrap_or_default();
    if let Some(run) = &mut status.run {
        run.master_job_uid = Some(master_job_uid);
        run.worker_job_uid = Some(worker_job_uid);
    }
    status.expected_workers = Some(test.spec.worker.replicas);
    let mut writer = Writer {
        status: &mut status,
        test,
        now,
    };
    writer.set(
        conditions::RESOLVED_REFS,
        "True",
        reasons::REFS_FOUND,
        "everything the spec names exists",
    );
    writer.set(
        conditions::READY,
        "True",
        reasons::CREATED,
        "ConfigMap, Service and both Jobs exist",
    );
    // What the first look at the run would say: one write less.
    note_pods(&mut status, test, None, now);
    status
}

/// The status of a run that ends without having been created.
pub fn refuse(test: &LocustTest, outcome: Outcome, now: Timestamp) -> LocustTestStatus {
    let mut status = test.status.clone().unwrap_or_default();
    Writer {
        status: &mut status,
        test,
        now,
    }
    .set(
        conditions::READY,
        "False",
        if outcome.verdict == Verdict::Aborted {
            reasons::STOPPED
        } else {
            reasons::CREATE_FAILED
        },
        &outcome.message,
    );
    finish(&mut status, test, outcome, None, now);
    status
}

/// Takes over what Locust says.
pub(super) fn note_report(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    report: &Report,
    now: Timestamp,
) {
    let run = &report.run;
    // A locustfile may say what it likes: a start in the future would put the timeout off.
    let start = run.start.and_then(from_unix_millis);
    if let Some(start) = start.map(|start| Time(start.0.min(now))) {
        status.start_time.get_or_insert(start.clone());
        if let Some(claim) = &mut status.run {
            claim.load_start_time.get_or_insert(start);
        }
        status.phase = status.phase.max(Some(Phase::Running));
    }
    if let (Some(end), Some(claim)) = (run.end.and_then(from_unix_millis), &mut status.run) {
        claim.load_end_time.get_or_insert(end);
    }
    if let Some(seen) = &report.pin {
        let pin = status.pin.get_or_insert_default();
        pin.locust_version.clone_from(&seen.locust);
        pin.python_version.clone_from(&seen.python);
        pin.files.clone_from(&seen.files);
    }
    note_workers(status, test, run);
    status.progress = Some(progress(run, run.cur.rps, run.cur.p95, now));
}

fn note_workers(status: &mut LocustTestStatus, test: &LocustTest, run: &RunLine) {
    let desired = made_with(status, test);
    let workers = status.workers.get_or_insert_default();
    // After the load workers leave, which is no news; how many there were is. Of more some had left on purpose.
    let connected = if run.end.is_some() {
        run.peak_workers.min(desired)
    } else {
        run.workers
    };
    workers.desired = desired;
    workers.connected = connected;
    workers.peak = workers.peak.max(run.peak_workers);
    workers.lost = workers.lost.max(run.lost);
    workers.text = format!("{connected}/{desired}");
    status.connected_workers = Some(connected);
}

/// Whether the new status says more than newer numbers of a run that goes on as it did.
///
/// Numbers alone are written at the pace that was set: the status is not a metrics store.
pub(super) fn is_worth_writing(
    old: &LocustTestStatus,
    new: &LocustTestStatus,
    settings: &RunSettings,
    now: Timestamp,
) -> bool {
    let says = |status: &LocustTestStatus| -> Vec<[String; 4]> {
        let conditions = status.conditions.iter();
        conditions
            .map(|it| {
                // How many pods have a problem, and what it is, is news; how many workers are connected, a number.
                let is_about_pods = it.type_ == conditions::PODS_HEALTHY;
                let words = if is_about_pods {
                    it.message.as_str()
                } else {
                    ""
                };
                [&it.type_, &it.status, &it.reason, words].map(str::to_owned)
            })
            .collect()
    };
    let last = |status: &LocustTestStatus| Some(status.progress.as_ref()?.observed_at.as_ref()?.0);
    let due = match (last(old), last(new)) {
        (None, new) => new.is_some(),
        (Some(old), _) => after(old, settings.progress_interval) <= now,
    };
    let is_scaled = old.expected_workers != new.expected_workers;
    is_scaled
        || old.phase != new.phase
        || says(old) != says(new)
        || (due && old.progress != new.progress)
}

/// Counts worker pods that the kubelet calls ready; unknown to Locust, so it is only shown.
pub(super) fn note_ready_workers<'a>(
    status: &mut LocustTestStatus,
    pods: impl Iterator<Item = &'a PodView>,
) {
    let ready = pods.filter(|pod| pod.is_ready()).count();
    if let Some(workers) = status.workers.as_mut() {
        workers.ready = i32::try_from(ready).unwrap_or(i32::MAX);
    }
}

/// Notes which image really runs.
pub(super) fn note_image(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    container: &ContainerView,
    settings: &RunSettings,
) {
    if container.image_id.is_empty() {
        return;
    }
    let pin = status.pin.get_or_insert_with(Pin::default);
    pin.image = Some(
        test.spec
            .effective_image(&settings.default_image)
            .to_owned(),
    );
    pin.image_id = Some(container.image_id.clone());
}

/// Makes the status terminal.
pub(super) fn finish(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    outcome: Outcome,
    report: Option<&Report>,
    now: Timestamp,
) {
    if let Some(report) = report.filter(|report| report.load_started()) {
        status.summary = Some(summary(report));
        let Judgement {
            thresholds,
            breached: _,
            unjudged: _,
            warnings,
        } = judgement(test, report);
        status.thresholds = thresholds;
        status.warnings = i32::try_from(warnings).ok().filter(|count| *count > 0);
        status.progress = Some(progress(&report.run, report.run.rps, report.run.p95, now));
    }
    let load_end = status
        .run
        .as_ref()
        .and_then(|run| run.load_end_time.clone());
    status.completion_time = Some(load_end.unwrap_or_else(|| whole_seconds(now)));
    note_outcome(status, test, outcome, now);
}

/// Notes how the run ended, in place of what was noted before.
pub(super) fn note_outcome(
    status: &mut LocustTestStatus,
    test: &LocustTest,
    outcome: Outcome,
    now: Timestamp,
) {
    note_end(&mut Writer { status, test, now }, &outcome);
    let Outcome {
        phase,
        verdict,
        reason,
        message,
    } = outcome;
    status.phase = Some(phase);
    status.verdict = Some(verdict);
    status.reason = Some(reason);
    status.message = Some(message);
}
