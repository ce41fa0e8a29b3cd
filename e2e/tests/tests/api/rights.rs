//! The operator's rights are what it uses: no less, and no more.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e_tests::audit::Filter;
use serde_json::Value;

use crate::world::World;

/// Given and not used here.
const UNUSED: &[(&str, &str, &str, &str)] = &[
    (
        "locust.io",
        "locusttests/finalizers",
        "update",
        "asked for by admission plugins that these API servers do not run",
    ),
    (
        "locust.io",
        "locusttestsuites/finalizers",
        "update",
        "the same",
    ),
    (
        "locust.io",
        "locustschedules/finalizers",
        "update",
        "the same",
    ),
    (
        "locust.io",
        "locusttemplates",
        "get",
        "asked for by the webhook server, which these API servers do not ask",
    ),
    (
        "events.k8s.io",
        "events",
        "patch",
        "an event that comes again within six minutes",
    ),
];

pub fn rights_are_the_least(world: &World) -> Result<()> {
    world.operator()?.get("/readyz")?;
    let requests = world.main.audit.requests(&Filter {
        user: &world.main.user.name,
        ..Filter::default()
    })?;
    let refused: Vec<String> = requests
        .iter()
        .filter(|request| !request.allowed())
        .map(|request| request.line())
        .collect();
    assert_eq!(
        refused,
        Vec::<String>::new(),
        "it asks only for what it may"
    );

    let elsewhere = world.other.audit.requests(&Filter {
        user: &world.other.user.name,
        ..Filter::default()
    })?;
    let used: BTreeSet<(String, String, String)> = requests
        .iter()
        .chain(&elsewhere)
        .filter(|request| request.event["objectRef"].is_object())
        .map(|request| {
            (
                request.group().to_owned(),
                request.resource(),
                request.verb().to_owned(),
            )
        })
        .collect();
    let role = world
        .main
        .kubectl
        .get("clusterrole", "operator-locust-operator")?;
    let mut idle = Vec::new();
    for (group, resource, verb) in rights(&role)? {
        let excused = UNUSED
            .iter()
            .any(|(g, r, v, _)| (*g, *r, *v) == (&group, &resource, &verb));
        if !excused && !used.contains(&(group.clone(), resource.clone(), verb.clone())) {
            idle.push(format!("{verb} {resource} ({group})"));
        }
    }
    ensure!(idle.is_empty(), "rights that nothing used: {idle:?}");
    Ok(())
}

fn rights(role: &Value) -> Result<Vec<(String, String, String)>> {
    let list = |rule: &Value, key: &str| -> Result<Vec<String>> {
        let values = rule[key]
            .as_array()
            .with_context(|| format!("{key} of a rule"))?;
        Ok(values
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect())
    };
    let mut rights = Vec::new();
    for rule in role["rules"].as_array().context("rules")? {
        for group in list(rule, "apiGroups")? {
            for resource in list(rule, "resources")? {
                for verb in list(rule, "verbs")? {
                    rights.push((group.clone(), resource.clone(), verb));
                }
            }
        }
    }
    Ok(rights)
}
