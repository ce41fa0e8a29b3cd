//! From a claimed test to the objects of its run.

mod config_map;
mod container;
mod job;
mod pod;
mod service;
mod volumes;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ConfigMap, Service},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::Resource;
use locust_api::{
    DecodeError, Duration,
    names::{self, LABEL_ROLE, LABEL_RUN_ID},
    v2::{LocustTest, LocustTestSpec, RunClaim},
};

use crate::{
    argv::{self, Argv, ArgvError, Role},
    claim::label_value,
    settings::RunSettings,
};

/// Why a spec cannot be turned into pods. The texts are for the person who wrote the spec.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// No command line.
    #[error(transparent)]
    Argv(#[from] ArgvError),
    /// A Kubernetes type inside the spec does not decode.
    #[error("spec.{field}: {source}")]
    Decode {
        /// Path below `spec`.
        field: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// Too much text for one object.
    #[error(
        "spec.testFiles.inline holds {bytes} bytes, and {limit} are allowed; put the files in a ConfigMap with `kubectl create configmap NAME --from-file=DIR --server-side` and name it in spec.testFiles.configMapRef"
    )]
    InlineTooLarge {
        /// Found.
        bytes: usize,
        /// Allowed.
        limit: usize,
    },
    /// A mount without its volume.
    #[error(
        "spec.volumeMounts[{index}] mounts the volume {name:?}, which spec.volumes does not have"
    )]
    UnknownVolume {
        /// Position in the list.
        index: usize,
        /// The volume's name.
        name: String,
    },
}

/// The objects of one run, in the order in which they are created.
///
/// The master's Job comes last: its UID is written right after it exists, and from then on nothing is created again.
#[derive(Clone, Debug, PartialEq)]
pub struct RunObjects {
    /// The plugin, its settings, and inline test files.
    pub config_map: ConfigMap,
    /// Where workers find the master.
    pub service: Service,
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
/// When the spec contradicts itself; the message names the field, what was found and what to do.
pub fn run_objects(
    test: &LocustTest,
    claim: &RunClaim,
    settings: &RunSettings,
) -> Result<RunObjects, RenderError> {
    let run = Run {
        test,
        spec: &test.spec,
        claim,
        settings,
        namespace: test.metadata.namespace.as_deref().unwrap_or_default(),
        name: test.metadata.name.as_deref().unwrap_or_default(),
    };
    let Argv {
        args: master_args,
        warnings,
    } = argv::master(run.spec, run.start_deadline().as_secs_ceil())?;
    let Argv {
        args: worker_args,
        warnings: worker_warnings,
    } = argv::worker(run.spec, &claim.service_name)?;
    Ok(RunObjects {
        config_map: config_map::build(&run)?,
        service: service::build(&run),
        worker: job::worker(&run, worker_args)?,
        master: job::master(&run, master_args)?,
        warnings: warnings.into_iter().chain(worker_warnings).collect(),
    })
}

impl Run<'_> {
    fn start_deadline(&self) -> Duration {
        self.spec
            .start_deadline
            .unwrap_or(self.settings.start_deadline)
    }

    fn metadata(&self, name: &str) -> ObjectMeta {
        let (managed_by, operator) = names::MANAGED_BY;
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(self.namespace.to_owned()),
            owner_references: Some(vec![self.owner()]),
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

    fn owner(&self) -> OwnerReference {
        OwnerReference {
            api_version: LocustTest::api_version(&()).into_owned(),
            kind: LocustTest::kind(&()).into_owned(),
            name: self.name.to_owned(),
            uid: self.test.metadata.uid.clone().unwrap_or_default(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }

    fn node_name(&self, role: Role) -> &str {
        match role {
            Role::Master => &self.claim.master_name,
            Role::Worker => &self.claim.worker_name,
        }
    }

    /// Labels of a pod: the published ones, ours, and the user's, which may replace all but those we select by.
    fn pod_labels(&self, role: Role) -> std::collections::BTreeMap<String, String> {
        let user = match role {
            Role::Master => &self.spec.master.labels,
            Role::Worker => &self.spec.worker.labels,
        };
        let (managed_by, operator) = names::MANAGED_BY;
        let mut labels = std::collections::BTreeMap::from([(
            names::LABEL_APP.to_owned(),
            label_value(self.name),
        )]);
        labels.extend(user.iter().map(|(key, value)| (key.clone(), value.clone())));
        labels.extend([
            (managed_by.to_owned(), operator.to_owned()),
            (names::LABEL_TEST_NAME.to_owned(), label_value(self.name)),
            (
                names::LABEL_POD_NAME.to_owned(),
                self.node_name(role).to_owned(),
            ),
            (LABEL_RUN_ID.to_owned(), self.claim.id.clone()),
            (LABEL_ROLE.to_owned(), role.as_str().to_owned()),
        ]);
        labels
    }
}

/// Wraps a decode error with the path of its field.
fn at<T>(field: impl Into<String>, result: Result<T, DecodeError>) -> Result<T, RenderError> {
    result.map_err(|source| RenderError::Decode {
        field: field.into(),
        source,
    })
}

#[cfg(test)]
mod tests;
