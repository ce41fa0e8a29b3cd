use super::*;
use locust_api::v2::LocustTestSpec;
use proptest::prelude::*;

fn spec(yaml: &str) -> LocustTestSpec {
    serde_saphyr::from_str(yaml).unwrap()
}

fn master_line(yaml: &str) -> String {
    master(&spec(yaml), 300).unwrap().args.join(" ")
}

const PLUGIN: &str = "/lotest/operator/locust_operator_plugin.py";
const MANAGED: &str = "--master --master-port=5557 --expect-workers=2 --expect-workers-max-wait=300 --autostart --autoquit 60 --enable-rebalancing --only-summary";

#[test]
fn published_seed_keeps_its_published_flags() {
    assert_eq!(
        master_line(
            "{master: {command: '--locustfile /lotest/src/a.py --host http://t -u 10'}, worker: {replicas: 2}}"
        ),
        format!("-f /lotest/src/a.py,{PLUGIN} --host http://t -u 10 {MANAGED}")
    );
    let argv = worker(
        &spec("{worker: {command: '--locustfile /lotest/src/a.py', replicas: 2}}"),
        "a-master",
    )
    .unwrap();
    assert_eq!(
        argv.args.join(" "),
        format!("-f /lotest/src/a.py,{PLUGIN} --worker --master-port=5557 --master-host=a-master")
    );
}

#[test]
fn test_files_have_a_default_locustfile() {
    assert_eq!(
        master_line("{testFiles: {configMapRef: c, srcMountPath: /src/}, worker: {replicas: 2}}"),
        format!("-f /src/locustfile.py,{PLUGIN} {MANAGED}")
    );
}

#[test]
fn without_a_known_file_the_entry_finds_it() {
    assert_eq!(
        master_line("{master: {command: '--config /etc/l.conf'}, worker: {replicas: 2}}"),
        format!("-f /lotest/operator/locust_operator_entry.py --config /etc/l.conf {MANAGED}")
    );
}

#[test]
fn a_literal_variable_names_the_file() {
    assert!(
        master_line(
            "{env: {variables: [{name: LOCUST_LOCUSTFILE, value: /x.py}]}, worker: {replicas: 2}}"
        )
        .starts_with(&format!("-f /x.py,{PLUGIN} "))
    );
}

#[test]
fn every_spelling_of_the_locustfile_is_found_and_the_last_wins() {
    for seed in [
        "-f a.py",
        "-fa.py",
        "-f=a.py",
        "--locustfile a.py",
        "--locustfile=a.py",
        "--locust a.py",
        "-f b.py -f a.py",
    ] {
        let line = master_line(&format!(
            "{{master: {{command: '{seed}'}}, worker: {{replicas: 2}}}}"
        ));
        assert_eq!(line, format!("-f a.py,{PLUGIN} {MANAGED}"), "{seed}");
    }
    let line = master_line(
        "{master: {command: '-f b.py', extraArgs: ['-f', 'a.py']}, worker: {replicas: 2}}",
    );
    assert!(line.starts_with(&format!("-f a.py,{PLUGIN} ")), "{line}");
}

#[test]
fn a_worker_that_downloads_its_file_is_left_alone() {
    let argv = worker(&spec("{worker: {command: '-f -', replicas: 2}}"), "m").unwrap();
    assert_eq!(argv.args[..2], ["-f", "-"]);
}

#[test]
fn seeds_split_as_in_a_shell() {
    let yaml = "master:\n  command: |\n    -f a.py\n    --host 'http://a b' # the target\n    --users 5\nworker: {replicas: 2}";
    let argv = master(&spec(yaml), 300).unwrap();
    assert_eq!(argv.args[2..6], ["--host", "http://a b", "--users", "5"]);
}

#[test]
fn run_becomes_flags_of_the_master_only() {
    let yaml = "{master: {args: [-f, a.py]}, run: {host: 'http://t', users: 30, spawnRate: '0.5', runTime: 1m30s, tags: [a, b], stopTimeout: 10s, userClasses: [U1, U2], excludeRampUp: true}, worker: {args: [-f, a.py], replicas: 2}}";
    assert_eq!(
        master_line(yaml),
        format!(
            "-f a.py,{PLUGIN} --host http://t --users 30 --spawn-rate 0.5 --run-time 90s --stop-timeout 10 --tags a b --reset-stats {MANAGED} U1 U2"
        )
    );
    assert_eq!(
        worker(&spec(yaml), "m").unwrap().args.join(" "),
        format!("-f a.py,{PLUGIN} --reset-stats --worker --master-port=5557 --master-host=m")
    );
}

#[test]
fn a_flag_given_twice_is_an_error_that_names_both() {
    for (command, run) in [
        ("-f a.py -u 5", "users: 1"),
        ("-f a.py --run-time=5s", "runTime: 1s"),
        ("--stop-timeout 3", "stopTimeout: 1s"),
    ] {
        let yaml = format!(
            "{{master: {{command: '{command}'}}, run: {{{run}}}, worker: {{replicas: 2}}}}"
        );
        let message = master(&spec(&yaml), 300).unwrap_err().to_string();
        let field = run.split(':').next().unwrap();
        assert!(
            message.contains(&format!("spec.run.{field}"))
                && message.contains("spec.master.command"),
            "{message}"
        );
    }
}

#[test]
fn what_cannot_be_a_command_line_says_what_to_do() {
    let error = |yaml: &str| master(&spec(yaml), 300).unwrap_err().to_string();
    assert!(
        error("{master: {command: \"-f 'a.py\"}, worker: {replicas: 1}}").contains("not closed")
    );
    assert!(
        error("{master: {command: -f a.py, args: [x]}, worker: {replicas: 1}}")
            .contains("keep one")
    );
    assert!(
        error("{testFiles: {inline: {a.py: ''}}, worker: {replicas: 1}}")
            .contains("-f /lotest/src/a.py")
    );
}

#[test]
fn a_leading_locust_is_dropped_with_a_warning() {
    let argv = master(
        &spec("{master: {command: locust -f a.py}, worker: {replicas: 2}}"),
        300,
    )
    .unwrap();
    assert_eq!(argv.args[0], "-f");
    assert_eq!(argv.warnings.len(), 1);
}

#[test]
fn autoquit_and_autostart() {
    assert!(!master_line("{master: {autostart: false}, worker: {replicas: 2}}").contains("--auto"));
    assert!(
        !master_line("{master: {autoquit: {enabled: false}}, worker: {replicas: 2}}")
            .contains("--autoquit")
    );
    assert!(
        master_line("{master: {autoquit: {enabled: true, timeout: 0}}, worker: {replicas: 2}}")
            .contains("--autoquit 0")
    );
    assert!(
        master_line("{run: {stopTimeout: 90s}, worker: {replicas: 2}}").contains("--autoquit 95")
    );
}

proptest! {
    #[test]
    fn no_seed_makes_it_panic_or_lose_the_plugin(seed in ".{0,80}") {
        let mut spec = LocustTestSpec::with_workers(1);
        spec.master.command = Some(seed);
        if let Ok(argv) = master(&spec, 300) {
            prop_assert!(argv.args[1].contains("/lotest/operator/") || argv.args.contains(&"-".to_owned()));
        }
    }
}
