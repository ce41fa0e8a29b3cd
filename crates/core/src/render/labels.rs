//! Labels of the pods.

use std::collections::BTreeMap;

use locust_api::{
    names::{self, LABEL_GROUP, LABEL_ROLE, LABEL_RUN_ID},
    v2::LocustTestSpec,
};

use super::Run;
use crate::{argv::Role, claim::label_value};

/// Those that we select by, or that tell whose a pod is; a test cannot replace them.
const OURS: [&str; 6] = [
    names::MANAGED_BY.0,
    names::LABEL_TEST_NAME,
    names::LABEL_POD_NAME,
    LABEL_RUN_ID,
    LABEL_ROLE,
    LABEL_GROUP,
];

/// The published labels, the user's, and ours.
pub(super) fn of_pod(run: &Run<'_>, role: Role) -> BTreeMap<String, String> {
    let (managed_by, operator) = names::MANAGED_BY;
    let ours = [
        (managed_by, Some(operator.to_owned())),
        (names::LABEL_TEST_NAME, Some(label_value(run.name))),
        (names::LABEL_POD_NAME, Some(run.node_name(role).to_owned())),
        (LABEL_RUN_ID, Some(run.claim.id.clone())),
        (LABEL_ROLE, Some(role.as_str().to_owned())),
        (LABEL_GROUP, run.spec.concurrency_group.clone()),
    ];
    let mut labels = BTreeMap::from([(names::LABEL_APP.to_owned(), label_value(run.name))]);
    let of_user = of_user(run.spec, role).iter();
    labels.extend(
        of_user
            .filter(|(key, _)| !OURS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    labels.extend(
        ours.into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?))),
    );
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
