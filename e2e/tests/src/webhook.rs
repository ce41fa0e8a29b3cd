//! Operators that convert and validate outside a cluster: the API server calls them on the loopback address instead of
//! through a Service.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::user::{self, Scope};
use crate::{Kubectl, helm};

/// The Secret that the chart's rights name.
pub const SECRET: &str = "locust-operator-webhook-certs";
/// The ValidatingWebhookConfiguration that they name.
pub const CONFIGURATION: &str = "locust-operator-webhook";

/// Namespace of the operators' user and their certificate.
const NAMESPACE: &str = "operator";
const USER: &str = "locust-operator";
/// What the chart gives in all namespaces to an operator with a certificate of its own, beside the right to run tests.
const RULES: [&str; 3] = ["conversion-rules", "ca-rules", "validation-rules"];

/// Lets the operators' user keep a certificate, and also run tests if `runs`; in place of what it was allowed before.
pub fn grant(kubectl: &Kubectl, runs: bool) -> Result<()> {
    let kubectl = kubectl.in_namespace(NAMESPACE);
    let own = rules("certificate-rules")?;
    user::grant(&kubectl, USER, Scope::Namespace, &own)?;
    let run = if runs {
        user::operator_rules(Scope::Cluster)?
    } else {
        String::new()
    };
    let others = RULES.map(rules).into_iter().collect::<Result<Vec<_>>>()?;
    let all = format!("{run}\n{}", others.concat());
    user::grant(&kubectl, USER, Scope::Cluster, &all)
}

/// Generated rules, as the chart renders them.
fn rules(name: &str) -> Result<String> {
    let filled = user::generated_rules(name)?
        .replace(
            "{{ include \"locust-operator.webhookSecret\" . | quote }}",
            SECRET,
        )
        .replace(
            "{{ include \"locust-operator.webhookConfiguration\" . | quote }}",
            CONFIGURATION,
        );
    Ok(filled)
}

/// Flags of an operator whose webhook server listens on this port.
pub fn flags(port: u16) -> [String; 5] {
    [
        "--webhooks=true".to_owned(),
        format!("--webhook-listen-address=127.0.0.1:{port}"),
        format!("--webhook-secret={NAMESPACE}/{SECRET}"),
        "--webhook-hosts=127.0.0.1".to_owned(),
        format!("--webhook-configuration={CONFIGURATION}"),
    ]
}

/// The chart's ValidatingWebhookConfiguration, but for the way to the operator, which listens on this port.
pub fn configuration(kubectl: &Kubectl, port: u16) -> Result<Value> {
    let objects = helm::rendered(kubectl.kubeconfig(), "webhook", &[])?;
    let mut configuration = objects
        .into_iter()
        .find(|object| object["kind"] == "ValidatingWebhookConfiguration")
        .context("the chart has no ValidatingWebhookConfiguration")?;
    let url = format!("https://127.0.0.1:{port}/validate");
    configuration["webhooks"][0]["clientConfig"] = json!({ "url": url });
    Ok(configuration)
}
