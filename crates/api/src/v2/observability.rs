//! Telemetry that Locust sends.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Telemetry that Locust sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Observability {
    /// OpenTelemetry (`--otel`). Needs an image with the SDK, such as locustio/locust-otel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_telemetry: Option<OpenTelemetry>,
}

/// OpenTelemetry settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!self.enabled || (has(self.endpoint) && size(self.endpoint) > 0)").message("openTelemetry.endpoint is required when it is enabled"))]
pub struct OpenTelemetry {
    /// Whether Locust sends telemetry.
    pub enabled: bool,
    /// OTLP endpoint of the collector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub endpoint: Option<String>,
    /// Default: grpc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<OtlpProtocol>,
    /// Send without TLS. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub insecure: Option<bool>,
    /// Secret with the headers that the collector asks for, such as `authorization=Basic%20dXNlcjpwYXNz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers_secret_ref: Option<HeadersSecretRef>,
    /// Also send a span for every request: as much data as the load itself. Default: false, metrics only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traces: Option<bool>,
    /// More OTEL_* variables; they win over the operator's. `OTEL_RESOURCE_ATTRIBUTES` is added to the operator's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub extra_env_vars: BTreeMap<String, String>,
}

/// An entry of a Secret that holds OTLP headers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeadersSecretRef {
    /// The Secret's name, in the test's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The entry: `name=value` pairs with commas between, values percent-encoded, as `OTEL_EXPORTER_OTLP_HEADERS`
    /// takes them. Default: headers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub key: Option<String>,
}

/// OTLP transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OtlpProtocol {
    /// OTLP over gRPC.
    #[serde(rename = "grpc")]
    Grpc,
    /// OTLP over HTTP.
    #[serde(rename = "http/protobuf")]
    HttpProtobuf,
}

impl OtlpProtocol {
    /// The word OpenTelemetry's environment variables use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::HttpProtobuf => "http/protobuf",
        }
    }
}
