//! Where the pods of a role may run.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Affinity, Toleration, TopologySpreadConstraint},
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use locust_api::{
    K8s,
    names::{LABEL_ROLE, LABEL_RUN_ID},
    v2::{LocustTestSpec, MasterSpec, WorkerSpec},
};

use super::{Run, at_each};
use crate::{argv::Role, problems::Problems, settings::SchedulingSettings};

/// Where the pods of a role may run, in the pod's own words; empty lists and maps are `None`.
#[derive(Default)]
pub(super) struct Placement {
    pub(super) affinity: Option<Affinity>,
    pub(super) tolerations: Option<Vec<Toleration>>,
    pub(super) node_selector: Option<BTreeMap<String, String>>,
    pub(super) topology_spread_constraints: Option<Vec<TopologySpreadConstraint>>,
    pub(super) runtime_class_name: Option<String>,
}

pub(super) fn placement(run: &Run<'_>, role: Role) -> Result<Placement, Problems> {
    let SchedulingSettings {
        affinity: use_affinity,
        tolerations: use_tolerations,
        runtime_class: default_runtime_class,
    } = &run.settings.scheduling;
    let common = run.spec.scheduling.clone().unwrap_or_default();
    let own = own(run.spec, role);
    let mut problems = Problems::default();
    let affinity = common.affinity.filter(|_| *use_affinity);
    let affinity = problems.collect(
        affinity
            .map(|affinity| super::at("scheduling.affinity", affinity.decode()))
            .transpose(),
    );
    let mut tolerations = Vec::new();
    if *use_tolerations {
        let field = format!("{role}.tolerations");
        tolerations = problems.collect(at_each("scheduling.tolerations", &common.tolerations));
        tolerations.extend(problems.collect(at_each(&field, own.tolerations)));
    }
    let mut node_selector = common.node_selector;
    node_selector.extend(own.node_selector.clone());
    let runtime_class_name = common
        .runtime_class_name
        .or_else(|| default_runtime_class.clone())
        .filter(|name| !name.is_empty());
    let topology_spread_constraints = problems.collect(spread(run, role, own.spread));
    problems.or(Placement {
        affinity,
        tolerations: (!tolerations.is_empty()).then_some(tolerations),
        node_selector: (!node_selector.is_empty()).then_some(node_selector),
        topology_spread_constraints,
        runtime_class_name,
    })
}

/// What the operator's settings keep a test from using.
pub(super) fn warnings(
    spec: &LocustTestSpec,
    settings: &SchedulingSettings,
) -> impl Iterator<Item = String> {
    let common = spec.scheduling.as_ref();
    let affinity = common.is_some_and(|common| common.affinity.is_some()) && !settings.affinity;
    let tolerations = common.is_some_and(|common| !common.tolerations.is_empty())
        || !spec.master.tolerations.is_empty()
        || !spec.worker.tolerations.is_empty();
    let ignored = |what: &str, setting: &str| {
        format!("{what} not used, because the operator runs with {setting}=false")
    };
    [
        affinity.then(|| {
            ignored(
                "spec.scheduling.affinity is",
                "ENABLE_AFFINITY_CR_INJECTION",
            )
        }),
        (tolerations && !settings.tolerations)
            .then(|| ignored("tolerations are", "ENABLE_TAINT_TOLERATIONS_CR_INJECTION")),
    ]
    .into_iter()
    .flatten()
}

/// What is set for one role alone.
struct Own<'a> {
    node_selector: &'a BTreeMap<String, String>,
    tolerations: &'a [K8s<Toleration>],
    spread: &'a [K8s<TopologySpreadConstraint>],
}

fn own(spec: &LocustTestSpec, role: Role) -> Own<'_> {
    match role {
        Role::Master => {
            let MasterSpec {
                node_selector,
                tolerations,
                topology_spread_constraints,
                ..
            } = &spec.master;
            Own {
                node_selector,
                tolerations,
                spread: topology_spread_constraints,
            }
        }
        Role::Worker => {
            let WorkerSpec {
                node_selector,
                tolerations,
                topology_spread_constraints,
                ..
            } = &spec.worker;
            Own {
                node_selector,
                tolerations,
                spread: topology_spread_constraints,
            }
        }
    }
}

fn spread(
    run: &Run<'_>,
    role: Role,
    own: &[K8s<TopologySpreadConstraint>],
) -> Result<Option<Vec<TopologySpreadConstraint>>, Problems> {
    let common = run
        .spec
        .pod
        .as_ref()
        .map_or(&[][..], |pod| &pod.topology_spread_constraints);
    let mut constraints = if own.is_empty() {
        at_each("pod.topologySpreadConstraints", common)?
    } else {
        at_each(&format!("{role}.topologySpreadConstraints"), own)?
    };
    for constraint in &mut constraints {
        // Kubernetes takes a missing selector for one that matches nothing, and spreads nothing.
        constraint
            .label_selector
            .get_or_insert_with(|| LabelSelector {
                match_labels: Some(
                    [
                        (LABEL_RUN_ID.to_owned(), run.claim.id.clone()),
                        (LABEL_ROLE.to_owned(), role.as_str().to_owned()),
                    ]
                    .into(),
                ),
                match_expressions: None,
            });
    }
    Ok((!constraints.is_empty()).then_some(constraints))
}
