//! The CustomResourceDefinitions, as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, ValidationRule,
};
use kube::CustomResourceExt;

use crate::v2::LocustTest;

/// The top-level fields of a test's spec that are fixed once the run is claimed.
const FROZEN: &[&str] = &[
    "image",
    "imagePullPolicy",
    "imagePullSecrets",
    "testFiles",
    "run",
    "master",
    "startDeadline",
    "timeout",
    "scheduling",
    "env",
    "volumes",
    "volumeMounts",
    "security",
    "observability",
];

/// The fields of `spec.worker` that are fixed once the run is claimed: all but `replicas`.
const FROZEN_WORKER: &[&str] = &[
    "command",
    "args",
    "resources",
    "labels",
    "annotations",
    "extraArgs",
];

const FROZEN_MESSAGE: &str = "the test has started; only worker.replicas can change. Create a new LocustTest to run something else";

/// The CRD of `LocustTest`.
pub fn locust_test() -> CustomResourceDefinition {
    let mut crd = LocustTest::crd();
    for version in &mut crd.spec.versions {
        if let Some(root) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            tidy(root);
            root.x_kubernetes_validations
                .get_or_insert_default()
                .extend(freeze_rules());
        }
    }
    crd
}

/// One root rule per field: a rule on the spec could not see the stored status.
fn freeze_rules() -> impl Iterator<Item = ValidationRule> {
    let spec = FROZEN.iter().map(|field| ("spec", *field));
    let worker = FROZEN_WORKER.iter().map(|field| ("spec.worker", *field));
    spec.chain(worker).map(|(parent, field)| {
        let (new, old) = (format!("self.{parent}"), format!("oldSelf.{parent}"));
        ValidationRule {
            rule: format!(
                "!has(oldSelf.status) || !has(oldSelf.status.run) || (has({new}.{field}) == has({old}.{field}) && (!has({new}.{field}) || {new}.{field} == {old}.{field}))"
            ),
            message: Some(FROZEN_MESSAGE.to_owned()),
            field_path: Some(format!(".{parent}.{field}")),
            ..ValidationRule::default()
        }
    })
}

/// Removes what schemars writes and Kubernetes does not want: `nullable` (an explicit null is pruned instead)
/// and number formats that the API server does not know.
fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    // Defaults in a test's schema would defeat templates: nobody could tell them from what a user wrote.
    schema.default = None;
    if schema
        .format
        .as_deref()
        .is_some_and(|format| format.starts_with("uint"))
    {
        schema.format = None;
    }
    use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
        JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
    };
    schema
        .properties
        .iter_mut()
        .flat_map(|map| map.values_mut())
        .for_each(tidy);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => tidy(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(schema: &JSONSchemaProps, path: &[&str]) -> Vec<String> {
        let found = path.iter().fold(schema, |schema, name| {
            &schema.properties.as_ref().unwrap()[*name]
        });
        found.properties.as_ref().unwrap().keys().cloned().collect()
    }

    /// A field added to the spec must be decided on: frozen at the start, or listed here.
    #[test]
    fn every_field_is_frozen_or_named_mutable() {
        let crd = locust_test();
        let root = crd.spec.versions[0]
            .schema
            .as_ref()
            .unwrap()
            .open_api_v3_schema
            .as_ref()
            .unwrap();
        let mut spec: Vec<&str> = FROZEN.to_vec();
        spec.push("worker");
        spec.sort_unstable();
        assert_eq!(properties(root, &["spec"]), spec);
        let mut worker: Vec<&str> = FROZEN_WORKER.to_vec();
        worker.push("replicas");
        worker.sort_unstable();
        assert_eq!(properties(root, &["spec", "worker"]), worker);
    }

    #[test]
    fn stays_below_200_kb() {
        let size = serde_json::to_string(&locust_test()).unwrap().len();
        assert!(size < 200_000, "{size} bytes");
    }

    #[test]
    fn has_no_defaults() {
        fn defaults(value: &serde_json::Value, path: String, found: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(map) => {
                    for (key, value) in map {
                        if key == "default" && !path.ends_with("/properties") {
                            found.push(path.clone());
                        }
                        defaults(value, format!("{path}/{key}"), found);
                    }
                }
                serde_json::Value::Array(items) => {
                    items.iter().for_each(|v| defaults(v, path.clone(), found))
                }
                _ => {}
            }
        }
        let mut found = Vec::new();
        defaults(
            &serde_json::to_value(locust_test()).unwrap(),
            String::new(),
            &mut found,
        );
        assert_eq!(found, Vec::<String>::new());
    }
}
