//! From a claimed test to the objects of its run.

mod config_map;
mod container;
mod env;
mod exporter;
mod job;
mod labels;
mod mount_paths;
mod network_policy;
mod otel;
mod pod;
mod scheduling;
mod service;
mod volumes;
mod web_ui;

use std::fmt::Display;

pub(crate) use container::profile_context;
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Service},
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::Resource;
use locust_api::{
    DecodeError, Duration, K8s,
    names::{self, LABEL_RUN_ID},
    v2::{LocustTest, LocustTestSpec, RunClaim},
};
pub(crate) use pod::profile_pod_context;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::{
    argv::{self, Argv, Role},
    baseline,
    claim::label_value,
    problems::{Problem, Problems},
    settings::RunSettings,
};

/// The objects of one run, in the order in which they are created.
///
/// The master's Job comes last: its UID is written right after it exists, and from then on nothing is created again.
#[derive(Clone, Debug, PartialEq)]
pub struct RunObjects {
    /// The plugin, its settings, and inline test files.
    pub config_map: ConfigMap,
    /// Where workers find the master.
    pub service: Service,
    /// Who may reach the pods; in force before there are any.
    pub network_policy: Option<NetworkPolicy>,
    /// A way to the web UI.
    pub web_ui: Option<Service>,
    /// The workers.
    pub worker: Job,
    /// The master.
    pub master: Job,
    /// What a person should know about the spec.
    pub warnings: Vec<String>,
}

/// Everything the builders need.
struct Run<'a> {
    test: &'a LocustTest,
    spec: &'a LocustTestSpec,
    claim: &'a RunClaim,
    settings: &'a RunSettings,
    namespace: &'a str,
    name: &'a str,
}

/// The objects of the run that `claim` describes.
///
/// # Errors
/// When the spec contradicts itself: all that is wrong with it.
pub fn run_objects(
    test: &LocustTest,
    claim: &RunClaim,
    settings: &RunSettings,
) -> Result<RunObjects, Problems> {
    let run = Run {
        test,
        spec: &test.spec,
        claim,
        settings,
        namespace: test.metadata.namespace.as_deref().unwrap_or_default(),
        name: test.metadata.name.as_deref().unwrap_or_default(),
    };
    let mut problems = Problems::default();
    problems.collect(baseline::check(test));
    let master = problems.collect(argv::master(run.spec, run.start_deadline().as_secs_ceil()));
    let worker = problems.collect(argv::worker(run.spec, &claim.service_name));
    let [
        Argv {
            args: master_args,
            warnings,
        },
        Argv {
            args: worker_args,
            warnings: worker_warnings,
        },
    ] = [master, worker];
    let objects = RunObjects {
        config_map: problems.collect(config_map::build(&run)),
        service: service::build(&run),
        network_policy: settings
            .network_policy
            .as_ref()
            .map(|settings| network_policy::build(&run, settings)),
        web_ui: run
            .spec
            .web_ui_service()
            .map(|wanted| web_ui::service(&run, wanted)),
        worker: problems.collect(job::worker(&run, worker_args)),
        master: problems.collect(job::master(&run, master_args)),
        warnings: warnings
            .into_iter()
            .chain(worker_warnings)
            .chain(scheduling::warnings(run.spec, &settings.scheduling))
            .chain(otel::warning(run.spec, run.image()))
            .chain(mount_paths::warnings(&run))
            .chain(labels::warnings(run.spec))
            .collect(),
    };
    problems.or(objects)
}

/// What makes an object go with its test.
pub fn owner_reference(test: &LocustTest) -> OwnerReference {
    reference_to(test)
}

/// What makes an object go with the one that it was made for.
pub(crate) fn reference_to<K: Resource<DynamicType = ()>>(owner: &K) -> OwnerReference {
    let metadata = owner.meta();
    OwnerReference {
        api_version: K::api_version(&()).into_owned(),
        kind: K::kind(&()).into_owned(),
        name: metadata.name.clone().unwrap_or_default(),
        uid: metadata.uid.clone().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

impl Run<'_> {
    fn start_deadline(&self) -> Duration {
        self.spec
            .effective_start_deadline(self.settings.start_deadline)
    }

    fn image(&self) -> &str {
        self.spec.effective_image(&self.settings.default_image)
    }

    fn metadata(&self, name: &str) -> ObjectMeta {
        let (managed_by, operator) = names::MANAGED_BY;
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(self.namespace.to_owned()),
            owner_references: Some(vec![owner_reference(self.test)]),
            labels: Some(
                [
                    (managed_by, operator.to_owned()),
                    (names::LABEL_TEST_NAME, label_value(self.name)),
                    (LABEL_RUN_ID, self.claim.id.clone()),
                ]
                .map(|(key, value)| (key.to_owned(), value))
                .into(),
            ),
            ..ObjectMeta::default()
        }
    }

    fn node_name(&self, role: Role) -> &str {
        match role {
            Role::Master => &self.claim.master_name,
            Role::Worker => &self.claim.worker_name,
        }
    }
}

/// A value decoded for the field at this path below `spec`.
fn at<T>(field: impl Display, decoded: Result<T, DecodeError>) -> Result<T, Problems> {
    decoded.map_err(|error| Problem::new(format!("spec.{field}"), error.to_string()).into())
}

/// Decodes a list; each item that does not decode is a problem.
fn at_each<T: DeserializeOwned + JsonSchema>(
    field: &str,
    items: &[K8s<T>],
) -> Result<Vec<T>, Problems> {
    let mut problems = Problems::default();
    let mut decoded = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item = at(format_args!("{field}[{index}]"), item.decode());
        decoded.extend(problems.collect(item.map(Some)));
    }
    problems.or(decoded)
}

#[cfg(test)]
mod tests;
