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
    // It is more than a default, also when there are test files.
    assert!(
        master_line(
            "{testFiles: {inline: {shop.py: ''}}, env: {variables: [{name: LOCUST_LOCUSTFILE, value: /lotest/src/shop.py}]}, worker: {replicas: 2}}"
        )
        .starts_with(&format!("-f /lotest/src/shop.py,{PLUGIN} "))
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
fn every_flag_given_twice_is_a_problem_that_names_both() {
    for (command, run, said) in [
        (
            "-f a.py -u 5",
            "users: 1",
            "spec.run.users: spec.master.command sets --users too; keep one",
        ),
        (
            "-f a.py --run-time=5s",
            "runTime: 1s",
            "spec.run.runTime: spec.master.command sets --run-time too; keep one",
        ),
        (
            "--stop-timeout 3 -T a",
            "stopTimeout: 1s, tags: [a], users: 3",
            "2 problems: (1) spec.run.stopTimeout: spec.master.command sets --stop-timeout too; keep one \
             (2) spec.run.tags: spec.master.command sets --tags too; keep one",
        ),
        (
            "-f a.py --u=5",
            "users: 1",
            "spec.run.users: spec.master.command sets --users too; keep one",
        ),
        (
            "-f a.py",
            "users: 1, tags: [a, --users=9], userClasses: [-u9]",
            "2 problems: (1) spec.run.tags[1]: \"--users=9\" begins with \"-\", and Locust would take it for an option; \
             write a name, and options into spec.master.extraArgs \
             (2) spec.run.userClasses[0]: \"-u9\" begins with \"-\", and Locust would take it for an option; \
             write a name, and options into spec.master.extraArgs",
        ),
    ] {
        let yaml = format!(
            "{{master: {{command: '{command}'}}, run: {{{run}}}, worker: {{replicas: 2}}}}"
        );
        assert_eq!(master(&spec(&yaml), 300).unwrap_err().to_string(), said);
    }
    let yaml = "{master: {args: [-u, '5'], extraArgs: [--host=x]}, run: {users: 1, host: y}, worker: {replicas: 2}}";
    assert_eq!(
        master(&spec(yaml), 300).unwrap_err().to_string(),
        "2 problems: (1) spec.run.users: spec.master.args sets --users too; keep one \
         (2) spec.run.host: spec.master.extraArgs sets --host too; keep one"
    );
}

#[test]
fn what_cannot_be_a_command_line_says_what_to_do() {
    for (yaml, said) in [
        (
            "{master: {command: \"-f 'a.py\"}, worker: {replicas: 1}}",
            "spec.master.command: a quote or backslash is not closed in \"-f 'a.py\"; close it, or use args with one list item per argument",
        ),
        (
            "{master: {command: -f a.py, args: [x]}, worker: {replicas: 1}}",
            "spec.master: command and args are both set; keep one",
        ),
        (
            "{testFiles: {inline: {a.py: ''}}, worker: {replicas: 1}}",
            "spec.testFiles.inline: there is no locustfile.py; name the file to run in spec.master.command, such as \"-f /lotest/src/a.py\"",
        ),
    ] {
        assert_eq!(master(&spec(yaml), 300).unwrap_err().to_string(), said);
    }
}

fn warnings(role: Role, fields: &str) -> Vec<String> {
    let (master_fields, worker_fields) = match role {
        Role::Master => (fields, ""),
        Role::Worker => ("", fields),
    };
    let spec = spec(&format!(
        "{{master: {{{master_fields}}}, worker: {{replicas: 2, {worker_fields}}}}}"
    ));
    match role {
        Role::Master => master(&spec, 300).unwrap().warnings,
        Role::Worker => worker(&spec, "demo-master").unwrap().warnings,
    }
}

#[test]
fn options_that_the_operator_manages_are_told_of() {
    const EFFECT: &str = "has no effect, because the operator sets it after yours";
    const OVERRIDES: &str = "overrides what the operator sets, and the run may not start";
    for (role, fields, said) in [
        (Role::Master, "command: '--expect-workers=2 --master --autostart --only-summary'", vec![]),
        (Role::Worker, "args: [--worker, --master-host=demo-master, '--master-port', '5557']", vec![]),
        (
            Role::Master,
            "command: '--expect-workers 3 --autoq 5'",
            vec![
                format!("spec.master.command: --expect-workers {EFFECT}; set spec.worker.replicas"),
                format!("spec.master.command: --autoquit {EFFECT}; set spec.master.autoquit"),
            ],
        ),
        (Role::Master, "command: '--autoquit 5', autoquit: {enabled: false}", vec![]),
        (
            Role::Master,
            "args: [--expect-workers-max-wait=9], extraArgs: [--master-bind-port, '1', --wor]",
            vec![
                format!("spec.master.args: --expect-workers-max-wait {EFFECT}; set spec.startDeadline"),
                "spec.master.extraArgs: --worker makes no master, and Locust will not start; leave it out".to_owned(),
                "spec.master.extraArgs: --master-bind-port moves the port on which workers look for the master; leave it out".to_owned(),
            ],
        ),
        (
            Role::Worker,
            "extraArgs: [--master-host=other, --master]",
            vec![
                format!("spec.worker.extraArgs: --master-host {OVERRIDES}; leave it out"),
                "spec.worker.extraArgs: --master makes no worker, and Locust will not start; leave it out".to_owned(),
            ],
        ),
        (
            Role::Worker,
            "command: '-f a.py --slave --hatch-rate=3'",
            vec![
                "spec.worker.command: --slave is an old spelling that newer Locust refuses; write --worker".to_owned(),
                "spec.worker.command: --hatch-rate is an old spelling that newer Locust refuses; write --spawn-rate".to_owned(),
            ],
        ),
    ] {
        assert_eq!(warnings(role, fields), said, "{fields}");
    }
}

#[test]
fn an_autoquit_without_autostart_is_told_of() {
    for (autoquit, autostart, told) in [
        ("autoquit: {enabled: true}", "autostart: false", true),
        ("autoquit: {enabled: false}", "autostart: false", false),
        ("autoquit: {enabled: true}", "autostart: true", false),
    ] {
        let found = warnings(Role::Master, &format!("{autoquit}, {autostart}"));
        assert_eq!(found.len(), usize::from(told), "{found:?}");
    }
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
