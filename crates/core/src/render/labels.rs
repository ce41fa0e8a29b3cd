//! Labels of the pods.

use std::collections::BTreeMap;

use locust_api::{
    names::{self, LABEL_ROLE, LABEL_RUN_ID},
    v2::LocustTestSpec,
};

use super::Run;
use crate::{argv::Role, claim::label_value};

/// Those that we select by, or that tell whose a pod is; a test cannot replace them.
const OURS: [&str; 5] = [
    names::MANAGED_BY.0,
    names::LABEL_TEST_NAME,
    names::LABEL_POD_NAME,
    LABEL_RUN_ID,
    LABEL_ROLE,
];

/// The published labels, the user's, and ours.
pub(super) fn of_pod(run: &Run<'_>, role: Role) -> BTreeMap<String, String> {
    let ours = OURS.map(|key| {
        let value = match key {
            names::LABEL_TEST_NAME => label_value(run.name),
            names::LABEL_POD_NAME => run.node_name(role).to_owned(),
            LABEL_RUN_ID => run.claim.id.clone(),
            LABEL_ROLE => role.as_str().to_owned(),
            _ => names::MANAGED_BY.1.to_owned(),
        };
        (key.to_owned(), value)
    });
    let mut labels = BTreeMap::from([(names::LABEL_APP.to_owned(), label_value(run.name))]);
    labels.extend(of_user(run.spec, role).clone());
    labels.extend(ours);
    labels
}

/// The user's labels that are not used.
pub(super) fn warnings(spec: &LocustTestSpec) -> impl Iterator<Item = String> {
    [Role::Master, Role::Worker].into_iter().filter_map(|role| {
        let user = of_user(spec, role);
        let given: Vec<&str> = OURS
            .into_iter()
            .filter(|key| user.contains_key(*key))
            .collect();
        let keys = given.join(", ");
        (!given.is_empty()).then(|| {
            format!("spec.{role}.labels: not used, because the operator sets them: {keys}")
        })
    })
}

fn of_user(spec: &LocustTestSpec, role: Role) -> &BTreeMap<String, String> {
    match role {
        Role::Master => &spec.master.labels,
        Role::Worker => &spec.worker.labels,
    }
}
