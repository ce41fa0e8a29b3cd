//! `locust.io/v2`: the stored version.

mod files;
mod locust_test;
mod observability;
mod placement;
mod pod;
mod retention;
mod role;
mod run;
mod status;
mod threshold;
mod web_ui;

pub use files::{
    EnvConfig, EnvSource, InlineFile, SecretMount, TargetedVolumeMount, TestFiles, VolumeTarget,
};
pub use locust_test::{ImagePullPolicy, LocustTest, LocustTestSpec};
pub use observability::{HeadersSecretRef, Observability, OpenTelemetry, OtlpProtocol};
pub use placement::{Scheduling, Security};
pub use pod::{DnsPolicy, PodOptions};
pub use retention::Retention;
pub use role::{Autoquit, MasterSpec, WorkerSpec};
pub use run::RunSpec;
pub use status::{
    EndpointSummary, ErrorSummary, LocustTestStatus, Phase, Pin, Progress, RunClaim, Summary,
    ThresholdResult, ThresholdStatus, Verdict, WorkerCounts,
};
pub use threshold::{
    AbortRule, EndpointSelector, Metric, OnNoData, Operator, Severity, Threshold, Validity,
};
pub use web_ui::{ServiceType, WebUi, WebUiService};
