//! The schema of a test's spec, for specs that the API server does not see before they run.

use std::{collections::BTreeSet, sync::LazyLock};

use locust_api::crd;
use regex::Regex;
use serde_json::{Map, Value, json};

use crate::problems::{Problem, Problems};

/// More problems than this nobody reads at once.
pub(super) const MANY: usize = 24;

/// The schema of `spec` of the stored version, as it is installed.
static SPEC: LazyLock<Value> = LazyLock::new(|| {
    let versions = crd::locust_test().spec.versions;
    let stored = versions.into_iter().find(|version| version.storage);
    let root = stored
        .and_then(|version| version.schema?.open_api_v3_schema)
        .and_then(|root| root.properties?.remove("spec"));
    root.and_then(|spec| serde_json::to_value(spec).ok())
        .unwrap_or(Value::Null)
});

/// The schema of a field; of one that there is not, it allows anything.
#[derive(Clone, Copy, Default)]
pub(super) struct Schema<'a>(Option<&'a Value>);

/// What a field is, as far as a text matters that is to become its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// True or false.
    Boolean,
    /// A whole number or a text.
    IntegerOrText,
    /// A list, an object, or what the schema leaves open.
    Other,
}

impl Schema<'static> {
    /// Of a test's spec.
    pub fn of_spec() -> Self {
        Self(Some(&SPEC))
    }
}

impl<'a> Schema<'a> {
    /// As it is written.
    #[cfg(test)]
    pub fn json(self) -> &'a Value {
        self.0.unwrap_or(&Value::Null)
    }

    /// What the field is.
    pub fn kind(self) -> Kind {
        let Some(schema) = self.0 else {
            return Kind::Other;
        };
        if schema["x-kubernetes-int-or-string"] == true {
            return Kind::IntegerOrText;
        }
        match schema["type"].as_str() {
            Some("string") => Kind::Text,
            Some("integer") => Kind::Integer,
            Some("number") => Kind::Number,
            Some("boolean") => Kind::Boolean,
            _ => Kind::Other,
        }
    }

    /// Of what is in a list.
    pub fn items(self) -> Self {
        Self(self.0.and_then(|schema| schema.get("items")))
    }

    /// Of a field of an object.
    pub fn field(self, name: &str) -> Self {
        Self(self.0.and_then(|schema| {
            let named = schema["properties"].get(name);
            named.or_else(|| schema.get("additionalProperties"))
        }))
    }

    /// Whether there is such a field.
    pub fn has(self, path: &str) -> bool {
        let end = path
            .split('.')
            .fold(self, |schema, name| schema.field(name));
        end.0.is_some()
    }

    /// Whether its fields are fixed, so that each can be named.
    pub fn has_fields(self) -> bool {
        self.0
            .is_some_and(|schema| schema["properties"].is_object())
    }

    /// Adds all that is wrong with a value, whose path is `path`.
    ///
    /// What the API server checks by rules and not by structure is not looked at.
    pub fn check(self, value: &Value, path: &str, problems: &mut Problems) {
        let Some(schema) = self.0 else {
            return;
        };
        if problems.iter().len() >= MANY {
            return;
        }
        let mut add = |words: String| problems.add(Problem::new(path, words));
        if !self.check_type(value, &mut add) {
            return;
        }
        if let Some(choices) = schema["enum"].as_array()
            && !choices.contains(value)
        {
            let choices: Vec<String> = choices.iter().map(Value::to_string).collect();
            add(format!("{value} is none of {}", choices.join(", ")));
        }
        match value {
            Value::Object(map) => {
                bounds(schema, map.len(), "Properties", "entries", &mut add);
                self.check_object(map, path, problems);
            }
            Value::Array(items) => {
                bounds(schema, items.len(), "Items", "items", &mut add);
                check_keys(schema, items, path, problems);
                for (index, item) in items.iter().enumerate() {
                    self.items()
                        .check(item, &format!("{path}[{index}]"), problems);
                }
            }
            Value::String(text) => {
                bounds(
                    schema,
                    text.chars().count(),
                    "Length",
                    "characters",
                    &mut add,
                );
                if let Some(pattern) = schema["pattern"].as_str()
                    && Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
                {
                    add(format!("{} does not match {pattern}", short(text)));
                }
            }
            Value::Number(number) => {
                let number = number.as_f64().unwrap_or(f64::NAN);
                if let Some(minimum) = schema["minimum"].as_f64()
                    && number < minimum
                {
                    add(format!(
                        "{value} is less than {minimum}, the smallest value"
                    ));
                }
                if let Some(maximum) = schema["maximum"].as_f64()
                    && number > maximum
                {
                    add(format!("{value} is more than {maximum}, the largest value"));
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn check_type(self, value: &Value, add: &mut impl FnMut(String)) -> bool {
        let schema = self.0.unwrap_or(&Value::Null);
        let is_whole = || match schema["format"].as_str() {
            Some("int32") => value.as_i64().is_some_and(|it| i32::try_from(it).is_ok()),
            _ => value.as_i64().is_some(),
        };
        let (fits, wanted) = match (self.kind(), schema["type"].as_str()) {
            (Kind::Text, _) => (value.is_string(), "a text"),
            (Kind::Integer, _) => (is_whole(), "a whole number"),
            (Kind::Number, _) => (value.is_number(), "a number"),
            (Kind::Boolean, _) => (value.is_boolean(), "true or false"),
            (Kind::IntegerOrText, _) => (
                value.is_string() || value.as_i64().is_some(),
                "a whole number or a text",
            ),
            (Kind::Other, Some("object")) => (value.is_object(), "an object"),
            (Kind::Other, Some("array")) => (value.is_array(), "a list"),
            (Kind::Other, _) => (true, ""),
        };
        if !fits {
            add(format!(
                "{} is not what belongs here: {wanted}",
                described(value)
            ));
        }
        fits
    }

    fn check_object(self, map: &Map<String, Value>, path: &str, problems: &mut Problems) {
        let schema = self.0.unwrap_or(&Value::Null);
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !map.contains_key(name) {
                problems.add(Problem::new(
                    format!("{path}.{name}"),
                    "it is missing, and has no default; give it",
                ));
            }
        }
        let is_open = schema["x-kubernetes-preserve-unknown-fields"] == true
            || (schema.get("properties").is_none() && schema.get("additionalProperties").is_none());
        for (name, value) in map {
            let field = self.field(name);
            let path = format!("{path}.{}", name.escape_debug());
            if field.0.is_none() && !is_open {
                problems.add(Problem::new(
                    path,
                    "there is no such field; remove it, or correct its name",
                ));
                continue;
            }
            field.check(value, &path, problems);
        }
    }
}

/// Adds what is wrong with a size: with `minLength` and `maxLength`, and the like.
fn bounds(schema: &Value, size: usize, key: &str, what: &str, add: &mut impl FnMut(String)) {
    let bound = |end: &str| {
        let bound = schema.get(format!("{end}{key}"))?.as_u64()?;
        usize::try_from(bound).ok()
    };
    if let Some(least) = bound("min").filter(|least| size < *least) {
        add(format!("it has {size} {what}, and needs {least}"));
    }
    if let Some(most) = bound("max").filter(|most| size > *most) {
        add(format!("it has {size} {what}, and {most} are allowed"));
    }
}

/// Adds entries of a list that are there twice, where the schema says what tells them apart.
fn check_keys(schema: &Value, items: &[Value], path: &str, problems: &mut Problems) {
    let Some(keys) = schema["x-kubernetes-list-map-keys"].as_array() else {
        return;
    };
    let mut known = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let key: Vec<&Value> = keys
            .iter()
            .filter_map(Value::as_str)
            .map(|key| &item[key])
            .collect();
        let key = json!(key).to_string();
        if !known.insert(key.clone()) {
            problems.add(Problem::new(
                format!("{path}[{index}]"),
                format!("another one has the same key {key}; give it another"),
            ));
        }
    }
}

/// A value in few words.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(value) => value.to_string(),
        Value::String(text) => format!("the text {}", short(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// In quotes, and not too long for a message.
pub(super) fn short(text: &str) -> String {
    let beginning: String = text.chars().take(64).collect();
    let rest = if beginning.len() < text.len() {
        "…"
    } else {
        ""
    };
    format!("{beginning:?}{rest}")
}
