//! `LocustTest`: one object, one run.

use k8s_openapi::api::core::v1::{LocalObjectReference, Volume};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Baseline, EnvConfig, LocustTestStatus, MasterSpec, Observability, PodOptions, Retention,
    RunSpec, Scheduling, Security, TargetedVolumeMount, TemplateRef, TestFiles, Threshold,
    Validity, WebUi, WorkerSpec,
};
use crate::{Duration, K8s};

/// One run of a Locust load test. It runs once; to run it again, create a new one.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "locust.io",
    version = "v2",
    kind = "LocustTest",
    plural = "locusttests",
    singular = "locusttest",
    shortname = "lotest",
    category = "locust",
    namespaced,
    status = "LocustTestStatus",
    derive = "PartialEq",
    doc = "One run of a Locust load test. It runs once; to run it again, create a new one.",
    scale(
        spec_replicas_path = ".spec.worker.replicas",
        status_replicas_path = ".status.workers.desired",
        label_selector_path = ".status.workers.selector"
    ),
    selectable = ".spec.concurrencyGroup",
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Verdict", type_ = "string", json_path = ".status.verdict"),
    printcolumn(name = "Workers", type_ = "string", json_path = ".status.workers.text"),
    printcolumn(
        name = "Users",
        type_ = "integer",
        json_path = ".status.progress.users"
    ),
    printcolumn(name = "RPS", type_ = "string", json_path = ".status.progress.rps"),
    printcolumn(name = "P95", type_ = "string", json_path = ".status.progress.p95"),
    printcolumn(
        name = "Errors",
        type_ = "string",
        json_path = ".status.progress.errorRatio"
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.reason",
        priority = 1
    ),
    printcolumn(
        name = "Image",
        type_ = "string",
        json_path = ".spec.image",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.worker) || has(self.templateRef)").message("worker is required, unless templateRef names a template"))]
#[allow(
    clippy::duplicated_attributes,
    reason = "every print column repeats the same keys"
)]
pub struct LocustTestSpec {
    /// The template that the test is made from. Beside it a test may set `worker.replicas`, `startDeadline`, `retention`, `suspend`,
    /// `stop`, `concurrencyGroup`, `baseline` and what the template names in `overridable`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_ref: Option<TemplateRef>,
    /// Image of master and workers. Its entrypoint must be `locust`. Default: the operator's `--default-image`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// When to pull the image. Default: IfNotPresent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets with registry credentials, in the test's namespace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub image_pull_secrets: Vec<K8s<LocalObjectReference>>,
    /// The Locust files: from ConfigMaps, or written right here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_files: Option<TestFiles>,
    /// The load: how many users, for how long, against what. Each field is a flag of the Locust master.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunSpec>,
    /// Limits that must hold for the verdict to be Passed. Without any, failed requests fail the test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub thresholds: Vec<Threshold>,
    /// What makes the run count; below it the verdict is Inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<Validity>,
    /// What the numbers are held against, to see whether the service got slower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The Locust master.
    #[serde(default)]
    pub master: MasterSpec,
    /// The Locust workers, which make the load. Required without `templateRef`.
    #[serde(default, skip_serializing_if = "WorkerSpec::is_unset")]
    pub worker: WorkerSpec,
    /// How long the run may take from its claim until load starts; past it the verdict is Error.
    /// Default: the operator's `--start-deadline` (5m).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_deadline: Option<Duration>,
    /// How long the run may take from the start of load; past it the load is stopped and the verdict is
    /// Inconclusive. Default: `run.runTime` + `run.stopTimeout` + 5m when `run.runTime` is set, else the
    /// operator's `--default-timeout` (none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Tests of a namespace that name the same group run one at a time, in the order in which they were created; the
    /// others wait. `startDeadline` and `timeout` count from the test's turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub concurrency_group: Option<String>,
    /// While true nothing is made: the test waits. It has no effect on a test that has started, and cannot be changed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
    /// True ends the run, at any time: the load ends as by Locust's own Stop, its numbers stay, and the verdict is Aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<bool>,
    /// How long what has finished stays. It may be changed after the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Where pods may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduling: Option<Scheduling>,
    /// More of the pods of both roles: service account, priority, init containers, DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodOptions>,
    /// Environment variables and secret files of the Locust containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<EnvConfig>,
    /// Volumes that `volumeMounts` may use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub volumes: Vec<K8s<Volume>>,
    /// Where to mount `volumes`, for which role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64))]
    pub volume_mounts: Vec<TargetedVolumeMount>,
    /// Security contexts; each replaces the operator's default completely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security: Option<Security>,
    /// Telemetry that Locust sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observability: Option<Observability>,
    /// Locust's web UI, and a Service that leads to it.
    #[serde(default, rename = "webUI", skip_serializing_if = "Option::is_none")]
    pub web_ui: Option<WebUi>,
}

/// Kubernetes' image pull policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ImagePullPolicy {
    /// Ask the registry each time.
    Always,
    /// Pull when the node does not have the image.
    IfNotPresent,
    /// Use what the node has.
    Never,
}

impl ImagePullPolicy {
    /// The word Kubernetes uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }
}

impl LocustTestSpec {
    /// The smallest valid spec: one worker, and defaults for the rest.
    pub fn with_workers(replicas: i32) -> Self {
        Self {
            template_ref: None,
            image: None,
            image_pull_policy: None,
            image_pull_secrets: Vec::new(),
            test_files: None,
            run: None,
            thresholds: Vec::new(),
            validity: None,
            baseline: None,
            master: MasterSpec::default(),
            worker: WorkerSpec {
                replicas,
                ..WorkerSpec::default()
            },
            start_deadline: None,
            timeout: None,
            concurrency_group: None,
            suspend: None,
            stop: None,
            retention: None,
            scheduling: None,
            pod: None,
            env: None,
            volumes: Vec::new(),
            volume_mounts: Vec::new(),
            security: None,
            observability: None,
            web_ui: None,
        }
    }
}
