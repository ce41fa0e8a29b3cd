//! The fields of the status, for the operator to know a definition that would drop one.

use anyhow::Context as _;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};

/// The path of every field of the stored version's status, one a line; `[]` follows the name of a list.
pub fn list(crd: &CustomResourceDefinition) -> anyhow::Result<String> {
    let version = crd.spec.versions.iter().find(|version| version.storage);
    let schema = version.and_then(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    let properties = schema.and_then(|schema| schema.properties.as_ref());
    let status = properties.and_then(|properties| properties.get("status"));
    let mut paths = Vec::new();
    collect(
        status.context("no status in the definition")?,
        "",
        &mut paths,
    );
    Ok(paths.join("\n") + "\n")
}

fn collect(schema: &JSONSchemaProps, above: &str, paths: &mut Vec<String>) {
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{above}{name}");
        paths.push(path.clone());
        let items = match &field.items {
            Some(JSONSchemaPropsOrArray::Schema(items)) => Some(items),
            Some(JSONSchemaPropsOrArray::Schemas(_)) | None => None,
        };
        match items {
            Some(items) => collect(items, &format!("{path}[]."), paths),
            None => collect(field, &format!("{path}."), paths),
        }
    }
}
