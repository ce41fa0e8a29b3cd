//! What an API server says of the kinds it serves, as far as it matters here: everybody may read it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::IgnoredAny};

use super::{Served, VERSION};

/// An API group: the answer to `GET /apis/locust.io`.
#[derive(Clone, Debug, Deserialize)]
pub struct Group {
    versions: Vec<GroupVersion>,
}

#[derive(Clone, Debug, Deserialize)]
struct GroupVersion {
    version: String,
}

impl Group {
    /// Its versions, the preferred first.
    pub fn versions(&self) -> Vec<String> {
        self.versions.iter().map(|it| it.version.clone()).collect()
    }
}

/// The schemas of one version of a group: the answer to `GET /openapi/v3/apis/locust.io/<version>`.
#[derive(Debug, Deserialize)]
pub struct Schemas {
    #[serde(default)]
    paths: BTreeMap<String, IgnoredAny>,
    #[serde(default)]
    components: Components,
}

#[derive(Debug, Default, Deserialize)]
struct Components {
    #[serde(default)]
    schemas: BTreeMap<String, Kind>,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(default, rename = "x-kubernetes-group-version-kind")]
    names: Vec<KindName>,
    #[serde(default)]
    properties: KindProperties,
    #[serde(default, rename = "x-kubernetes-preserve-unknown-fields")]
    keeps_all: bool,
}

#[derive(Debug, Deserialize)]
struct KindName {
    group: String,
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
struct KindProperties {
    #[serde(default)]
    spec: Names,
    status: Option<Schema>,
}

/// Only the names of the fields: the schemas of pods are large.
#[derive(Debug, Default, Deserialize)]
struct Names {
    #[serde(default)]
    properties: BTreeMap<String, IgnoredAny>,
}

/// The part of a schema that decides what is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    #[serde(default)]
    properties: BTreeMap<String, Schema>,
    items: Option<Box<Schema>>,
    #[serde(default, rename = "x-kubernetes-preserve-unknown-fields")]
    keeps_all: bool,
}

impl Schema {
    /// Whether a value at this path is kept: names with dots between, `[]` after those of lists.
    pub fn keeps(&self, path: &str) -> bool {
        let mut schema = self;
        for step in path.split('.') {
            if schema.keeps_all {
                return true;
            }
            let name = step.trim_end_matches("[]");
            let Some(inner) = schema.properties.get(name) else {
                return false;
            };
            schema = match (step != name, &inner.items) {
                (false, _) => inner,
                (true, Some(items)) => items,
                (true, None) => return inner.keeps_all,
            };
        }
        true
    }
}

impl Schemas {
    /// What these say of `LocustTest`; `None` when they do not know the kind.
    pub fn served(self) -> Option<Served> {
        let Self { paths, components } = self;
        let in_namespaces =
            format!("/apis/locust.io/{VERSION}/namespaces/{{namespace}}/locusttests");
        let status = "/locusttests/{name}/status";
        let Kind {
            names: _,
            properties,
            keeps_all,
        } = components.kind()?;
        Some(Served::Version {
            namespaced: paths.contains_key(&in_namespaces),
            status_apart: paths.keys().any(|path| path.ends_with(status)),
            spec: properties.spec.names(),
            status: properties.status.unwrap_or(Schema {
                keeps_all,
                ..Schema::default()
            }),
        })
    }

    /// The fields of the spec of `LocustTest`; `None` when they do not know the kind.
    pub fn spec_fields(self) -> Option<BTreeSet<String>> {
        let kind = self.components.kind();
        kind.map(|kind| kind.properties.spec.names())
    }
}

impl Components {
    fn kind(self) -> Option<Kind> {
        let is_ours = |name: &KindName| name.group == "locust.io" && name.kind == "LocustTest";
        self.schemas
            .into_values()
            .find(|kind| kind.names.iter().any(is_ours))
    }
}

impl Names {
    fn names(self) -> BTreeSet<String> {
        self.properties.into_keys().collect()
    }
}
