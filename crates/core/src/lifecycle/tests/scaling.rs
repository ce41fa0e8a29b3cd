//! Runs whose number of workers somebody changes.

use super::*;

fn wants(test: &LocustTest, workers: i32) -> LocustTest {
    let mut test = test.clone();
    test.spec.worker.replicas = workers;
    test
}

fn workers(parallelism: i32, conditions: Value) -> JobView {
    serde_json::from_value(json!({
        "metadata": {"name": "demo-worker", "namespace": "ns", "uid": "uid-w"},
        "spec": {"parallelism": parallelism}, "status": {"active": 3, "conditions": conditions},
    }))
    .unwrap()
}

fn seen(
    test: &LocustTest,
    worker: Option<&JobView>,
    pods: &[&PodView],
    live: Live<'_>,
) -> Decision {
    let master = job(json!([]));
    look_with(
        test,
        &Observed {
            now: at(20),
            master: Job::Found(&master),
            worker,
            pods,
            refused: None,
            live,
        },
    )
}

fn loading_with(wanted: i32) -> Report {
    report(
        json!({"final": false, "state": "running", "reason": null, "end": null, "users": 30, "wanted": wanted}),
    )
}

#[test]
fn master_and_job_are_told_until_both_know() {
    let pod = running();
    let (three, six) = (workers(3, json!([])), workers(6, json!([])));
    let tell = || Some("10.0.0.1".to_owned());
    for (job, expected, scale) in [
        (&three, 3, Some((tell(), true))),
        (&six, 3, Some((tell(), false))),
        (&three, 6, Some((None, true))),
        (&six, 6, None),
    ] {
        let report = loading_with(expected);
        let decision = seen(
            &wants(&simple(), 6),
            Some(job),
            &[&pod],
            Live::Report(&report),
        );
        let scale = scale.map(|(tell, job)| Scale {
            workers: 6,
            tell,
            job,
        });
        assert_eq!(
            decision.scale, scale,
            "{expected} {:?}",
            job.spec.parallelism
        );
    }
}

#[test]
fn a_change_is_told_once_and_marks_a_run_that_loads() {
    let pod = running();
    let (job, report) = (workers(3, json!([])), loading_with(3));
    let first = seen(
        &wants(&simple(), 6),
        Some(&job),
        &[&pod],
        Live::Report(&report),
    );
    assert!(
        first
            .news
            .contains(&News::Scaled(Scaled { from: 3, to: 6 }))
    );
    let counts = first.status.workers.clone().unwrap();
    assert_eq!((counts.desired, counts.scaled), (6, Some(true)));
    assert_eq!(counts.text, "3/6");
    assert_eq!(first.status.expected_workers, Some(6));
    let mut test = wants(&simple(), 6);
    test.status = Some(first.status);
    let again = seen(&test, Some(&job), &[&pod], Live::Report(&report));
    assert!(
        !again
            .news
            .iter()
            .any(|item| matches!(item, News::Scaled(_)))
    );
    assert!(again.scale.is_some(), "until it has happened");
}

#[test]
fn before_the_load_it_is_another_size_and_no_mark() {
    let job = workers(3, json!([]));
    let decision = seen(&wants(&simple(), 2), Some(&job), &[], Live::NotAsked);
    assert_eq!(
        decision.scale,
        Some(Scale {
            workers: 2,
            tell: None,
            job: true
        })
    );
    let counts = decision.status.workers.unwrap();
    assert_eq!((counts.desired, counts.scaled), (2, None));
}

#[test]
fn after_the_load_nothing_is_scaled() {
    let pod = running();
    let job = workers(3, json!([]));
    let over = report(json!({"final": false, "wanted": 3}));
    let decision = seen(
        &wants(&simple(), 6),
        Some(&job),
        &[&pod],
        Live::Report(&over),
    );
    assert_eq!(
        (decision.scale, decision.status.expected_workers),
        (None, Some(3))
    );

    let complete = workers(3, json!([{"type": "Complete", "status": "True"}]));
    let report = loading_with(3);
    let decision = seen(
        &wants(&simple(), 6),
        Some(&complete),
        &[&pod],
        Live::Report(&report),
    );
    assert_eq!(decision.scale.and_then(|scale| scale.tell), None);

    let mut stopped = wants(&simple(), 6);
    stopped.spec.stop = Some(true);
    let decision = seen(&stopped, Some(&job), &[&pod], Live::Report(&report));
    assert_eq!(decision.scale, None);
}
