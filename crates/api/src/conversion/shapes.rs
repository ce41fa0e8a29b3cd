//! How the value of a field differs between the versions.
//!
//! `show` gives what v1 says of a v2 value; `change` gives the v2 value after v1 has said something else, and keeps
//! what v1 could not see.

use serde_json::{Map, Value, json};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// How a field's value differs between the versions.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    /// Not at all.
    Same,
    /// Not at all, but it is never absent in v2.
    Replicas,
    /// v1 lists names, v2 objects with a name.
    PullSecrets,
    /// v1 knows fewer of them.
    Tolerations,
    /// v1 has a map from label to value for the required node labels.
    Affinity,
}

impl Shape {
    /// What v1 shows of a v2 value.
    pub fn show(self, v2: &Value) -> Option<Value> {
        match self {
            Self::Same | Self::Replicas => Some(v2.clone()),
            Self::PullSecrets => show_list(v2, show_pull_secret),
            Self::Tolerations => show_list(v2, show_toleration),
            Self::Affinity => show_affinity(v2),
        }
    }

    /// The v2 value when v1 says `now` where it was shown something else of `before`.
    pub fn change(self, now: Option<&Value>, before: Option<&Value>) -> Option<Value> {
        match self {
            Self::Same => now.cloned(),
            Self::Replicas => Some(now.cloned().unwrap_or_else(|| 1.into())),
            Self::PullSecrets => {
                let make = |name: &Value| json!({ "name": name });
                change_list(now, before, show_pull_secret, make)
            }
            Self::Tolerations => change_list(now, before, show_toleration, Value::clone),
            Self::Affinity => change_affinity(now, before),
        }
    }
}

type ShowItem = fn(&Value) -> Option<Value>;

fn show_list(v2: &Value, show: ShowItem) -> Option<Value> {
    let Some(items) = v2.as_array() else {
        return Some(v2.clone());
    };
    let shown: Vec<Value> = items.iter().filter_map(show).collect();
    (items.is_empty() || !shown.is_empty()).then(|| shown.into())
}

/// Items that v1 left as they were stay as they are in v2, and so do those that it could not see, at the end.
fn change_list(
    now: Option<&Value>,
    before: Option<&Value>,
    show: ShowItem,
    make: impl Fn(&Value) -> Value,
) -> Option<Value> {
    let items: &[Value] = match now {
        None => &[],
        Some(Value::Array(items)) => items,
        Some(other) => return Some(other.clone()),
    };
    let before = before.and_then(Value::as_array);
    let (mut seen, hidden): (Vec<_>, Vec<_>) = before
        .into_iter()
        .flatten()
        .map(|item| (show(item), item))
        .partition(|(shown, _)| shown.is_some());
    let mut changed: Vec<Value> = Vec::new();
    for item in items {
        let same = seen
            .iter()
            .position(|(shown, _)| shown.as_ref() == Some(item));
        changed.push(match same {
            Some(place) => seen.remove(place).1.clone(),
            None => make(item),
        });
    }
    changed.extend(hidden.into_iter().map(|(_, item)| item.clone()));
    (now.is_some() || !changed.is_empty()).then(|| changed.into())
}

fn show_pull_secret(v2: &Value) -> Option<Value> {
    let secret = v2.as_object()?;
    (secret.len() == 1).then(|| secret.get("name").cloned())?
}

/// v1 must name key and effect, and an operator that v2 may leave out.
fn show_toleration(v2: &Value) -> Option<Value> {
    const OPERATORS: [&str; 2] = ["Exists", "Equal"];
    const EFFECTS: [&str; 3] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
    let key = v2["key"].as_str()?;
    let operator = match &v2["operator"] {
        Value::Null => "Equal",
        Value::String(operator) => OPERATORS.into_iter().find(|known| known == operator)?,
        _ => return None,
    };
    let effect = v2["effect"].as_str()?;
    let effect = EFFECTS.into_iter().find(|known| *known == effect)?;
    let mut shown = json!({"key": key, "operator": operator, "effect": effect});
    match &v2["value"] {
        Value::Null => {}
        Value::String(value) => shown["value"] = value.as_str().into(),
        _ => return None,
    }
    Some(shown)
}

/// A map of all `In` expressions of all terms, each with its first value.
fn show_affinity(v2: &Value) -> Option<Value> {
    let as_it_is = || Some(v2.clone());
    let node = match v2.as_object() {
        None => return as_it_is(),
        Some(affinity) if affinity.is_empty() => return as_it_is(),
        Some(affinity) => affinity.get("nodeAffinity")?,
    };
    let required = match node.as_object() {
        None => return as_it_is(),
        Some(node) if node.is_empty() => {
            return (v2.as_object()?.len() == 1).then(|| v2.clone());
        }
        Some(node) => node.get(REQUIRED)?,
    };
    if !required.is_object() {
        return as_it_is();
    }
    let terms = required["nodeSelectorTerms"].as_array();
    let shown: Map<String, Value> = terms
        .into_iter()
        .flatten()
        .filter_map(|term| term["matchExpressions"].as_array())
        .flatten()
        .filter(|expression| expression["operator"] == "In")
        .filter_map(|expression| {
            let key = expression["key"].as_str()?;
            Some((key.to_owned(), expression["values"].get(0)?.clone()))
        })
        .collect();
    (!shown.is_empty()).then(|| json!({"nodeAffinity": { REQUIRED: shown }}))
}

/// Replaces the required node labels only: v1 knows of nothing else in there.
fn change_affinity(now: Option<&Value>, before: Option<&Value>) -> Option<Value> {
    let labels = match now.map(|now| (now.is_object(), &now["nodeAffinity"])) {
        None => None,
        Some((true, Value::Null)) => None,
        Some((true, Value::Object(node))) => match node.get(REQUIRED) {
            None => None,
            Some(Value::Object(labels)) => Some(labels),
            Some(_) => return now.cloned(),
        },
        Some(_) => return now.cloned(),
    };
    let mut affinity = before
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    let mut node = match affinity.remove("nodeAffinity") {
        Some(Value::Object(node)) => node,
        _ => Map::new(),
    };
    node.remove(REQUIRED);
    if let Some(labels) = labels.filter(|labels| !labels.is_empty()) {
        let expressions: Vec<Value> = labels
            .iter()
            .map(|(key, value)| json!({"key": key, "operator": "In", "values": [value]}))
            .collect();
        let required = json!({"nodeSelectorTerms": [{"matchExpressions": expressions}]});
        node.insert(REQUIRED.to_owned(), required);
    }
    let says_node = now.is_some_and(|now| now["nodeAffinity"].is_object());
    if says_node || !node.is_empty() {
        affinity.insert("nodeAffinity".to_owned(), node.into());
    }
    (now.is_some() || !affinity.is_empty()).then(|| affinity.into())
}
