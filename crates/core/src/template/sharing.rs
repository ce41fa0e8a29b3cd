//! Who may use a template, and what its status says.

use std::collections::BTreeMap;

use jiff::Timestamp;
use kube::core::{Selector, SelectorExt};
use locust_api::{
    conditions, reasons,
    v2::{AllowedNamespaces, LocustTemplate, LocustTemplateStatus, NamespacesFrom},
};

use super::Judged;
use crate::{admission, lifecycle::set_condition, problems::Problems};

/// Whether tests and suites of a namespace may use a template. `labels` are the namespace's; `None` when they are not
/// known, which no selector matches.
pub fn may_use(
    template: &LocustTemplate,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
) -> bool {
    if template.metadata.namespace.as_deref() == Some(namespace) {
        return true;
    }
    let Some(AllowedNamespaces { from, selector }) = &template.spec.allowed_namespaces else {
        return false;
    };
    match from {
        NamespacesFrom::Same => false,
        NamespacesFrom::All => true,
        NamespacesFrom::Selector => {
            let selector = selector
                .as_ref()
                .and_then(|selector| selector.decode().ok());
            let selector = selector.and_then(|selector| Selector::try_from(selector).ok());
            selector
                .zip(labels)
                .is_some_and(|(selector, labels)| selector.matches(labels))
        }
    }
}

/// The status of a template that was judged: `Ready`, and its parameters in a line.
pub fn status(
    template: &LocustTemplate,
    judged: &Result<Judged, Problems>,
    now: Timestamp,
) -> LocustTemplateStatus {
    let generation = template.metadata.generation;
    let before = template.status.as_ref();
    let mut conditions = before.map_or_else(Vec::new, |status| status.conditions.clone());
    let (word, reason, message, parameters) = match judged {
        Ok(Judged {
            parameters,
            warnings,
        }) => {
            let mut sentences = vec!["tests can be made from it".to_owned()];
            sentences.extend(admission::few(warnings.clone()));
            let parameters = (!parameters.is_empty()).then(|| parameters.clone());
            (
                "True",
                reasons::TEMPLATE_VALID,
                sentences.join("; "),
                parameters,
            )
        }
        Err(problems) => (
            "False",
            reasons::TEMPLATE_INVALID,
            problems.to_string(),
            None,
        ),
    };
    set_condition(
        &mut conditions,
        conditions::READY,
        word,
        reason,
        &message,
        generation,
        now,
    );
    LocustTemplateStatus {
        observed_generation: generation,
        parameters,
        conditions,
    }
}
