//! What is left of a run that is over.

use super::*;

fn ended_status(verdict: Verdict, reason: &str) -> v2::LocustTestStatus {
    v2::LocustTestStatus {
        verdict: Some(verdict),
        reason: Some(reason.to_owned()),
        completion_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0))),
        ..Default::default()
    }
}

fn ours() -> v2::RunClaim {
    simple().status.unwrap().run.unwrap()
}

#[test]
fn workers_leave_by_themselves_when_locust_ended_the_load() {
    let spec = v2::LocustTestSpec::with_workers(1);
    let workers = job(json!([]));
    let stop = |verdict, reason, now| {
        stop_workers(&ended_status(verdict, reason), &spec, &workers, at(now))
    };
    for (verdict, reason) in [
        (Verdict::Passed, reasons::PASSED),
        (Verdict::Failed, reasons::REQUESTS_FAILED),
        (Verdict::Inconclusive, reasons::STOPPED_EARLY),
        (Verdict::Inconclusive, reasons::NO_REQUESTS),
    ] {
        let soon = stop(verdict, reason, 5);
        assert!(matches!(soon, Stop::Later(_)), "{reason}: {soon:?}");
        assert_eq!(stop(verdict, reason, 20), Stop::Now, "{reason}");
    }
    for (verdict, reason) in [
        (Verdict::Error, reasons::START_DEADLINE),
        (Verdict::Inconclusive, reasons::TIMEOUT),
        (Verdict::Inconclusive, reasons::MASTER_LOST),
        (Verdict::Inconclusive, reasons::WORKERS_LOST),
    ] {
        assert_eq!(stop(verdict, reason, 5), Stop::Now, "{reason}");
    }
}

#[test]
fn a_job_that_is_over_or_was_told_is_left_alone() {
    let spec = v2::LocustTestSpec::with_workers(1);
    let status = ended_status(Verdict::Error, reasons::START_DEADLINE);
    let mut told = job(json!([]));
    told.spec.active_deadline_seconds = Some(1);
    let done = job(json!([{"type": "Complete", "status": "True"}]));
    for job in [told, done] {
        assert_eq!(stop_workers(&status, &spec, &job, at(5)), Stop::Nothing);
        assert_eq!(
            stop_master(&v2::LocustTestStatus::default(), &ours(), &job, &[], at(5)),
            Stop::Nothing
        );
    }
}

#[test]
fn the_log_of_a_master_that_was_taken_over_is_kept() {
    let mut run = ours();
    run.taken_over = true;
    let pod = ended(0, "Completed", "");
    let stop = stop_master(
        &v2::LocustTestStatus::default(),
        &run,
        &job(json!([])),
        &[&pod],
        at(100),
    );
    assert_eq!(stop, Stop::Nothing, "the metrics exporter does not end");
}

#[test]
fn the_log_of_a_master_that_ended_is_kept() {
    let master = job(json!([]));
    let mut pod = ended(3, "Error", "");
    // It ended at second 50; the kubelet calls the pod running a moment longer.
    assert_eq!(
        stop_master(
            &v2::LocustTestStatus::default(),
            &ours(),
            &master,
            &[&pod],
            at(51)
        ),
        Stop::Later(std::time::Duration::from_secs(19))
    );
    assert_eq!(
        stop_master(
            &v2::LocustTestStatus::default(),
            &ours(),
            &master,
            &[&pod],
            at(70)
        ),
        Stop::Now,
        "another container does not end"
    );
    pod.status.phase = "Failed".to_owned();
    assert_eq!(
        stop_master(
            &v2::LocustTestStatus::default(),
            &ours(),
            &master,
            &[&pod],
            at(70)
        ),
        Stop::Nothing
    );
    assert_eq!(
        stop_master(
            &v2::LocustTestStatus::default(),
            &ours(),
            &master,
            &[&running()],
            at(51)
        ),
        Stop::Now
    );
    assert_eq!(
        stop_master(
            &v2::LocustTestStatus::default(),
            &ours(),
            &master,
            &[],
            at(51)
        ),
        Stop::Now
    );
}

#[test]
fn a_job_gets_its_end_only_after_verdict_and_end() {
    let mut judged = ended_status(Verdict::Passed, reasons::PASSED);
    judged.phase = Some(v2::Phase::Succeeded);
    let mut running = judged.clone();
    running.phase = Some(v2::Phase::Running);
    let mut unjudged = judged.clone();
    unjudged.verdict = None;
    let complete = job(json!([{"type": "Complete", "status": "True"}]));
    let failed = job(json!([{"type": "Failed", "status": "True"}]));
    let active = job(json!([]));
    let mut told = complete.clone();
    told.spec.ttl_seconds_after_finished = Some(7);
    for (case, status, job, setting, expected) in [
        ("complete", &judged, &complete, Some(0), Some(0)),
        ("failed", &judged, &failed, Some(60), Some(60)),
        ("no setting", &judged, &complete, None, None),
        ("pods still there", &judged, &active, Some(60), None),
        ("told already", &judged, &told, Some(60), None),
        ("still running", &running, &complete, Some(60), None),
        ("no verdict", &unjudged, &complete, Some(60), None),
    ] {
        let spec = v2::LocustTestSpec::with_workers(1);
        assert_eq!(job_ttl(&spec, status, job, setting), expected, "{case}");
    }
}
