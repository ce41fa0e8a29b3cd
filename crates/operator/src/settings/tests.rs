use super::*;
use locust_core::settings::NetworkPolicySettings;

fn check(flags: &[&str]) -> Result<Settings, WrongSettings> {
    Args::try_parse_from(std::iter::once("locust-operator").chain(flags.iter().copied()))
        .unwrap()
        .check()
}

#[test]
fn defaults_hold() {
    let settings = check(&[]).unwrap();
    assert_eq!(settings.watch_namespace, None);
    assert_eq!(settings.runs.default_timeout, None);
    assert_eq!(settings.runs.run_as_user, Some(1000));
    let limits = settings.runs.worker_resources.limits.unwrap();
    assert_eq!(limits["memory"].0, "1024Mi");
}

#[test]
fn an_empty_value_is_the_default() {
    let settings = check(&["--start-deadline=", "--pod-cpu-limit=", "--run-as-user="]).unwrap();
    assert_eq!(settings.runs.start_deadline, Duration::from_secs(300));
    assert_eq!(
        settings.runs.worker_resources.limits.unwrap()["cpu"].0,
        "1000m"
    );
    assert_eq!(settings.runs.run_as_user, None);
}

#[test]
fn all_wrong_settings_are_listed_at_once() {
    let wrong = check(&[
        "--listen-address=here",
        "--start-deadline=5 minutes",
        "--security-profile=Loose",
        "--run-as-user=locust",
        "--worker-pod-cpu-limit=lots",
        "--leader-elect=maybe",
        "--max-running-per-namespace=0",
        "--suspend-new=perhaps",
    ])
    .unwrap_err()
    .to_string();
    for flag in [
        "listen-address",
        "start-deadline",
        "security-profile",
        "run-as-user",
        "worker-pod-cpu-limit",
        "leader-elect",
        "max-running-per-namespace",
        "suspend-new",
    ] {
        assert!(wrong.contains(&format!("--{flag}")), "{wrong}");
    }
    assert!(
        wrong.starts_with("locust-operator: 8 wrong setting(s)"),
        "{wrong}"
    );
}

#[test]
fn tests_start_at_once_unless_told_otherwise() {
    let runs = check(&[]).unwrap().runs;
    assert_eq!((runs.max_running, runs.suspend_new), (None, false));
    let runs = check(&["--max-running-per-namespace=3", "--suspend-new"])
        .unwrap()
        .runs;
    assert_eq!(
        (
            runs.max_running.map(std::num::NonZero::get),
            runs.suspend_new
        ),
        (Some(3), true)
    );
}

#[test]
fn a_roles_resources_win_and_none_removes() {
    let settings = check(&[
        "--pod-cpu-limit=none",
        "--worker-pod-cpu-limit=2",
        "--master-pod-mem-request=1Gi",
    ])
    .unwrap();
    assert_eq!(settings.runs.worker_resources.limits.unwrap()["cpu"].0, "2");
    assert!(
        !settings
            .runs
            .master_resources
            .limits
            .unwrap()
            .contains_key("cpu")
    );
    assert_eq!(
        settings.runs.master_resources.requests.unwrap()["memory"].0,
        "1Gi"
    );
}

#[test]
fn the_published_defaults_hold() {
    let runs = check(&[]).unwrap().runs;
    assert!(runs.scheduling.affinity && runs.scheduling.tolerations);
    assert_eq!(
        (runs.job_ttl_seconds, runs.kafka, runs.exporter),
        (None, None, None)
    );
}

#[test]
fn the_exporter_has_published_resources_and_a_port_of_its_own() {
    let exporter = check(&[
        "--metrics-exporter-enabled=True",
        "--metrics-exporter-cpu-limit=none",
    ]);
    let exporter = exporter.unwrap().runs.exporter.unwrap();
    assert_eq!(exporter.port, 9647);
    let limits = exporter.resources.limits.unwrap();
    assert_eq!(
        (limits["memory"].0.as_str(), limits.get("cpu")),
        ("128Mi", None)
    );
}

#[test]
fn kafka_is_on_with_servers_and_has_a_login_with_a_secret() {
    let kafka = |flags: &[&str]| check(flags).unwrap().runs.kafka;
    assert_eq!(kafka(&["--kafka-secret-name=login"]), None);
    let open = kafka(&["--kafka-bootstrap-servers=k:9092"]).unwrap();
    assert_eq!(open.security, None);
    let secured = kafka(&[
        "--kafka-bootstrap-servers=k:9092",
        "--kafka-security-enabled=1",
        "--kafka-secret-name=login",
        "--kafka-secret-username-key=",
    ]);
    let secret = secured.unwrap().security.unwrap().secret.unwrap();
    assert_eq!(
        (
            secret.name.as_str(),
            secret.username_key.as_str(),
            secret.jaas_key
        ),
        ("login", "username", None)
    );
}

#[test]
fn wrong_pod_settings_are_refused() {
    let wrong = check(&[
        "--enable-affinity-cr-injection=perhaps",
        "--default-runtime-class-name=Upper",
        "--job-ttl-seconds-after-finished=-1",
        "--metrics-exporter-port=9646",
        "--metrics-exporter-image-pull-policy=Sometimes",
        "--metrics-exporter-mem-limit=much",
    ])
    .unwrap_err()
    .to_string();
    assert!(
        wrong.starts_with("locust-operator: 6 wrong setting(s)"),
        "{wrong}"
    );
    assert!(
        wrong.contains("taken by the metrics that the master serves"),
        "{wrong}"
    );
}

#[test]
fn tests_get_a_network_policy_unless_told_otherwise() {
    let policy = |flags: &[&str]| check(flags).unwrap().runs.network_policy;
    assert_eq!(policy(&[]), Some(NetworkPolicySettings::default()));
    assert_eq!(policy(&["--network-policy=false"]), None);
    let from = r#"--network-policy-metrics-from=[{"podSelector": {}}]"#;
    let NetworkPolicySettings {
        metrics_from,
        web_ui_from,
    } = policy(&[from]).unwrap();
    assert_eq!((metrics_from.len(), web_ui_from.len()), (1, 0));
    let wrong = check(&["--network-policy-web-ui-from=monitoring"]).unwrap_err();
    assert!(
        wrong.to_string().contains(
            "--network-policy-web-ui-from (NETWORK_POLICY_WEB_UI_FROM) is \"monitoring\""
        ),
        "{wrong}"
    );
}

#[test]
fn every_flag_is_documented_and_has_a_variable() {
    for arg in Args::command()
        .get_arguments()
        .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
    {
        assert!(arg.get_help().is_some(), "{arg} has no help");
        let variable = arg.get_long().unwrap().to_uppercase().replace('-', "_");
        assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
    }
}

#[test]
fn leader_election_is_a_switch_with_a_default() {
    for (flags, expected) in [
        (&[][..], LeaderElect::InCluster),
        (&["--leader-elect="], LeaderElect::InCluster),
        (&["--leader-elect"], LeaderElect::Always),
        (&["--leader-elect=true"], LeaderElect::Always),
        (&["--leader-elect=false"], LeaderElect::Never),
    ] {
        assert_eq!(check(flags).unwrap().leader_elect, expected, "{flags:?}");
    }
    let given = check(&["--lease-namespace= team "]).unwrap();
    assert_eq!(given.lease_namespace.as_deref(), Some("team"));
    assert_eq!(check(&[]).unwrap().lease_namespace, None);
}

#[test]
fn notifications_are_sent_unless_told_otherwise() {
    let notifications = |flags: &[&str]| check(flags).unwrap().runs.notifications;
    let on = notifications(&[]).unwrap();
    assert_eq!(on.ca_bundle, None);
    let on = notifications(&["--notifications-ca-bundle=/ca/ca.crt"]).unwrap();
    assert_eq!(on.ca_bundle, Some("/ca/ca.crt".into()));
    assert_eq!(notifications(&["--notifications=false"]), None);
    let wrong = check(&["--notifications=maybe"]).unwrap_err().to_string();
    assert!(wrong.contains("--notifications (NOTIFICATIONS)"), "{wrong}");
}
