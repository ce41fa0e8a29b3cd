//! `spec.run` as flags.

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use locust_api::{Duration, v2::RunSpec};

use super::option::FlagName;
use crate::problems::{Problem, Problems};

/// A field of `spec.run` that is set.
struct Given {
    field: &'static str,
    name: FlagName,
    values: Vec<String>,
}

/// The fields that are set, in the order of their flags. User classes are not among them: they are positional.
fn given(run: &RunSpec) -> Vec<Given> {
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
    let mut all = Vec::new();
    let mut add = |field, short, long, shortest, values: Option<Vec<String>>| {
        all.extend(values.map(|values| Given {
            field,
            name: FlagName {
                short,
                long,
                shortest,
            },
            values,
        }));
    };
    let one = |value: Option<String>| value.map(|value| vec![value]);
    let list = |values: &[String]| (!values.is_empty()).then(|| values.to_vec());
    add("host", Some('H'), "host", "ho", one(host.clone()));
    add(
        "users",
        Some('u'),
        "users",
        "u",
        one(users.map(|users| users.to_string())),
    );
    add(
        "spawnRate",
        Some('r'),
        "spawn-rate",
        "sp",
        one(spawn_rate.as_ref().map(rate)),
    );
    add(
        "runTime",
        Some('t'),
        "run-time",
        "ru",
        one(run_time.map(whole_seconds)),
    );
    add(
        "stopTimeout",
        Some('s'),
        "stop-timeout",
        "st",
        one(stop_timeout.map(seconds)),
    );
    add("tags", Some('T'), "tags", "ta", list(tags));
    add(
        "excludeTags",
        Some('E'),
        "exclude-tags",
        "exc",
        list(exclude_tags),
    );
    let reset = exclude_ramp_up.filter(|exclude| *exclude);
    add(
        "excludeRampUp",
        None,
        "reset-stats",
        "re",
        reset.map(|_| Vec::new()),
    );
    all
}

/// The flags of `run`, without the User classes.
pub(super) fn flags(run: &RunSpec) -> Vec<String> {
    let flag = |given: Given| std::iter::once(format!("--{}", given.name.long)).chain(given.values);
    given(run).into_iter().flat_map(flag).collect()
}

/// A flag must not be given both here and in a command line.
pub(super) fn refuse_repeated(
    run: &RunSpec,
    args: &[String],
    given_in: &'static str,
) -> Result<(), Problems> {
    let given = given(run)
        .into_iter()
        .filter(|given| given.name.is_given(args));
    let problems: Problems = given
        .map(|Given { field, name, .. }| {
            let flag = name.long;
            let words = format!("{given_in} sets --{flag} too; keep one");
            Problem::new(format!("spec.run.{field}"), words)
        })
        .collect();
    problems.or(())
}

/// A word of a list must not be an option to Locust, which would take it for one wherever it stands.
pub(super) fn refuse_options(run: &RunSpec) -> Result<(), Problems> {
    let lists = [
        ("tags", &run.tags),
        ("excludeTags", &run.exclude_tags),
        ("userClasses", &run.user_classes),
    ];
    let words = lists.iter().flat_map(|(field, list)| {
        let words = list.iter().enumerate();
        words.map(move |(index, word)| (format!("spec.run.{field}[{index}]"), word))
    });
    let problems: Problems = words
        .filter(|(_, word)| word.starts_with('-'))
        .map(|(place, word)| {
            let words = format!(
                "{word:?} begins with \"-\", and Locust would take it for an option; \
                 write a name, and options into spec.master.extraArgs"
            );
            Problem::new(place, words)
        })
        .collect();
    problems.or(())
}

fn rate(rate: &IntOrString) -> String {
    match rate {
        IntOrString::Int(rate) => rate.to_string(),
        IntOrString::String(rate) => rate.clone(),
    }
}

/// Locust knows no fractions of a second in a run time.
fn whole_seconds(time: Duration) -> String {
    format!("{}s", time.as_secs_ceil())
}

fn seconds(time: Duration) -> String {
    time.get().as_secs_f64().to_string()
}
