//! The CustomResourceDefinitions, as they are installed.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion, JSONSchemaProps,
    JSONSchemaPropsOrArray, JSONSchemaPropsOrBool, ValidationRule,
};
use kube::CustomResourceExt;

use crate::{
    frozen::{self, Frozen},
    v1, v2,
};

/// The CRD of `LocustTest`: v2, which is stored, and v1.
///
/// v1 is served only where something converts it: without, the API server would drop what the versions do not share.
/// So it is not served here; who installs the conversion webhook turns it on.
pub fn locust_test() -> CustomResourceDefinition {
    let mut crd = v2::LocustTest::crd();
    let mut v1 = v1::LocustTest::crd().spec.versions;
    v1.iter_mut().for_each(|version| version.served = false);
    for version in &mut crd.spec.versions {
        finish(version, &frozen::V2);
    }
    for version in &mut v1 {
        condense(version);
        finish(version, &frozen::V1);
    }
    crd.spec.versions.extend(v1);
    crd
}

/// The CRD of `LocustTestSuite`.
pub fn locust_test_suite() -> CustomResourceDefinition {
    let mut crd = v2::LocustTestSuite::crd();
    for version in &mut crd.spec.versions {
        finish(version, &frozen::SUITE);
        if let Some(root) = root(version) {
            let rules = root.x_kubernetes_validations.get_or_insert_default();
            rules.extend(["steps", "finally"].map(same_order));
        }
    }
    crd
}

/// The CRD of `LocustTemplate`. Nothing of it is frozen: a run that has started does not read it again.
pub fn locust_template() -> CustomResourceDefinition {
    let mut crd = v2::LocustTemplate::crd();
    for version in &mut crd.spec.versions {
        root(version).into_iter().for_each(tidy);
    }
    crd
}

/// The CRD of `LocustSchedule`. Nothing of it is frozen: a change is for the runs that start afterwards.
pub fn locust_schedule() -> CustomResourceDefinition {
    let mut crd = v2::LocustSchedule::crd();
    for version in &mut crd.spec.versions {
        let Some(root) = root(version) else { continue };
        tidy(root);
        for list in ["steps", "finally"] {
            let steps = below(root, &["spec", "runTemplate", "suite", list]);
            let step = steps.and_then(items);
            // What is in the test of a step is told of `runTemplate.test`, and has to be told once.
            let test = step.and_then(|step| below(step, &["test"]));
            if let Some(fields) = test.and_then(|test| test.properties.as_mut()) {
                fields.values_mut().for_each(silence);
            }
        }
    }
    crd
}

/// The schema of the field at this path.
fn below<'a>(schema: &'a mut JSONSchemaProps, path: &[&str]) -> Option<&'a mut JSONSchemaProps> {
    path.iter().try_fold(schema, |schema, name| {
        schema.properties.as_mut()?.get_mut(*name)
    })
}

/// The schema of what is in a list.
fn items(list: &mut JSONSchemaProps) -> Option<&mut JSONSchemaProps> {
    match &mut list.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
        Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
    }
}

/// Leaves out all descriptions.
fn silence(schema: &mut JSONSchemaProps) {
    schema.description = None;
    each_below(schema, silence);
}

/// Does this to every schema that is part of this one.
fn each_below(schema: &mut JSONSchemaProps, act: fn(&mut JSONSchemaProps)) {
    schema
        .properties
        .iter_mut()
        .flat_map(|map| map.values_mut())
        .for_each(act);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => act(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(act),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        act(values);
    }
}

fn root(version: &mut CustomResourceDefinitionVersion) -> Option<&mut JSONSchemaProps> {
    version.schema.as_mut()?.open_api_v3_schema.as_mut()
}

/// To the API server lists of named items are equal in any order, and steps in another order are another suite.
fn same_order(field: &str) -> ValidationRule {
    let names = |object: &str| format!("{object}.spec.{field}.map(step, step.name)");
    let (new, old) = (names("self"), names("oldSelf"));
    ValidationRule {
        rule: format!(
            "!has(oldSelf.status) || !has(oldSelf.status.run) || !has(self.spec.{field}) || !has(oldSelf.spec.{field}) || {new} == {old}"
        ),
        message: Some(frozen::SUITE.words()),
        field_path: Some(format!(".spec.{field}")),
        ..ValidationRule::default()
    }
}

/// What the status of the deprecated version shows without saying what is in it: v2 says it.
const NUMBERS: [&str; 6] = ["comparison", "pin", "progress", "run", "summary", "workers"];

fn condense(version: &mut CustomResourceDefinitionVersion) {
    let root = version
        .schema
        .as_mut()
        .and_then(|schema| schema.open_api_v3_schema.as_mut());
    let status = root
        .and_then(|root| root.properties.as_mut())
        .and_then(|properties| properties.get_mut("status"));
    let Some(fields) = status.and_then(|status| status.properties.as_mut()) else {
        return;
    };
    for name in NUMBERS {
        if let Some(field) = fields.get_mut(name) {
            *field = JSONSchemaProps {
                description: field.description.take(),
                type_: Some("object".to_owned()),
                x_kubernetes_preserve_unknown_fields: Some(true),
                ..JSONSchemaProps::default()
            };
        }
    }
}

fn finish(version: &mut CustomResourceDefinitionVersion, frozen: &'static Frozen) {
    if let Some(root) = root(version) {
        tidy(root);
        root.x_kubernetes_validations
            .get_or_insert_default()
            .extend(freeze_rules(frozen));
    }
}

/// One root rule per field: a rule on the spec could not see the stored status.
fn freeze_rules(frozen: &'static Frozen) -> impl Iterator<Item = ValidationRule> {
    frozen.each().map(|(parent, field)| {
        let (new, old) = (format!("self.{parent}"), format!("oldSelf.{parent}"));
        // The spec is always there; what is below it may not be.
        let has = |object: &str| match parent.split_once('.') {
            None => format!("has({object}.{field})"),
            Some(_) => format!("(has({object}) && has({object}.{field}))"),
        };
        let (has_new, has_old) = (has(&new), has(&old));
        ValidationRule {
            rule: format!(
                "!has(oldSelf.status) || !has(oldSelf.status.run) || ({has_new} == {has_old} && (!{has_new} || {new}.{field} == {old}.{field}))"
            ),
            message: Some(frozen.words()),
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
    each_below(schema, tidy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frozen::Fields;

    fn all() -> [CustomResourceDefinition; 4] {
        [
            locust_test(),
            locust_test_suite(),
            locust_schedule(),
            locust_template(),
        ]
    }

    fn properties(schema: &JSONSchemaProps, path: &[&str]) -> Vec<String> {
        let found = path.iter().fold(schema, |schema, name| {
            &schema.properties.as_ref().unwrap()[*name]
        });
        found.properties.as_ref().unwrap().keys().cloned().collect()
    }

    /// A field added to the spec must be decided on: frozen at the start, or listed here.
    #[test]
    fn every_field_is_frozen_or_named_mutable() {
        let (tests, suites) = (locust_test(), locust_test_suite());
        for (crd, version, frozen, mutable) in [
            (
                &suites,
                "v2",
                &frozen::SUITE,
                [("spec", "suspend"), ("spec", "stop"), ("spec", "retention")].as_slice(),
            ),
            (
                &tests,
                "v2",
                &frozen::V2,
                [
                    ("spec", "worker"),
                    ("spec", "retention"),
                    ("spec", "stop"),
                    ("spec.worker", "replicas"),
                ]
                .as_slice(),
            ),
            (
                &tests,
                "v1",
                &frozen::V1,
                [("spec", "workerReplicas")].as_slice(),
            ),
        ] {
            let version = crd
                .spec
                .versions
                .iter()
                .find(|v| v.name == version)
                .unwrap();
            let schema = version.schema.as_ref().unwrap();
            let root = schema.open_api_v3_schema.as_ref().unwrap();
            for Fields { parent, names } in frozen.fields {
                let other = mutable.iter().filter(|(place, _)| place == parent);
                let mut named: Vec<&str> = other.map(|(_, field)| *field).collect();
                named.extend(names.iter());
                named.sort_unstable();
                let path: Vec<&str> = parent.split('.').collect();
                assert_eq!(properties(root, &path), named, "{} {parent}", version.name);
            }
        }
    }

    #[test]
    fn v2_is_stored_and_v1_is_deprecated() {
        let versions: Vec<_> = locust_test()
            .spec
            .versions
            .into_iter()
            .map(|version| {
                (
                    version.name,
                    version.served,
                    version.storage,
                    version.deprecated,
                )
            })
            .collect();
        assert_eq!(
            versions,
            [
                ("v2".to_owned(), true, true, None),
                ("v1".to_owned(), false, false, Some(true))
            ]
        );
    }

    #[test]
    fn each_stays_below_200_kb() {
        for crd in all() {
            let size = serde_json::to_string(&crd).unwrap().len();
            assert!(size < 200_000, "{:?}: {size} bytes", crd.metadata.name);
        }
    }

    /// Helm would take them for templates.
    #[test]
    fn no_description_has_braces() {
        for crd in all() {
            let text = serde_json::to_string(&crd).unwrap();
            assert!(!text.contains("{{"), "{:?}", crd.metadata.name);
        }
    }

    #[test]
    fn a_started_suite_keeps_the_order_of_its_steps() {
        let mut crd = locust_test_suite();
        let rules: Vec<String> = root(&mut crd.spec.versions[0])
            .and_then(|root| root.x_kubernetes_validations.take())
            .unwrap()
            .into_iter()
            .map(|rule| rule.rule)
            .filter(|rule| rule.contains("step.name"))
            .collect();
        assert_eq!(rules.len(), 2);
        assert!(
            rules[0].ends_with(
                "|| self.spec.steps.map(step, step.name) == oldSelf.spec.steps.map(step, step.name)"
            ),
            "{rules:?}"
        );
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
        for crd in all() {
            let crd = serde_json::to_value(crd).unwrap();
            defaults(&crd, String::new(), &mut found);
        }
        assert_eq!(found, Vec::<String>::new());
    }
}
