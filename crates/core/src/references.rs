//! ConfigMaps that a spec names. That one is missing is never the spec's fault: it may come later.

use std::{collections::BTreeSet, fmt};

use k8s_openapi::api::core::v1::{EnvVar, Volume};
use locust_api::v2::{EnvConfig, LocustTestSpec, TestFiles};

/// A ConfigMap that a spec names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field that names it.
    pub field: String,
    /// Its name, in the test's namespace.
    pub name: String,
}

impl Reference {
    /// What is said when it does not exist.
    pub fn missing_in(&self, namespace: &str) -> String {
        let Self { field, name } = self;
        format!(
            "ConfigMap {name:?}, which {field} names, does not exist in namespace {namespace:?}; create it and the run starts"
        )
    }
}

/// Those with the test files: without them nothing of a run is made.
pub fn of_test_files(spec: &LocustTestSpec) -> Vec<Reference> {
    let Some(TestFiles {
        config_map_ref,
        lib_config_map_ref,
        ..
    }) = &spec.test_files
    else {
        return Vec::new();
    };
    [
        ("configMapRef", config_map_ref),
        ("libConfigMapRef", lib_config_map_ref),
    ]
    .into_iter()
    .filter_map(|(field, name)| {
        let name = name.as_ref().filter(|name| !name.is_empty())?;
        Some(reference(format_args!("testFiles.{field}"), name))
    })
    .collect()
}

/// Those, and the ones without which no container starts. One that is named twice is there once.
pub fn config_maps(spec: &LocustTestSpec) -> Vec<Reference> {
    let mut all = of_test_files(spec);
    if let Some(EnvConfig {
        config_map_refs,
        variables,
        ..
    }) = &spec.env
    {
        let sources = config_map_refs.iter().enumerate();
        all.extend(sources.map(|(index, source)| {
            reference(format_args!("env.configMapRefs[{index}]"), &source.name)
        }));
        let variables = variables.iter().enumerate();
        all.extend(variables.filter_map(|(index, variable)| {
            let name = needed_by_variable(variable.decode().ok()?)?;
            Some(reference(format_args!("env.variables[{index}]"), &name))
        }));
    }
    let volumes = spec.volumes.iter().enumerate();
    all.extend(volumes.filter_map(|(index, volume)| {
        let name = needed_by_volume(volume.decode().ok()?)?;
        Some(reference(format_args!("volumes[{index}]"), &name))
    }));
    let mut known = BTreeSet::new();
    all.retain(|reference| known.insert(reference.name.clone()));
    all
}

fn reference(field: impl fmt::Display, name: &str) -> Reference {
    Reference {
        field: format!("spec.{field}"),
        name: name.to_owned(),
    }
}

fn needed_by_variable(variable: EnvVar) -> Option<String> {
    let key = variable.value_from?.config_map_key_ref?;
    (key.optional != Some(true)).then_some(key.name)
}

fn needed_by_volume(volume: Volume) -> Option<String> {
    let config_map = volume.config_map?;
    (config_map.optional != Some(true)).then_some(config_map.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_config_map_that_is_needed() {
        let spec: LocustTestSpec = serde_saphyr::from_str(
            "{worker: {replicas: 1}, testFiles: {configMapRef: files, libConfigMapRef: ''},
              env: {configMapRefs: [{name: c}, {name: files}], variables: [
                {name: A, valueFrom: {configMapKeyRef: {name: v, key: k}}},
                {name: B, valueFrom: {configMapKeyRef: {name: w, key: k, optional: true}}}, {name: C, value: x}]},
              volumes: [{name: a, configMap: {name: m}}, {name: b, configMap: {name: n, optional: true}}, {name: c, emptyDir: {}}, {name: 5}]}",
        )
        .unwrap();
        let found: Vec<String> = config_maps(&spec)
            .into_iter()
            .map(|Reference { field, name }| format!("{field}={name}"))
            .collect();
        assert_eq!(
            found,
            [
                "spec.testFiles.configMapRef=files",
                "spec.env.configMapRefs[0]=c",
                "spec.env.variables[0]=v",
                "spec.volumes[0]=m"
            ]
        );
        assert_eq!(
            of_test_files(&spec)[0].missing_in("team"),
            "ConfigMap \"files\", which spec.testFiles.configMapRef names, does not exist in namespace \"team\"; create it and the run starts"
        );
    }
}
