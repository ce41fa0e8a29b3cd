//! What a test sets beside its template: whether it may, and how both become one spec.

use serde_json::{Map, Value};

use super::schema::Schema;
use crate::problems::Problem;

/// What a test may set whatever its template says.
const ALWAYS: &[&str] = &[
    "worker.replicas",
    "startDeadline",
    "retention",
    "suspend",
    "stop",
    "concurrencyGroup",
    "baseline",
];
/// Fields of which a spec has one: when a test sets it, the other of its template is left out.
const EITHER: &[(&str, &str, &str)] = &[
    ("testFiles", "configMapRef", "inline"),
    ("master", "command", "args"),
    ("worker", "command", "args"),
];
/// The list whose entries have names.
const NAMED: &str = "thresholds";

/// Checks that a test sets only what its template lets it set. `instance` is its spec without `templateRef`.
///
/// # Errors
/// One problem that names every other field, and those that may be set.
pub(super) fn check(instance: &Value, overridable: &[String]) -> Result<(), Problem> {
    let allowed: Vec<&str> = overridable
        .iter()
        .map(String::as_str)
        .chain(ALWAYS.iter().copied())
        .collect();
    let mut refused = Vec::new();
    find_others(instance, "", Schema::of_spec(), &allowed, &mut refused);
    if refused.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        "spec",
        format!(
            "the template does not let a test set {}; it may set {}. Remove them, or add them to the template's spec.overridable",
            refused.join(", "),
            allowed.join(", ")
        ),
    ))
}

fn find_others(
    value: &Value,
    path: &str,
    schema: Schema<'_>,
    allowed: &[&str],
    refused: &mut Vec<String>,
) {
    if allowed.contains(&path) {
        return;
    }
    match value {
        // Of a map with any keys it is enough to name the map, unless some keys are allowed.
        Value::Object(map)
            if path.is_empty() || schema.has_fields() || is_parent(path, allowed) =>
        {
            for (name, value) in map {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                find_others(value, &path, schema.field(name), allowed, refused);
            }
        }
        _ => refused.push(path.to_owned()),
    }
}

fn is_parent(path: &str, allowed: &[&str]) -> bool {
    allowed.iter().any(|allowed| {
        let rest = allowed.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The template's spec with what the test sets: objects field by field, thresholds by name, other lists as a whole.
pub(super) fn merge(template: &mut Value, instance: Value) {
    for (parent, one, other) in EITHER {
        for (set, unset) in [(one, other), (other, one)] {
            if instance[*parent].get(*set).is_some()
                && let Some(map) = template.get_mut(*parent).and_then(Value::as_object_mut)
            {
                map.remove(*unset);
            }
        }
    }
    let (Value::Object(into), Value::Object(mut from)) = (template, instance) else {
        return;
    };
    if let (Some(Value::Array(thresholds)), Some(Value::Array(_))) =
        (into.get_mut(NAMED), from.get(NAMED))
        && let Some(Value::Array(own)) = from.remove(NAMED)
    {
        merge_named(thresholds, own);
    }
    merge_objects(into, from);
}

fn merge_objects(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(into)), Value::Object(from)) => merge_objects(into, from),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// An entry of the same name is replaced; others are added.
fn merge_named(into: &mut Vec<Value>, from: Vec<Value>) {
    for entry in from {
        match into.iter_mut().find(|it| it["name"] == entry["name"]) {
            Some(same) => *same = entry,
            None => into.push(entry),
        }
    }
}
