//! The metrics exporter beside the master, for who wants its metrics and not the plugin's.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, ResourceRequirements, SecurityContext,
};
use locust_api::names;

use super::env::variable;
use crate::settings::ExporterSettings;

/// Published name of the container.
const NAME: &str = "locust-metrics-exporter";

/// A native sidecar: it ends with Locust, so the Job of the master can complete.
pub(super) fn container(settings: &ExporterSettings) -> Container {
    let ExporterSettings {
        image,
        pull_policy,
        port,
        resources,
    } = settings;
    let without_any = resources.requests.is_none() && resources.limits.is_none();
    Container {
        name: NAME.to_owned(),
        image: Some(image.clone()),
        image_pull_policy: Some(pull_policy.as_str().to_owned()),
        restart_policy: Some("Always".to_owned()),
        ports: Some(vec![ContainerPort {
            container_port: *port,
            ..ContainerPort::default()
        }]),
        env: Some(vec![
            variable(
                "LOCUST_EXPORTER_URI",
                &format!("http://localhost:{}", names::PORT_WEB),
            ),
            variable("LOCUST_EXPORTER_WEB_LISTEN_ADDRESS", &format!(":{port}")),
        ]),
        resources: (!without_any).then(|| ResourceRequirements {
            claims: None,
            ..resources.clone()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            read_only_root_filesystem: Some(true),
            ..SecurityContext::default()
        }),
        ..Container::default()
    }
}
