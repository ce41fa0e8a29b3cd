//! Locust's web UI in a command line: whether there is one, and on which port.

use locust_api::{names, v2::LocustTestSpec};

use super::{literal_env, option::FlagName, seed::Seed};
use crate::problems::{Problem, Problems};

const HEADLESS: FlagName = FlagName {
    short: None,
    long: "headless",
    shortest: "headl",
};
const PORT: FlagName = FlagName {
    short: Some('P'),
    long: "web-port",
    shortest: "web-p",
};
const AUTOQUIT: FlagName = FlagName {
    short: None,
    long: "autoquit",
    shortest: "autoq",
};

const EXTRA_ARGS: &str = "spec.master.extraArgs";

/// What the spec says of the web UI in several places must be one thing.
pub(super) fn check(spec: &LocustTestSpec, seed: &Seed) -> Result<(), Problems> {
    let Some(web_ui) = &spec.web_ui else {
        return Ok(());
    };
    let mut problems = Vec::new();
    let without = headless(spec, seed);
    match (web_ui.enabled, &without) {
        (Some(true), Some(without)) => problems.push(Problem::new(
            "spec.webUI.enabled",
            format!("it is true, and {without}; keep one"),
        )),
        (Some(false), _) => problems.extend(needs_a_web_ui(spec, seed)),
        (Some(true) | None, _) => {}
    }
    if web_ui.service.is_some() {
        let without = match web_ui.enabled {
            Some(false) => Some("spec.webUI.enabled is false".to_owned()),
            Some(true) | None => without,
        };
        problems.extend(without.map(|without| {
            Problem::new(
                "spec.webUI.service",
                format!("there is no web UI that it could lead to, because {without}; keep one"),
            )
        }));
    }
    problems.into_iter().collect::<Problems>().or(())
}

/// Where the spec counts on the web UI that `spec.webUI.enabled: false` takes away.
fn needs_a_web_ui<'a>(
    spec: &'a LocustTestSpec,
    seed: &'a Seed,
) -> impl Iterator<Item = Problem> + 'a {
    let start = (spec.master.autostart == Some(false)).then(|| {
        Problem::new(
            "spec.master.autostart",
            "it is false, so the load is started in the web UI, and spec.webUI.enabled: false takes that away; keep one",
        )
    });
    let places = [
        (seed.place, &seed.args),
        (EXTRA_ARGS, &spec.master.extra_args),
    ];
    let quits = places
        .into_iter()
        .filter(|(_, args)| AUTOQUIT.is_given(args))
        .map(|(place, _)| {
            Problem::new(
                place,
                "--autoquit says how long the web UI stays, and spec.webUI.enabled: false takes that away; keep one",
            )
        });
    start.into_iter().chain(quits)
}

/// What is useless without a web UI.
pub(super) fn warning(spec: &LocustTestSpec) -> Option<String> {
    (!spec.has_web_ui() && spec.master.autoquit.is_some()).then(|| {
        "spec.master.autoquit has no effect with webUI.enabled: false; the master ends with the load"
            .to_owned()
    })
}

/// What in the spec besides `spec.webUI` takes the web UI away, in words.
fn headless(spec: &LocustTestSpec, seed: &Seed) -> Option<String> {
    let is_true =
        |value: &String| ["true", "yes", "1", "on"].contains(&value.to_lowercase().as_str());
    if HEADLESS.is_given(&seed.args) {
        Some(format!("{} says --headless", seed.place))
    } else if HEADLESS.is_given(&spec.master.extra_args) {
        Some(format!("{EXTRA_ARGS} says --headless"))
    } else {
        let variable = literal_env(spec, "LOCUST_HEADLESS").filter(is_true)?;
        Some(format!(
            "spec.env.variables sets LOCUST_HEADLESS to {variable}"
        ))
    }
}

/// The port on which the master's web UI listens. One that is no port number is Locust's to complain of.
pub(super) fn port(spec: &LocustTestSpec, seed: &[String]) -> i32 {
    PORT.last_value(&spec.master.extra_args)
        .or_else(|| PORT.last_value(seed))
        .or_else(|| literal_env(spec, "LOCUST_WEB_PORT"))
        .and_then(|port| port.trim().parse::<u16>().ok())
        .map_or(names::PORT_WEB, i32::from)
}

#[cfg(test)]
mod tests {
    use super::super::{master, web_port};
    use super::*;

    fn spec(fields: &str) -> LocustTestSpec {
        serde_saphyr::from_str(&format!("{{{fields}, worker: {{replicas: 2}}}}")).unwrap()
    }

    #[test]
    fn what_the_web_ui_is_said_to_be_is_one_thing() {
        for (fields, said) in [
            ("webUI: {}", vec![]),
            ("master: {command: --headless}", vec![]),
            (
                "webUI: {enabled: false}, master: {command: --headless}",
                vec![],
            ),
            ("webUI: {service: {}}, master: {command: --headful}", vec![]),
            (
                "webUI: {service: {}}, env: {variables: [{name: LOCUST_HEADLESS, value: 'false'}]}",
                vec![],
            ),
            (
                "webUI: {enabled: true}, master: {command: --headless}",
                vec![
                    "spec.webUI.enabled: it is true, and spec.master.command says --headless; keep one",
                ],
            ),
            (
                "webUI: {enabled: true}, master: {args: [--headl]}",
                vec![
                    "spec.webUI.enabled: it is true, and spec.master.args says --headless; keep one",
                ],
            ),
            (
                "webUI: {service: {}}, master: {extraArgs: [--headless]}",
                vec![
                    "spec.webUI.service: there is no web UI that it could lead to, because spec.master.extraArgs says --headless; keep one",
                ],
            ),
            (
                "webUI: {service: {}}, env: {variables: [{name: LOCUST_HEADLESS, value: 'True'}]}",
                vec![
                    "spec.webUI.service: there is no web UI that it could lead to, because spec.env.variables sets LOCUST_HEADLESS to True; keep one",
                ],
            ),
            (
                "webUI: {enabled: false, service: {}}, master: {autostart: false}",
                vec![
                    "spec.master.autostart: it is false, so the load is started in the web UI, and spec.webUI.enabled: false takes that away; keep one",
                    "spec.webUI.service: there is no web UI that it could lead to, because spec.webUI.enabled is false; keep one",
                ],
            ),
            (
                "webUI: {enabled: false}, master: {command: --autostart --autoquit 5}",
                vec![
                    "spec.master.command: --autoquit says how long the web UI stays, and spec.webUI.enabled: false takes that away; keep one",
                ],
            ),
        ] {
            let problems = master(&spec(fields), 300).err().unwrap_or_default();
            let found: Vec<String> = problems.iter().map(ToString::to_string).collect();
            assert_eq!(found, said, "{fields}");
        }
    }

    #[test]
    fn without_a_web_ui_locust_starts_and_ends_by_itself() {
        let argv = master(&spec("webUI: {enabled: false}"), 300).unwrap();
        assert_eq!(argv.warnings, Vec::<String>::new());
        let line = argv.args.join(" ");
        assert!(line.contains(" --headless --enable-rebalancing"), "{line}");
        assert!(!line.contains("--auto"), "{line}");
        let useless = "webUI: {enabled: false}, master: {autoquit: {enabled: true}}";
        let warnings = master(&spec(useless), 300).unwrap().warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("spec.master.autoquit"), "{warnings:?}");
    }

    #[test]
    fn the_port_is_the_one_that_locust_takes() {
        let variable = "env: {variables: [{name: LOCUST_WEB_PORT, value: '7000'}]}";
        for (fields, port) in [
            ("webUI: {}".to_owned(), 8089),
            ("master: {command: --web-port 9090}".to_owned(), 9090),
            ("master: {command: -P9090}".to_owned(), 9090),
            (
                "master: {command: -P 9090, extraArgs: [--web-port=9091]}".to_owned(),
                9091,
            ),
            (variable.to_owned(), 7000),
            (format!("{variable}, master: {{args: [-P, '9090']}}"), 9090),
            ("master: {command: --web-port many}".to_owned(), 8089),
        ] {
            assert_eq!(web_port(&spec(&fields)), port, "{fields}");
        }
    }
}
