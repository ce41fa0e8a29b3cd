//! Slim views of Jobs, Pods and Events: what decisions read, and nothing else, so that caches stay small.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, Time};
use kube::Resource;
use serde::Deserialize;

use crate::slim;

/// A Job of ours, or of the published operator.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[resource(inherit = "k8s_openapi::api::batch::v1::Job")]
pub struct JobView {
    /// Name, labels, owner.
    #[serde(deserialize_with = "slim::job_metadata")]
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
    /// How long it stays after its end, in seconds.
    pub ttl_seconds_after_finished: Option<i32>,
}

/// The part of a Job's status that is read.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatusView {
    /// When the Job controller first looked at it.
    pub start_time: Option<Time>,
    /// Pods that are pending or running.
    #[serde(default)]
    pub active: i32,
    /// Running pods that are ready.
    #[serde(default)]
    pub ready: i32,
    /// Pods that ended well.
    #[serde(default)]
    pub succeeded: i32,
    /// `Complete` and `Failed`, among others.
    #[serde(default, deserialize_with = "slim::list")]
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
    #[serde(deserialize_with = "slim::pod_metadata")]
    pub metadata: ObjectMeta,
    /// What was asked for.
    #[serde(default)]
    pub spec: PodSpecView,
    /// What became of it.
    #[serde(default)]
    pub status: PodStatusView,
}

/// The part of a Pod's spec that is read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSpecView {
    /// Longest life of the pod, in seconds.
    pub active_deadline_seconds: Option<i64>,
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
    #[serde(default, deserialize_with = "slim::list")]
    pub conditions: Vec<ConditionView>,
    /// The main containers.
    #[serde(default, deserialize_with = "slim::list")]
    pub container_statuses: Vec<ContainerView>,
    /// The init containers, native sidecars included.
    #[serde(default, deserialize_with = "slim::list")]
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

/// An event about an object.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Resource)]
#[resource(inherit = "k8s_openapi::api::events::v1::Event")]
#[serde(rename_all = "camelCase")]
pub struct EventView {
    /// Its name says nothing; its creation is when it was first seen.
    pub metadata: ObjectMeta,
    /// One word, such as `FailedCreate`.
    pub reason: Option<String>,
    /// One sentence.
    pub note: Option<String>,
    /// When it was last seen, as the old recorders say it.
    pub deprecated_last_timestamp: Option<Time>,
    /// When it was last seen, as the new recorders say it.
    pub series: Option<EventSeriesView>,
}

/// Repetitions of an event.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventSeriesView {
    /// The latest.
    pub last_observed_time: MicroTime,
}

impl EventView {
    /// What the latest of these events with this reason says, and when it was last seen.
    pub fn latest<'a>(events: &'a [Self], reason: &str) -> Option<(Timestamp, &'a str)> {
        events
            .iter()
            .filter(|event| event.reason.as_deref() == Some(reason))
            .filter_map(|event| Some((event.last_seen()?, event.note.as_deref()?)))
            .max_by_key(|(seen, _)| *seen)
    }

    /// When it last happened.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let series = self
            .series
            .as_ref()
            .map(|series| series.last_observed_time.0);
        let old = self.deprecated_last_timestamp.as_ref().map(|time| time.0);
        let first = self.metadata.creation_timestamp.as_ref().map(|time| time.0);
        series.or(old).or(first)
    }
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

    /// Why the cluster ended the pod, in the words of who did: evicted, drained, preempted, its node lost.
    pub fn disruption(&self) -> Option<&str> {
        let target = is_true(&self.status.conditions, "DisruptionTarget")
            .and_then(|condition| condition.message.as_deref());
        target.or(self.status.message.as_deref())
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
