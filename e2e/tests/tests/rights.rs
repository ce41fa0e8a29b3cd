//! Least privilege: what the operator asked for in all tests of the node is exactly what its Role allows.
//! Runs after the others, on the audit log they filled.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use e2e_tests::{
    audit::Filter,
    harness,
    node::{Node, OPERATOR},
};
use serde_json::Value;

/// Rights that no request on the node shows: clusters may check the first three when an owner reference is set; the others
/// count an event that comes again, renew a certificate, tell of tests that were stored as an older version, whose a
/// taken name of a policy is, which namespaces a template is for, that a suite is to go or has gone, and of a Deployment that a step
/// waits for, which the tests against an API server alone see.
const NOT_SEEN_HERE: [&str; 11] = [
    "update locust.io/locusttests/finalizers",
    "update locust.io/locusttestsuites/finalizers",
    "update locust.io/locustschedules/finalizers",
    "get /namespaces",
    "delete locust.io/locusttestsuites",
    "get locust.io/locusttestsuites",
    "get apps/deployments",
    "patch events.k8s.io/events",
    "update /secrets",
    "patch apiextensions.k8s.io/customresourcedefinitions/status",
    "get networking.k8s.io/networkpolicies",
];

fn allowed(node: &Node) -> Result<BTreeSet<String>> {
    // Not the roles for tenants.
    let ours = "app.kubernetes.io/instance=locust-operator,\
        !rbac.authorization.k8s.io/aggregate-to-view,\
        !rbac.authorization.k8s.io/aggregate-to-edit,\
        !rbac.authorization.k8s.io/aggregate-to-admin";
    let mut roles = node.kubectl.list("clusterroles", ours)?;
    let own_namespace = node.kubectl.in_namespace("locust-operator");
    roles.extend(own_namespace.list("roles", ours)?);
    ensure!(
        roles.len() == 3,
        "a ClusterRole, and Roles for the Lease and the certificate: {roles:?}"
    );
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        rule[field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| Some(item.as_str()?.to_owned()))
            .collect()
    };
    let mut rights = BTreeSet::new();
    let rules = roles.iter().filter_map(|role| role["rules"].as_array());
    for rule in rules.flatten() {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                rights.extend(
                    texts(rule, "verbs")
                        .iter()
                        .map(|verb| format!("{verb} {group}/{resource}")),
                );
            }
        }
    }
    Ok(rights)
}

fn used(node: &Node) -> Result<BTreeSet<String>> {
    let requests = node.audit.requests(&Filter {
        user: OPERATOR,
        ..Filter::default()
    })?;
    let about_objects = requests
        .iter()
        .filter(|request| !request.resource().is_empty());
    Ok(about_objects
        .map(|it| format!("{} {}/{}", it.verb(), it.group(), it.resource()))
        .collect())
}

fn every_request_is_allowed(node: &Node) -> Result<()> {
    let (used, allowed) = (used(node)?, allowed(node)?);
    let extra: Vec<_> = used.difference(&allowed).collect();
    ensure!(
        !used.is_empty() && extra.is_empty(),
        "not in the Role: {extra:?}"
    );
    Ok(())
}

fn every_right_is_used(node: &Node) -> Result<()> {
    let (used, mut allowed) = (used(node)?, allowed(node)?);
    for right in NOT_SEEN_HERE {
        ensure!(allowed.remove(right), "{right} is not in the Role");
    }
    let idle: Vec<_> = allowed.difference(&used).collect();
    ensure!(idle.is_empty(), "never used: {idle:?}");
    Ok(())
}

fn no_request_was_forbidden(node: &Node) -> Result<()> {
    let requests = node.audit.requests(&Filter {
        user: OPERATOR,
        ..Filter::default()
    })?;
    let forbidden: Vec<String> = requests
        .iter()
        // Helm takes the rights away before the pods of a release end, which try to give their Lease back.
        .filter(|it| it.code() == 403 && it.resource() != "leases")
        // Everybody's: an event about what goes with its namespace has no place.
        .filter(|it| !it.refusal().contains("because it is being terminated"))
        .map(|it| it.line())
        .collect();
    ensure!(forbidden.is_empty(), "{forbidden:?}");
    Ok(())
}

fn main() -> ExitCode {
    harness::one_by_one(
        &[
            ("every_request_is_allowed", every_request_is_allowed),
            ("every_right_is_used", every_right_is_used),
            ("no_request_was_forbidden", no_request_was_forbidden),
        ],
        Node::up,
    )
}
