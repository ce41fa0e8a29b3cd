//! A value that people write as they like: `500`, `0.5`, `true` or `"500"`.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A string, a number or a boolean, kept as it was written.
///
/// The schema takes anything, because OpenAPI as Kubernetes knows it cannot say "any scalar"; who uses the value asks for
/// its [text](Scalar::text), which lists, objects and null do not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scalar(Value);

impl Scalar {
    /// What was written, without quotes; `None` for a list, an object or null.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        match &self.0 {
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Bool(_) | Value::Number(_) => Some(Cow::Owned(self.0.to_string())),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl From<Value> for Scalar {
    fn from(value: Value) -> Self {
        Self(value)
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(Value::from(text))
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"x-kubernetes-preserve-unknown-fields": true})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn scalars_have_a_text_and_nothing_else_has() {
        for (value, text) in [
            (json!("500"), Some("500")),
            (json!(500), Some("500")),
            (json!(0.5), Some("0.5")),
            (json!(true), Some("true")),
            (json!(""), Some("")),
            (json!(null), None),
            (json!([1]), None),
            (json!({"a": 1}), None),
        ] {
            assert_eq!(Scalar::from(value.clone()).text().as_deref(), text, "{value}");
        }
    }
}
