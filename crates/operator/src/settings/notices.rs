//! Variables of the published operator that mean something else here, or nothing: each gets one line in the log.

/// What to say about the variables that are set.
pub(super) fn notices(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.trim().is_empty());
    let mut notices = Vec::new();
    for name in ["KAFKA_USERNAME", "KAFKA_PASSWORD", "KAFKA_SASL_JAAS_CONFIG"] {
        if is_set(name) {
            notices.push(format!(
                "{name} is set and not given to Locust pods, where everybody could read it: put it into a Secret in the tests' namespaces and set KAFKA_SECRET_NAME"
            ));
        }
    }
    if is_set("METRICS_EXPORTER_IMAGE") && !is_set("METRICS_EXPORTER_ENABLED") {
        notices.push(
            "METRICS_EXPORTER_IMAGE is set and the exporter is off: the Locust master serves its metrics itself. Set METRICS_EXPORTER_ENABLED=true for the exporter".to_owned(),
        );
    }
    if is_set("ENABLE_WEBHOOKS") {
        notices.push(
            "ENABLE_WEBHOOKS is deprecated and has no effect: WEBHOOKS switches the webhook server"
                .to_owned(),
        );
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_told_in_a_line_each() {
        let set = |names: &'static [&'static str]| {
            notices(move |name| names.contains(&name).then(|| "x".to_owned()))
        };
        assert_eq!(set(&[]), Vec::<String>::new());
        assert_eq!(set(&["KAFKA_BOOTSTRAP_SERVERS"]), Vec::<String>::new());
        let password = set(&["KAFKA_PASSWORD"]);
        assert_eq!(password.len(), 1);
        assert!(password[0].contains("KAFKA_SECRET_NAME"), "{password:?}");
        assert_eq!(set(&["METRICS_EXPORTER_IMAGE"]).len(), 1);
        let on = set(&["METRICS_EXPORTER_IMAGE", "METRICS_EXPORTER_ENABLED"]);
        assert_eq!(on, Vec::<String>::new());
        assert_eq!(set(&["ENABLE_WEBHOOKS"]).len(), 1);
        let empty = notices(|_| Some(" ".to_owned()));
        assert_eq!(empty, Vec::<String>::new());
    }
}
