//! Least privilege: what the operator asked for in all tests of the node is exactly what its Role allows.
//! Runs after the others, on the audit log they filled.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e_tests::{
    audit::Filter,
    harness,
    node::{Node, OPERATOR},
};
use serde_json::Value;

/// A right that no request shows: clusters may check it when an owner reference is set.
const CHECKED_BY_OTHERS: &str = "update locust.io/locusttests/finalizers";

fn allowed(node: &Node) -> Result<BTreeSet<String>> {
    let roles = node
        .kubectl
        .list("clusterroles", "app.kubernetes.io/instance=locust-operator")?;
    let role = roles.first().context("the operator's ClusterRole")?;
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        rule[field]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| Some(item.as_str()?.to_owned()))
            .collect()
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().context("rules")? {
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
    ensure!(
        allowed.remove(CHECKED_BY_OTHERS),
        "{CHECKED_BY_OTHERS} is in the Role"
    );
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
        .filter(|it| it.code() == 403)
        .map(|it| it.line())
        .collect();
    ensure!(forbidden.is_empty(), "{forbidden:?}");
    Ok(())
}

fn main() -> ExitCode {
    let cases = harness::selected(&[
        ("every_request_is_allowed", every_request_is_allowed),
        ("every_right_is_used", every_right_is_used),
        ("no_request_was_forbidden", no_request_was_forbidden),
    ]);
    if harness::only_list() {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    match Node::up() {
        Ok(node) => harness::conclude(
            cases.len(),
            &harness::run(&cases, &node, 1),
            begin.elapsed(),
        ),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
