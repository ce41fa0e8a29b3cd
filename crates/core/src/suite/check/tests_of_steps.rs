//! Tests that are written in a suite, judged as if they stood alone.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::v2::{LocustTest, LocustTestSuite};

use super::Place;
use crate::{
    admission::{self, Judgement},
    problems::{Problem, Problems},
    references::Reference,
    settings::RunSettings,
    suite::children::child_name,
};

/// What is said of the step's test; `None` when it has none, or one that only its template makes whole.
pub(super) fn judge(
    suite: &LocustTestSuite,
    place: Place<'_>,
    settings: &RunSettings,
) -> Option<Judgement> {
    let spec = place.step.test.as_ref()?;
    if spec.template_ref.is_some() {
        return None;
    }
    let name = suite.metadata.name.as_deref().unwrap_or_default();
    let test = LocustTest {
        metadata: ObjectMeta {
            name: Some(child_name(name, &place.step.name, 1)),
            namespace: suite.metadata.namespace.clone(),
            ..ObjectMeta::default()
        },
        spec: (**spec).clone(),
        status: None,
    };
    let Judgement {
        problems,
        warnings,
        references,
    } = admission::before_the_start(&test, settings);
    let prefix = format!("{}.", place.field("test"));
    let here = |text: &str| moved(text, &prefix);
    let problems: Problems = problems
        .iter()
        .map(|Problem { field, words }| Problem::new(here(field), here(words)))
        .collect();
    let references = references
        .into_iter()
        .map(|Reference { field, name }| Reference {
            field: here(&field),
            name,
        });
    Some(Judgement {
        problems,
        warnings: warnings.iter().map(|warning| here(warning)).collect(),
        references: references.collect(),
    })
}

/// The text with `prefix` in the place of each `spec.` that begins the path of a field. What users wrote is in quotes,
/// and stays.
pub(crate) fn moved(text: &str, prefix: &str) -> String {
    const ROOT: &str = "spec.";
    let mut moved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(ROOT) {
        let (before, found) = rest.split_at(at);
        let last = before.chars().last().or_else(|| moved.chars().last());
        let begins = last.is_none_or(|last| last == ' ' || last == '(');
        moved.push_str(before);
        moved.push_str(if begins { prefix } else { ROOT });
        rest = &found[ROOT.len()..];
    }
    moved.push_str(rest);
    moved
}
