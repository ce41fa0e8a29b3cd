//! `locust.io/v2`: the stored version.

mod baseline;
mod files;
mod locust_schedule;
mod locust_template;
mod locust_test;
mod locust_test_suite;
mod notify;
mod observability;
mod placement;
mod pod;
mod retention;
mod role;
mod run;
mod schedule_status;
mod status;
mod suite_status;
mod template_ref;
mod threshold;
mod web_ui;

pub use baseline::{
    Baseline, CompareWith, Comparison, ComparisonNote, ComparisonState, MetricComparison,
    OnRegression,
};
pub use files::{
    EnvConfig, EnvSource, InlineFile, SecretMount, TargetedVolumeMount, TestFiles, VolumeTarget,
};
pub use locust_schedule::{
    ConcurrencyPolicy, History, LocustSchedule, LocustScheduleSpec, OnConflict, RunMetadata,
    RunTemplate,
};
pub use locust_template::{
    AllowedNamespaces, LocustTemplate, LocustTemplateSpec, LocustTemplateStatus, NamespacesFrom,
    Parameter, ParameterType,
};
pub use locust_test::{ImagePullPolicy, LocustTest, LocustTestSpec};
pub use locust_test_suite::{
    ConditionWait, Execution, HttpWait, LocustTestSuite, LocustTestSuiteSpec, OnFailure, Retries,
    RetryOn, SuiteRetention, SuiteStep, WaitFor, When,
};
pub use notify::{Notice, Notify, NotifyEvent, NotifyFormat, NotifySecretRef};
pub use observability::{HeadersSecretRef, Observability, OpenTelemetry, OtlpProtocol};
pub use placement::{Scheduling, Security};
pub use pod::{DnsPolicy, PodOptions};
pub use retention::Retention;
pub use role::{Autoquit, MasterSpec, WorkerSpec};
pub use run::RunSpec;
pub use schedule_status::{LocustScheduleStatus, ScheduledRun, Skip};
pub use status::{
    EndpointSummary, ErrorSummary, LocustTestStatus, Phase, Pin, PinnedTemplate, Progress,
    RunClaim, Summary, ThresholdResult, ThresholdStatus, Verdict, WorkerCounts,
};
pub use suite_status::{LocustTestSuiteStatus, StepChild, StepPhase, StepStatus, SuiteClaim};
pub use template_ref::{ParameterValue, TemplateRef};
pub use threshold::{
    AbortRule, EndpointSelector, Metric, OnNoData, Operator, Severity, Threshold, Validity,
};
pub use web_ui::{ServiceType, WebUi, WebUiService};
