//! What users and clusters make of a run: pods that never get to Locust, masters that are slow or stay up.

use super::*;

#[test]
fn a_master_that_still_loads_files_makes_no_load() {
    let (master, pod) = (job(json!([])), running());
    let look = |second| {
        look(
            &simple(),
            second,
            Job::Found(&master),
            &[&pod],
            Live::Closed,
        )
    };
    let slow = look(60);
    assert_eq!(slow.status.phase, Some(Phase::Pending));
    assert_eq!(
        condition(&slow.status, conditions::WORKERS_CONNECTED),
        ("Unknown", "MasterUnreachable")
    );
    assert_eq!(slow.news, []);
    // Without the plugin the port stays closed, and Locust has given up or makes load.
    let late = look(310);
    assert_eq!(late.status.phase, Some(Phase::Running));
    assert_eq!(
        late.news,
        [News::Running(
            "the master runs and cannot be asked whether load does".to_owned()
        )]
    );
}

#[test]
fn an_init_container_that_fails_ends_the_run_at_once() {
    let failed =
        json!({"terminated": {"exitCode": 1, "reason": "Error", "message": "no such table"}});
    let mut pod = pod("master", json!({"waiting": {"reason": "PodInitializing"}}));
    pod.status.phase = "Failed".to_owned();
    pod.status.init_container_statuses =
        serde_json::from_value(json!([{"name": "mesh-init", "state": failed}])).unwrap();
    let (phase, verdict, reason, message) = verdict(&simple(), &pod);
    assert_eq!(
        (phase, verdict, reason.as_str()),
        (Phase::Failed, Verdict::Error, "InitializationError")
    );
    assert!(message.contains("no such table"), "{message}");
}

#[test]
fn what_did_not_fit_into_a_report_is_counted() {
    let endpoint =
        r#"{"k":"ep","m":"GET","name":"/","n":31,"f":0,"rps":1.5,"avg":2.0,"p95":5,"p99":16}"#;
    let omitted = |lines: usize, cut: usize| {
        let mut text = line(json!({"eps": 100, "errs": 1}));
        text += &format!("\n{endpoint}").repeat(lines);
        text.truncate(text.len() - cut);
        let ended = ended(0, "Completed", &text);
        let (test, master) = (simple(), job(json!([])));
        let summary = look(&test, 60, Job::Found(&master), &[&ended], Live::NotAsked)
            .status
            .summary
            .unwrap();
        (
            summary.endpoints.len(),
            summary.endpoints_omitted,
            summary.errors_omitted,
        )
    };
    assert_eq!(omitted(7, 0), (7, 93, 1));
    assert_eq!(
        omitted(7, 10),
        (6, 94, 1),
        "the kubelet cut the message in the last line"
    );
    assert_eq!(omitted(30, 0), (20, 80, 1), "a status has twenty at most");
}

#[test]
fn a_master_kept_up_after_its_load_is_judged_by_it_at_the_timeout() {
    let test = created_test(json!({"worker": {"replicas": 3}, "timeout": "1m"}));
    let (master, pod) = (job(json!([])), running());
    let at_the_timeout = |fields: Value| {
        let report = report(fields);
        look(
            &test,
            70,
            Job::Found(&master),
            &[&pod],
            Live::Report(&report),
        )
        .status
    };
    let over = json!({"final": false, "exit": null, "exitBy": null});
    let passed = at_the_timeout(over.clone());
    assert_eq!(
        (passed.verdict, passed.reason.as_deref()),
        (Some(Verdict::Passed), Some("AllPassed"))
    );
    assert!(passed.summary.unwrap().is_final);
    let with = |key: &str, value: Value| {
        let mut fields = over.clone();
        fields[key] = value;
        at_the_timeout(fields).reason
    };
    assert_eq!(with("f", json!(7)).as_deref(), Some("RequestsFailed"));
    let stopped = with("reason", json!("StoppedEarly"));
    assert_eq!(stopped.as_deref(), Some("StoppedEarly"));
    let still_stopping = with("state", json!("stopping"));
    assert_eq!(still_stopping.as_deref(), Some("Timeout"));
}
