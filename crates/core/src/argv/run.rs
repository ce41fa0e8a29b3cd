//! `spec.run` as flags.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use locust_api::v2::RunSpec;

use super::{ArgvError, option::FlagName};

const fn flag(short: Option<char>, long: &'static str, shortest: &'static str) -> FlagName {
    FlagName {
        short,
        long,
        shortest,
    }
}

/// The flags of `run`, without the User classes, which are positional.
pub(super) fn flags(run: &RunSpec) -> Vec<String> {
    let RunSpec {
        host,
        users,
        spawn_rate,
        run_time,
        tags,
        exclude_tags,
        user_classes: _,
        stop_timeout,
        exclude_ramp_up,
    } = run;
    let mut flags = Vec::new();
    let mut add = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            flags.extend([flag.to_owned(), value]);
        }
    };
    add("--host", host.clone());
    add("--users", users.map(|users| users.to_string()));
    add("--spawn-rate", spawn_rate.as_ref().map(spawn_rate_text));
    // Locust knows no fractions of a second here.
    add(
        "--run-time",
        run_time.map(|time| format!("{}s", time.as_secs_ceil())),
    );
    add(
        "--stop-timeout",
        stop_timeout.map(|time| time.get().as_secs_f64().to_string()),
    );
    for (flag, list) in [("--tags", tags), ("--exclude-tags", exclude_tags)] {
        if !list.is_empty() {
            flags.push(flag.to_owned());
            flags.extend(list.iter().cloned());
        }
    }
    if *exclude_ramp_up == Some(true) {
        flags.push("--reset-stats".to_owned());
    }
    flags
}

fn spawn_rate_text(rate: &IntOrString) -> String {
    match rate {
        IntOrString::Int(rate) => rate.to_string(),
        IntOrString::String(rate) => rate.clone(),
    }
}

/// A flag must not be given both here and in a command line.
pub(super) fn refuse_repeated(
    run: &RunSpec,
    args: &[String],
    given_in: &'static str,
) -> Result<(), ArgvError> {
    let RunSpec {
        host,
        users,
        spawn_rate,
        run_time,
        tags,
        exclude_tags,
        user_classes: _,
        stop_timeout,
        exclude_ramp_up,
    } = run;
    let given = [
        (
            "host",
            "--host",
            host.is_some(),
            flag(Some('H'), "host", "ho"),
        ),
        (
            "users",
            "--users",
            users.is_some(),
            flag(Some('u'), "users", "us"),
        ),
        (
            "spawnRate",
            "--spawn-rate",
            spawn_rate.is_some(),
            flag(Some('r'), "spawn-rate", "sp"),
        ),
        (
            "runTime",
            "--run-time",
            run_time.is_some(),
            flag(Some('t'), "run-time", "ru"),
        ),
        (
            "tags",
            "--tags",
            !tags.is_empty(),
            flag(Some('T'), "tags", "ta"),
        ),
        (
            "excludeTags",
            "--exclude-tags",
            !exclude_tags.is_empty(),
            flag(Some('E'), "exclude-tags", "exc"),
        ),
        (
            "stopTimeout",
            "--stop-timeout",
            stop_timeout.is_some(),
            flag(Some('s'), "stop-timeout", "st"),
        ),
        (
            "excludeRampUp",
            "--reset-stats",
            exclude_ramp_up.is_some(),
            flag(None, "reset-stats", "re"),
        ),
    ];
    for (field, flag, is_set, name) in given {
        if is_set && name.is_given(args) {
            return Err(ArgvError::FlagTwice {
                field,
                given_in,
                flag,
            });
        }
    }
    Ok(())
}
