//! What the chart makes: A10-15, A10-17 to A10-19.

use serde_json::Value;

use crate::faults::{Faults, items, texts};

/// Old names of the chart's values, and the variables of the operator that they set.
pub const OLD_VALUES: &[(&str, &str, &str)] = &[
    (
        "config.loadGenerationPods.resource.cpuRequest",
        "111m",
        "POD_CPU_REQUEST",
    ),
    (
        "config.loadGenerationPods.resource.memLimit",
        "115Mi",
        "POD_MEM_LIMIT",
    ),
    (
        "config.loadGenerationPods.affinity.enableCrInjection",
        "false",
        "ENABLE_AFFINITY_CR_INJECTION",
    ),
    (
        "config.loadGenerationPods.taintTolerations.enableCrInjection",
        "false",
        "ENABLE_TAINT_TOLERATIONS_CR_INJECTION",
    ),
    (
        "config.loadGenerationPods.metricsExporter.image",
        "registry.example/exporter:1",
        "METRICS_EXPORTER_IMAGE",
    ),
    (
        "config.loadGenerationPods.kafka.bootstrapServers",
        "kafka.example:9092",
        "KAFKA_BOOTSTRAP_SERVERS",
    ),
];

/// `env`: variables of an operator whose release sets [`OLD_VALUES`], and switches on what they are about.
pub(crate) fn dead_values(state: &Value, faults: &mut Faults) {
    for (name, value, variable) in OLD_VALUES {
        let found = &state["env"][variable];
        faults.unless(found == value, || {
            format!("{name} is {value}, and {variable} is {found}")
        });
    }
}

/// A release without cert-manager: `conversion` of the definition, `webhooks` of the validation; and of one with it the
/// `notes` and the names of `certificates`.
pub(crate) fn untrusted_webhooks(state: &Value, faults: &mut Faults) {
    let trusted = |config: &Value| config["caBundle"].as_str().is_some_and(|it| !it.is_empty());
    let converts = trusted(&state["conversion"]["webhook"]["clientConfig"]);
    faults.unless(converts, || {
        "the API server cannot trust the conversion".to_owned()
    });
    let webhooks = items(&state["webhooks"]);
    let validates = webhooks.iter().all(|it| trusted(&it["clientConfig"]));
    faults.unless(validates && !webhooks.is_empty(), || {
        "the API server cannot trust the validation".to_owned()
    });
    let notes = state["notes"].as_str().unwrap_or_default();
    let certificates = texts(&state["certificates"]);
    faults.unless(!notes.is_empty() && !certificates.is_empty(), || {
        "no notes".to_owned()
    });
    let lost: Vec<&str> = notes
        .lines()
        .filter(|line| line.contains("certificate"))
        .filter(|line| !certificates.iter().any(|name| has_word(line, name)))
        .collect();
    faults.unless(lost.is_empty(), || {
        format!("the notes name a certificate that does not exist: {lost:?}")
    });
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '-')
        .any(|found| found == word)
}

/// `rules` and `matchPolicy` of the validation, and whether a wrong test of v1 was `accepted`.
pub(crate) fn unjudged_v1(state: &Value, faults: &mut Faults) {
    let rules = items(&state["rules"]);
    let only_v2 = rules
        .iter()
        .all(|rule| texts(&rule["apiVersions"]) == ["v2"]);
    faults.unless(only_v2 && !rules.is_empty(), || {
        "tests of v1 are sent to what knows v2 only".to_owned()
    });
    let policy = &state["matchPolicy"];
    faults.unless(policy == "Equivalent", || {
        format!("the match policy is {policy}")
    });
    faults.unless(state["accepted"] == false, || {
        "a wrong test of v1 is accepted".to_owned()
    });
}

/// `upgrade` of a release of version 1 (whether it is `ok`, and what Helm `said`), and what is left after `uninstall`: the
/// `definition`, and names of `tests`.
pub(crate) fn lost_definition(state: &Value, faults: &mut Faults) {
    let (upgrade, left) = (&state["upgrade"], &state["uninstall"]);
    faults.unless(upgrade["ok"] == true, || {
        format!("Helm refuses the upgrade: {}", upgrade["said"])
    });
    faults.unless(left["definition"] == true, || {
        "the definition goes with the release".to_owned()
    });
    faults.unless(!texts(&left["tests"]).is_empty(), || {
        "every test goes with the release".to_owned()
    });
}
