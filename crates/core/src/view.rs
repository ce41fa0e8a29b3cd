//! Slim views of Jobs and Pods: what decisions read, and nothing else, so that caches stay small.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

/// A Job of ours, or of the published operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[resource(inherit = "k8s_openapi::api::batch::v1::Job")]
pub struct JobView {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// What was asked for.
    #[serde(default)]
    pub spec: JobSpecView,
    /// What became of it.
    #[serde(default)]
    pub status: JobStatusView,
}

/// The part of a Job's spec that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobSpecView {
    /// Pods wanted at once.
    pub parallelism: Option<i32>,
    /// Longest life of the Job, in seconds.
    pub active_deadline_seconds: Option<i64>,
}

/// The part of a Job's status that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatusView {
    /// Pods that are pending or running.
    #[serde(default)]
    pub active: i32,
    /// Running pods that are ready.
    #[serde(default)]
    pub ready: i32,
    /// `Complete` and `Failed`, among others.
    #[serde(default)]
    pub conditions: Vec<ConditionView>,
}

/// A condition of a Job or Pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionView {
    /// What it is about.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word.
    pub reason: Option<String>,
    /// One sentence.
    pub message: Option<String>,
    /// Since when.
    pub last_transition_time: Option<Time>,
}

/// A Pod of ours, or of the published operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[resource(inherit = "k8s_openapi::api::core::v1::Pod")]
pub struct PodView {
    /// Name, labels, owner.
    pub metadata: ObjectMeta,
    /// What became of it.
    #[serde(default)]
    pub status: PodStatusView,
}

/// The part of a Pod's status that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodStatusView {
    /// Pending, Running, Succeeded, Failed or Unknown.
    #[serde(default)]
    pub phase: String,
    /// Why a whole pod failed, such as `Evicted`.
    pub reason: Option<String>,
    /// The same in a sentence.
    pub message: Option<String>,
    /// Its address in the pod network.
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    /// `PodScheduled`, `Ready`, `DisruptionTarget` and others.
    #[serde(default)]
    pub conditions: Vec<ConditionView>,
    /// The main containers.
    #[serde(default)]
    pub container_statuses: Vec<ContainerView>,
    /// The init containers, native sidecars included.
    #[serde(default)]
    pub init_container_statuses: Vec<ContainerView>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Whether it is ready.
    #[serde(default)]
    pub ready: bool,
    /// Times it was started again.
    #[serde(default)]
    pub restart_count: i32,
    /// The image as the node resolved it.
    #[serde(default, rename = "imageID")]
    pub image_id: String,
    /// What it is doing.
    #[serde(default)]
    pub state: ContainerStateView,
}

/// What a container is doing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct ContainerStateView {
    /// Not started.
    pub waiting: Option<WaitingView>,
    /// Running.
    pub running: Option<RunningView>,
    /// Over.
    pub terminated: Option<TerminatedView>,
}

/// A container that has not started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct WaitingView {
    /// One word, such as `ImagePullBackOff`.
    pub reason: Option<String>,
    /// The kubelet's own words.
    pub message: Option<String>,
}

/// A running container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RunningView {
    /// Since when.
    pub started_at: Option<Time>,
}

/// A container that is over.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TerminatedView {
    /// Its exit code.
    pub exit_code: i32,
    /// `Completed`, `Error`, `OOMKilled`, …
    pub reason: Option<String>,
    /// The termination message: the plugin's report, or the end of the log.
    pub message: Option<String>,
    /// When it started.
    pub started_at: Option<Time>,
    /// When it ended.
    pub finished_at: Option<Time>,
}

impl JobView {
    /// The condition that ended the Job, if it is over.
    pub fn finished(&self) -> Option<&ConditionView> {
        is_true(&self.status.conditions, "Complete")
            .or_else(|| is_true(&self.status.conditions, "Failed"))
    }
}

impl PodView {
    /// Whether the kubelet calls it ready.
    pub fn is_ready(&self) -> bool {
        is_true(&self.status.conditions, "Ready").is_some()
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.metadata.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// The Locust container: the main container named like the pod's Job.
    pub fn locust(&self) -> Option<&ContainerView> {
        let name = self.label(locust_api::names::LABEL_POD_NAME);
        let statuses = &self.status.container_statuses;
        statuses
            .iter()
            .find(|container| Some(container.name.as_str()) == name)
            .or_else(|| statuses.first())
    }
}

fn is_true<'a>(conditions: &'a [ConditionView], kind: &str) -> Option<&'a ConditionView> {
    conditions
        .iter()
        .find(|condition| condition.kind == kind && condition.status == "True")
}
