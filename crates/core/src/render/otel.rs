//! What makes Locust's OpenTelemetry data arrive, and be told apart.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector};
use locust_api::v2::{HeadersSecretRef, LocustTestSpec, OpenTelemetry, OtlpProtocol};

use super::{
    Run,
    env::{secret_variable, variable},
};
use crate::argv::Role;

/// Entry of the Secret with headers when the test does not say.
const HEADERS_KEY: &str = "headers";
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const TRACES: &str = "OTEL_TRACES_EXPORTER";
const NONE: &str = "none";
const POD_NAME: &str = "TEST_POD_NAME";
/// The SDK's default buckets are for milliseconds, and Locust measures seconds: all would be in the first one.
const AGGREGATION: (&str, &str) = (
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "base2_exponential_bucket_histogram",
);

/// The test's OpenTelemetry settings, when it is on.
fn enabled(spec: &LocustTestSpec) -> Option<&OpenTelemetry> {
    let otel = spec.observability.as_ref()?.open_telemetry.as_ref()?;
    otel.enabled.then_some(otel)
}

/// `OTEL_*` variables, those of `extraEnvVars` in place of ours with the same name.
pub(super) fn env(run: &Run<'_>, role: Role) -> Vec<EnvVar> {
    let Some(OpenTelemetry {
        enabled: _,
        endpoint,
        protocol,
        insecure,
        headers_secret_ref,
        traces,
        extra_env_vars,
    }) = enabled(run.spec)
    else {
        return Vec::new();
    };
    let traces = if *traces == Some(true) { "otlp" } else { NONE };
    let (aggregation, exponential) = AGGREGATION;
    let mut env = vec![
        variable(TRACES, traces),
        variable("OTEL_METRICS_EXPORTER", "otlp"),
        variable("OTEL_LOGS_EXPORTER", NONE),
        variable(
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            protocol.unwrap_or(OtlpProtocol::Grpc).as_str(),
        ),
        variable(aggregation, exponential),
        variable("OTEL_SERVICE_NAME", "locust"),
        pod_name(),
        variable(
            ATTRIBUTES,
            &attributes(run, role, extra_env_vars.get(ATTRIBUTES)),
        ),
    ];
    if extra_env_vars.get(TRACES).map_or(traces, String::as_str) == NONE {
        // Locust marks each request as part of a trace all the same, and what is loaded would record that trace.
        env.push(variable("OTEL_PROPAGATORS", NONE));
    }
    if let Some(endpoint) = endpoint {
        env.push(variable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    }
    if *insecure == Some(true) {
        env.push(variable("OTEL_EXPORTER_OTLP_INSECURE", "true"));
    }
    if let Some(HeadersSecretRef { name, key }) = headers_secret_ref {
        let key = key.as_deref().unwrap_or(HEADERS_KEY);
        env.push(secret_variable("OTEL_EXPORTER_OTLP_HEADERS", name, key));
    }
    let users = || {
        extra_env_vars
            .iter()
            .filter(|(name, _)| name.as_str() != ATTRIBUTES)
    };
    env.retain(|ours| users().all(|(name, _)| *name != ours.name));
    env.extend(users().map(|(name, value)| variable(name, value)));
    env
}

/// Who sends: of equal names the SDK takes the last, so the test's own attributes win.
fn attributes(run: &Run<'_>, role: Role, users: Option<&String>) -> String {
    let pod = format!("$({POD_NAME})");
    let ours = [
        ("service.instance.id", pod.as_str()),
        ("k8s.namespace.name", run.namespace),
        ("k8s.pod.name", pod.as_str()),
        ("locust.test.name", run.name),
        ("locust.run.id", run.claim.id.as_str()),
        ("locust.role", role.as_str()),
    ];
    let mut text = ours
        .map(|(name, value)| format!("{name}={value}"))
        .join(",");
    if let Some(users) = users.filter(|users| !users.is_empty()) {
        text.push(',');
        text.push_str(users);
    }
    text
}

/// Workers that say the same of themselves would overwrite each other's numbers.
fn pod_name() -> EnvVar {
    EnvVar {
        name: POD_NAME.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                api_version: None,
                field_path: "metadata.name".to_owned(),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

/// Locust's stock image has no OpenTelemetry SDK: Locust says so in its log, runs on, and sends nothing.
pub(super) fn warning(spec: &LocustTestSpec, image: &str) -> Option<String> {
    enabled(spec)?;
    let named = image.split_once('@').map_or(image, |(named, _)| named);
    // A colon before a slash is that of a port.
    let (repository, tag) = match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, &named[repository.len()..]),
        _ => (named, ""),
    };
    let is_stock = repository == "locustio/locust" || repository.ends_with("/locustio/locust");
    is_stock.then(|| {
        format!(
            "spec.observability.openTelemetry is enabled, and the image {image} has no OpenTelemetry SDK: nothing will be sent; use {repository}-otel{tag}, or an image with `pip install locust[otel]`"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(enabled: bool) -> LocustTestSpec {
        serde_saphyr::from_str(&format!(
            "{{worker: {{replicas: 1}}, observability: {{openTelemetry: {{enabled: {enabled}, endpoint: e}}}}}}"
        ))
        .unwrap()
    }

    #[test]
    fn only_a_stock_image_is_known_to_lack_the_sdk() {
        for (image, better) in [
            (
                "locustio/locust:2.47.0",
                Some("locustio/locust-otel:2.47.0"),
            ),
            ("locustio/locust", Some("locustio/locust-otel, or")),
            (
                "mirror.example:5000/locustio/locust:2.44.1@sha256:00",
                Some("mirror.example:5000/locustio/locust-otel:2.44.1"),
            ),
            ("locustio/locust-otel:2.47.0", None),
            ("registry.example:5000/team/locust", None),
        ] {
            let warning = warning(&spec(true), image);
            match better {
                Some(better) => assert!(warning.unwrap().contains(better), "{image}"),
                None => assert_eq!(warning, None, "{image}"),
            }
        }
        assert_eq!(warning(&spec(false), "locustio/locust"), None);
    }
}
