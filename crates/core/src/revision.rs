//! What a run was made from, kept as long as the run: no later edit of a template changes it, and its deletion neither.
//!
//! A `ControllerRevision` cannot be changed, which is just what is wanted. That of a test has the spec that the template
//! gave; that of a suite has the templates of all its steps, each to be filled in when its step starts.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::apps::v1::ControllerRevision,
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, runtime::RawExtension},
};
use kube::Resource;
use locust_api::{
    Scalar, names,
    v2::{
        LocustTemplate, LocustTemplateSpec, LocustTest, LocustTestSpec, LocustTestSuite,
        ParameterValue, PinnedTemplate,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    claim::{hex, label_value},
    problems::Problem,
    render::reference_to,
};

/// The most that a revision may hold, in bytes of JSON; etcd takes no more than 1.5 MiB.
const MAX_SIZE: usize = 1 << 20;

/// Which template gave a spec, and with which values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provenance {
    /// The template.
    pub template: PinnedTemplate,
    /// The values it got, by parameter; those it has itself are not among them.
    #[serde(default)]
    pub parameters: BTreeMap<String, Scalar>,
}

impl Provenance {
    /// Of what this template gives with these values.
    pub fn new(template: &LocustTemplate, parameters: &[ParameterValue]) -> Self {
        Self::of(identity(template), parameters)
    }

    /// The same of a template that was kept.
    pub fn of(template: PinnedTemplate, parameters: &[ParameterValue]) -> Self {
        let each = parameters
            .iter()
            .map(|ParameterValue { name, value }| (name.clone(), value.clone()));
        Self {
            template,
            parameters: each.collect(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfTest {
    #[serde(flatten)]
    provenance: Provenance,
    spec: LocustTestSpec,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfSuite {
    templates: Vec<Kept>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    template: PinnedTemplate,
    spec: LocustTemplateSpec,
}

/// Which template this is, and which state of it.
pub fn identity(template: &LocustTemplate) -> PinnedTemplate {
    let metadata = &template.metadata;
    let spec = serde_json::to_string(&template.spec).unwrap_or_default();
    PinnedTemplate {
        name: metadata.name.clone().unwrap_or_default(),
        namespace: metadata.namespace.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        hash: hex(spec.as_bytes())[..16].to_owned(),
    }
}

/// The revision of a test: the spec that its template gave.
///
/// # Errors
/// When it is larger than 1 MiB.
pub fn of_test(
    test: &LocustTest,
    template: &LocustTemplate,
    rendered: &LocustTestSpec,
) -> Result<ControllerRevision, Problem> {
    let reference = test.spec.template_ref.as_ref();
    let parameters = reference.map_or(&[][..], |reference| &reference.parameters);
    let data = OfTest {
        provenance: Provenance::new(template, parameters),
        spec: rendered.clone(),
    };
    let name = test.metadata.name.as_deref().unwrap_or_default();
    revision(test, &format!("{}-template", label_value(name)), &data).map_err(|words| {
        let advice = "use fewer or smaller files in the template";
        Problem::new("spec.templateRef", format!("the test {words}; {advice}"))
    })
}

/// What the revision of a test holds.
///
/// # Errors
/// When it holds something else.
pub fn rendered(revision: &ControllerRevision) -> Result<(Provenance, LocustTestSpec), String> {
    let OfTest { provenance, spec } = read(revision)?;
    Ok((provenance, spec))
}

/// The revision of a suite: the templates of all its steps. One that is given twice is kept once.
///
/// # Errors
/// When it is larger than 1 MiB.
pub fn of_suite(
    suite: &LocustTestSuite,
    templates: &[&LocustTemplate],
) -> Result<ControllerRevision, Problem> {
    let kept = templates.iter().map(|template| {
        let pinned = identity(template);
        let key = (pinned.namespace.clone(), pinned.name.clone());
        let spec = template.spec.clone();
        let kept = Kept {
            template: pinned,
            spec,
        };
        (key, kept)
    });
    let kept: BTreeMap<_, _> = kept.collect();
    let data = OfSuite {
        templates: kept.into_values().collect(),
    };
    let name = suite.metadata.name.as_deref().unwrap_or_default();
    revision(suite, &format!("{}-templates", label_value(name)), &data).map_err(|words| {
        let advice = "use fewer templates, or smaller files in them";
        Problem::new(
            "spec.steps",
            format!("their templates together {words}; {advice}"),
        )
    })
}

/// Templates by namespace and name, each with what it was when the suite started.
pub type Templates = BTreeMap<(String, String), (PinnedTemplate, LocustTemplateSpec)>;

/// What the revision of a suite holds.
///
/// # Errors
/// When it holds something else.
pub fn templates(revision: &ControllerRevision) -> Result<Templates, String> {
    let OfSuite { templates } = read(revision)?;
    let each = templates.into_iter().map(|Kept { template, spec }| {
        let key = (template.namespace.clone(), template.name.clone());
        (key, (template, spec))
    });
    Ok(each.collect())
}

fn read<T: DeserializeOwned>(revision: &ControllerRevision) -> Result<T, String> {
    let name = revision.metadata.name.as_deref().unwrap_or_default();
    let RawExtension(data) = revision
        .data
        .as_ref()
        .ok_or_else(|| format!("ControllerRevision {name:?} is empty"))?;
    T::deserialize(data).map_err(|error| {
        format!("ControllerRevision {name:?} is not one of this operator: {error}")
    })
}

/// The hash in the name lets a run be pinned anew for as long as it is not claimed: other content has another name.
fn revision<K: Resource<DynamicType = ()>>(
    owner: &K,
    stem: &str,
    data: &impl Serialize,
) -> Result<ControllerRevision, String> {
    let data = serde_json::to_value(data).map_err(|error| format!("cannot be kept: {error}"))?;
    let text = data.to_string();
    let size = text.len();
    if size > MAX_SIZE {
        return Err(format!(
            "would be {size} bytes, and at most {MAX_SIZE} can be kept"
        ));
    }
    let (managed_by, operator) = names::MANAGED_BY;
    Ok(ControllerRevision {
        metadata: ObjectMeta {
            name: Some(format!("{stem}-{}", &hex(text.as_bytes())[..8])),
            namespace: owner.meta().namespace.clone(),
            owner_references: Some(vec![reference_to(owner)]),
            labels: Some([(managed_by.to_owned(), operator.to_owned())].into()),
            ..ObjectMeta::default()
        },
        data: Some(RawExtension(data)),
        revision: 1,
    })
}

#[cfg(test)]
mod tests;
