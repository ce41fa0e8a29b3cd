//! Kubernetes' own types inside our specs.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// A Kubernetes type (`Volume`, `Affinity`, …) kept as the JSON the user wrote.
///
/// The schema is the type's own, so the API server checks it; the value is decoded only when pods
/// are built. Cached tests stay small: a decoded `Volume` alone takes 3 KB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct K8s<T> {
    raw: Value,
    #[serde(skip)]
    kind: PhantomData<fn() -> T>,
}

/// A value that the schema let through and that still is not the Kubernetes type it should be.
#[derive(Debug, thiserror::Error)]
#[error("not a valid {kind}: {source}")]
pub struct DecodeError {
    kind: String,
    source: serde_json::Error,
}

impl<T: DeserializeOwned + JsonSchema> K8s<T> {
    /// The typed value.
    ///
    /// # Errors
    /// When the JSON does not fit the type, which the schema normally prevents.
    pub fn decode(&self) -> Result<T, DecodeError> {
        T::deserialize(&self.raw).map_err(|source| DecodeError {
            kind: T::schema_name()
                .rsplit('.')
                .next()
                .unwrap_or_default()
                .to_owned(),
            source,
        })
    }
}

impl<T> From<Value> for K8s<T> {
    fn from(raw: Value) -> Self {
        Self {
            raw,
            kind: PhantomData,
        }
    }
}

impl<T: JsonSchema> JsonSchema for K8s<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("K8s{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<T>().to_value();
        remove_descriptions(&mut schema);
        Schema::try_from(schema).unwrap_or_default()
    }
}

/// Descriptions of Kubernetes' types are documented there and would be most of our CRD's size.
fn remove_descriptions(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // A *property* may be called `description`; then its value is a schema, not a text.
            if map.get("description").is_some_and(Value::is_string) {
                map.remove("description");
            }
            map.values_mut().for_each(remove_descriptions);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_descriptions),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{ResourceRequirements, Volume};
    use serde_json::json;

    #[test]
    fn numbers_are_quantities() {
        let requests = K8s::<ResourceRequirements>::from(json!({"requests": {"cpu": 1}}))
            .decode()
            .unwrap();
        assert_eq!(requests.requests.unwrap()["cpu"].0, "1");
    }

    #[test]
    fn an_undecodable_value_names_its_kind() {
        let error = K8s::<Volume>::from(json!({"name": 5}))
            .decode()
            .unwrap_err();
        assert!(
            error.to_string().starts_with("not a valid Volume"),
            "{error}"
        );
    }
}
