//! The policy around the pods of a run.

use k8s_openapi::{
    api::networking::v1::{
        NetworkPolicy, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};
use locust_api::names::{self, LABEL_ROLE, LABEL_RUN_ID};

use super::{Run, pod};
use crate::{
    argv::{self, Role},
    settings::NetworkPolicySettings,
};

/// One policy for both roles. Its ports are all the master's: a worker listens to nothing.
pub(super) fn build(run: &Run<'_>, settings: &NetworkPolicySettings) -> NetworkPolicy {
    let NetworkPolicySettings {
        metrics_from,
        web_ui_from,
    } = settings;
    let run_id = (LABEL_RUN_ID, run.claim.id.as_str());
    let workers = NetworkPolicyPeer {
        pod_selector: Some(selector(&[run_id, (LABEL_ROLE, Role::Worker.as_str())])),
        ..NetworkPolicyPeer::default()
    };
    let mut metrics = vec![names::PORT_LISTENER, pod::scraped_port(run)];
    metrics.dedup();
    let mut ingress = vec![
        rule(
            &[names::PORT_MASTER, names::PORT_MASTER_LEGACY],
            vec![workers],
        ),
        rule(&metrics, metrics_from.clone()),
    ];
    // Whoever reaches the web UI commands the load, so it is for who asked for a way to it.
    if run.spec.web_ui_service().is_some() {
        ingress.push(rule(&[argv::web_port(run.spec)], web_ui_from.clone()));
    }
    NetworkPolicy {
        metadata: run.metadata(&run.claim.master_name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(&[run_id])),
            policy_types: Some(vec!["Ingress".to_owned()]),
            ingress: Some(ingress),
            egress: None,
        }),
    }
}

/// From these, or from everybody when there are none.
fn rule(ports: &[i32], from: Vec<NetworkPolicyPeer>) -> NetworkPolicyIngressRule {
    let port = |port: &i32| NetworkPolicyPort {
        port: Some(IntOrString::Int(*port)),
        protocol: Some("TCP".to_owned()),
        end_port: None,
    };
    NetworkPolicyIngressRule {
        from: (!from.is_empty()).then_some(from),
        ports: Some(ports.iter().map(port).collect()),
    }
}

fn selector(labels: &[(&str, &str)]) -> LabelSelector {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    LabelSelector {
        match_labels: Some(labels.iter().map(owned).collect()),
        match_expressions: None,
    }
}
