//! What pods are told: A10-12 to A10-14, A10-16, A10-24.

use serde_json::Value;

use crate::faults::{Faults, items, texts};

/// `quoted`, `commented`: the master's arguments made of a command with quotes, and of one with a comment.
pub(crate) fn split_words(state: &Value, faults: &mut Faults) {
    let (quoted, commented) = (texts(&state["quoted"]), texts(&state["commented"]));
    let host = quoted.windows(2).any(|pair| pair == ["-H", "http://a b"]);
    faults.unless(host, || format!("the quoted host is torn: {quoted:?}"));
    let users = commented.windows(2).any(|it| it == ["--users", "1000"]);
    faults.unless(users, || format!("no users: {commented:?}"));
    let words: Vec<_> = commented
        .iter()
        .filter(|word| ["#", "Total", "simulated", "users"].contains(*word))
        .collect();
    faults.unless(words.is_empty(), || {
        format!("words of the comment are arguments: {words:?}")
    });
}

/// `args` of the master of a test with `autostart: false` and nothing said of `autoquit`.
pub(crate) fn autoquit_alone(state: &Value, faults: &mut Faults) {
    let args = texts(&state["args"]);
    faults.unless(args.contains(&"--master"), || "no master".to_owned());
    faults.unless(!args.contains(&"--autostart"), || {
        "it starts by itself".to_owned()
    });
    faults.unless(!args.contains(&"--autoquit"), || {
        "--autoquit without --autostart, which Locust refuses".to_owned()
    });
}

/// A test with OpenTelemetry on and a stock image: names of `metrics` that a collector received, with the `attributes` they
/// came with; else what the user was `told` at the start. And whether Prometheus finds the master (`scraped`).
pub(crate) fn no_telemetry(state: &Value, faults: &mut Faults) {
    let attributes = &state["received"]["attributes"];
    let received = !texts(&state["received"]["metrics"]).is_empty()
        && attributes["locust.run.id"].is_string()
        && attributes["locust.test.name"].is_string();
    let told = texts(&state["told"])
        .iter()
        .any(|words| words.contains("no OpenTelemetry SDK"));
    faults.unless(received || told, || {
        "nothing is received, and nobody is told".to_owned()
    });
    faults.unless(state["scraped"] == true, || {
        "Prometheus does not find the master either".to_owned()
    });
}

/// `limits` of a Locust container when the release was told to set none for CPU.
pub(crate) fn bound_limits(state: &Value, faults: &mut Faults) {
    let limits = &state["limits"];
    faults.unless(limits["memory"].is_string(), || "no other limit".to_owned());
    faults.unless(limits["cpu"].is_null(), || {
        format!("the limit of CPU is {}", limits["cpu"])
    });
}

/// Variables of a Locust container with a Kafka login (`env`) and without Kafka (`plainEnv`), and the rules that hold in the
/// whole cluster (`clusterRules`).
pub(crate) fn password_in_pods(state: &Value, faults: &mut Faults) {
    let variable = |name: &str| items(&state["env"]).iter().find(|it| it["name"] == name);
    for name in ["KAFKA_USERNAME", "KAFKA_PASSWORD"] {
        let found = variable(name).unwrap_or(&Value::Null);
        let referred = found["valueFrom"]["secretKeyRef"]["name"].is_string();
        faults.unless(referred && found["value"].is_null(), || {
            format!("{name} is not a reference to a Secret")
        });
    }
    let plain = items(&state["plainEnv"]);
    let kafka: Vec<_> = plain
        .iter()
        .filter_map(|it| it["name"].as_str())
        .filter(|name| name.starts_with("KAFKA_"))
        .collect();
    faults.unless(kafka.is_empty() && !plain.is_empty(), || {
        format!("Kafka's variables without Kafka: {kafka:?}")
    });
    let rules = items(&state["clusterRules"]);
    faults.unless(!rules.is_empty(), || "no rules".to_owned());
    let secrets = rules
        .iter()
        .any(|rule| texts(&rule["resources"]).contains(&"secrets"));
    faults.unless(!secrets, || "it may read all Secrets".to_owned());
}
