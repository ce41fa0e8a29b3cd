//! Telling somebody how the runs of a schedule went.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ScheduledRun;

/// Whom to tell how runs went. Being unable to changes no verdict; the condition NotificationsDelivered says so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) || has(self.secretRef)").message("notify has a url, or a secretRef to a Secret with the key url"))]
pub struct Notify {
    /// Where to post to by http or https. Without it, the key `url` of the Secret is the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048), regex(pattern = "^https?://"))]
    pub url: Option<String>,
    /// A Secret of this namespace: its key `url` is an address that is itself a secret, its key `token` is sent as a
    /// bearer token. The operator must have been given the right to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<NotifySecretRef>,
    /// In which form. Default: CloudEvents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<NotifyFormat>,
    /// Of what. Default: all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub events: Vec<NotifyEvent>,
}

/// A Secret of the same namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotifySecretRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The form of what is posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotifyFormat {
    /// CloudEvents 1.0, in the structured mode, as JSON.
    #[default]
    CloudEvents,
    /// A line of text, for Slack and what takes the same.
    Slack,
}

/// What somebody may want to hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotifyEvent {
    /// A run Failed.
    Failed,
    /// A run became slower than its baseline allows.
    Regression,
    /// A run was an Error.
    Error,
    /// A run Passed, and the last one before that had an answer was Failed or Error.
    Recovered,
}

impl NotifyEvent {
    /// The word, as it is written in a spec.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "Failed",
            Self::Regression => "Regression",
            Self::Error => "Error",
            Self::Recovered => "Recovered",
        }
    }
}

/// Something that somebody has still to be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// What it is.
    pub event: NotifyEvent,
    /// The run that it is about.
    pub run: ScheduledRun,
    /// How often it was sent in vain.
    #[serde(default)]
    pub tries: i32,
    /// When it is sent again. Absent before the first try, and when it was given up until the spec changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Time>,
}
