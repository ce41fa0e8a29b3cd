//! Who may reach the pods of a run.

use clap::Args;
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use locust_core::settings::NetworkPolicySettings;
use serde_json::Value;

use super::{Checker, not_empty};

/// The policy around the pods of every run.
#[derive(Debug, Args)]
#[command(next_help_heading = "NetworkPolicy of every test")]
pub(super) struct NetworkPolicyArgs {
    /// Whether every test gets a NetworkPolicy: its master's port 5557 is for its own workers, 9646 for metrics, and the web
    /// UI for nobody unless the test has spec.webUI.service. It needs the right to create and get them.
    #[arg(
        long,
        env = "NETWORK_POLICY",
        default_value = "true",
        value_name = "BOOL"
    )]
    network_policy: String,
    /// Who may read metrics and live numbers of masters (port 9646, and the exporter's): a JSON list of NetworkPolicyPeer;
    /// empty for everybody. The operator itself must be among them: the chart adds it.
    #[arg(
        long,
        env = "NETWORK_POLICY_METRICS_FROM",
        default_value = "",
        value_name = "JSON"
    )]
    network_policy_metrics_from: String,
    /// Who may use the web UI of a test that has spec.webUI.service: a JSON list of NetworkPolicyPeer; empty for everybody.
    #[arg(
        long,
        env = "NETWORK_POLICY_WEB_UI_FROM",
        default_value = "",
        value_name = "JSON"
    )]
    network_policy_web_ui_from: String,
}

impl NetworkPolicyArgs {
    /// `None`: tests get no policy.
    pub(super) fn check(self, check: &mut Checker) -> Option<NetworkPolicySettings> {
        let Self {
            network_policy,
            network_policy_metrics_from,
            network_policy_web_ui_from,
        } = self;
        let settings = NetworkPolicySettings {
            metrics_from: check.peers("network-policy-metrics-from", &network_policy_metrics_from),
            web_ui_from: check.peers("network-policy-web-ui-from", &network_policy_web_ui_from),
        };
        check
            .switch("network-policy", network_policy)
            .then_some(settings)
    }
}

impl Checker {
    fn peers(&mut self, flag: &str, value: &str) -> Vec<NetworkPolicyPeer> {
        let Some(text) = not_empty(value) else {
            return Vec::new();
        };
        peers(&text).unwrap_or_else(|why| {
            let example = r#"[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]"#;
            self.wrong(flag, &text, &format!("{why}; write peers of a NetworkPolicy as JSON, such as {example}"));
            Vec::new()
        })
    }
}

/// The peers, or why they are none. The API server would say so of every single test.
fn peers(text: &str) -> Result<Vec<NetworkPolicyPeer>, String> {
    let given: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let peers: Vec<NetworkPolicyPeer> =
        serde_json::from_value(given.clone()).map_err(|error| error.to_string())?;
    if serde_json::to_value(&peers).is_ok_and(|known| known != given) {
        return Err("it has fields that a NetworkPolicyPeer does not have".to_owned());
    }
    for peer in &peers {
        let NetworkPolicyPeer {
            ip_block,
            namespace_selector,
            pod_selector,
        } = peer;
        let has_selectors = namespace_selector.is_some() || pod_selector.is_some();
        if ip_block.is_some() == has_selectors {
            return Err(
                "each peer has an ipBlock, or one or both of namespaceSelector and podSelector"
                    .to_owned(),
            );
        }
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_peers_that_the_api_server_takes_are_peers() {
        for (text, wrong) in [
            ("[]", None),
            (r#"[{"podSelector": {}}]"#, None),
            (
                r#"[{"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {"matchLabels": {"c": "d"}}}]"#,
                None,
            ),
            (
                r#"[{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]"#,
                None,
            ),
            ("monitoring", Some("expected value")),
            ("{}", Some("expected a sequence")),
            ("[{}]", Some("each peer has")),
            (
                r#"[{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]"#,
                Some("each peer has"),
            ),
            (r#"[{"podselector": {}}]"#, Some("fields that")),
            (
                r#"[{"podSelector": {"labels": {"a": "b"}}}]"#,
                Some("fields that"),
            ),
        ] {
            match (peers(text), wrong) {
                (Ok(peers), None) => {
                    let given: Value = serde_json::from_str(text).unwrap();
                    assert_eq!(serde_json::to_value(peers).unwrap(), given);
                }
                (Err(said), Some(words)) => assert!(said.contains(words), "{text}: {said}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }
}
