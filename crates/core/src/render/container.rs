//! The Locust container.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapEnvSource, Container, ContainerPort, EnvFromSource, EnvVar,
    ResourceRequirements, SecretEnvSource, SecurityContext,
};
use locust_api::{
    names,
    v2::{EnvSource, ImagePullPolicy, OtlpProtocol},
};

use super::{RenderError, Run, at, volumes};
use crate::{
    argv::{Role, otel_enabled},
    settings::SecurityProfile,
};

pub(super) fn locust(
    run: &Run<'_>,
    role: Role,
    args: Vec<String>,
) -> Result<Container, RenderError> {
    let ports: &[i32] = match role {
        Role::Master => &[
            names::PORT_MASTER,
            names::PORT_MASTER_LEGACY,
            names::PORT_WEB,
            names::PORT_LISTENER,
        ],
        Role::Worker => &[names::PORT_WORKER_LEGACY],
    };
    let env_from = env_from(run);
    Ok(Container {
        name: run.node_name(role).to_owned(),
        image: Some(
            run.spec
                .image
                .clone()
                .unwrap_or_else(|| run.settings.default_image.clone()),
        ),
        image_pull_policy: Some(
            run.spec
                .image_pull_policy
                .unwrap_or(ImagePullPolicy::IfNotPresent)
                .as_str()
                .to_owned(),
        ),
        args: Some(args),
        ports: Some(
            ports
                .iter()
                .map(|port| ContainerPort {
                    container_port: *port,
                    ..ContainerPort::default()
                })
                .collect(),
        ),
        env: Some(env(run, role)?),
        env_from: (!env_from.is_empty()).then_some(env_from),
        volume_mounts: Some(volumes::mounts(run, role)),
        resources: Some(resources(run, role)?),
        security_context: security_context(run)?,
        // A traceback of a locustfile that does not load is then what the status shows.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    })
}

fn resources(run: &Run<'_>, role: Role) -> Result<ResourceRequirements, RenderError> {
    let (chosen, default) = match role {
        Role::Master => (&run.spec.master.resources, &run.settings.master_resources),
        Role::Worker => (&run.spec.worker.resources, &run.settings.worker_resources),
    };
    let chosen = chosen
        .as_ref()
        .map(|chosen| at(format!("{role}.resources"), chosen.decode()))
        .transpose()?;
    let is_empty = |resources: &ResourceRequirements| {
        resources.requests.is_none() && resources.limits.is_none()
    };
    Ok(chosen
        .filter(|chosen| !is_empty(chosen))
        .unwrap_or_else(|| default.clone()))
}

fn security_context(run: &Run<'_>) -> Result<Option<SecurityContext>, RenderError> {
    let chosen = run
        .spec
        .security
        .as_ref()
        .and_then(|security| security.container_security_context.as_ref());
    if let Some(chosen) = chosen {
        return at("security.containerSecurityContext", chosen.decode()).map(Some);
    }
    Ok(match run.settings.security_profile {
        SecurityProfile::Published => None,
        SecurityProfile::Restricted => Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
    })
}

/// Ours first, then OpenTelemetry's, then the user's: the last of repeated variables wins.
fn env(run: &Run<'_>, role: Role) -> Result<Vec<EnvVar>, RenderError> {
    let mut env = vec![
        variable(names::ENV_RUN_ID, &run.claim.id),
        variable(
            names::ENV_TEST_NAME,
            &format!("{}/{}", run.namespace, run.name),
        ),
        variable(names::ENV_ROLE, role.as_str()),
        // Mounted ConfigMaps are read-only, and so may be the image.
        variable("PYTHONDONTWRITEBYTECODE", "1"),
    ];
    env.extend(otel_env(run));
    for (index, user) in run
        .spec
        .env
        .iter()
        .flat_map(|env| &env.variables)
        .enumerate()
    {
        env.push(at(format!("env.variables[{index}]"), user.decode())?);
    }
    Ok(env)
}

fn otel_env(run: &Run<'_>) -> Vec<EnvVar> {
    let otel = run
        .spec
        .observability
        .as_ref()
        .and_then(|observability| observability.open_telemetry.as_ref());
    let Some(otel) = otel.filter(|_| otel_enabled(run.spec)) else {
        return Vec::new();
    };
    let mut env = vec![
        variable("OTEL_TRACES_EXPORTER", "otlp"),
        variable("OTEL_METRICS_EXPORTER", "otlp"),
    ];
    if let Some(endpoint) = &otel.endpoint {
        env.push(variable("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    }
    env.push(variable(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        otel.protocol.unwrap_or(OtlpProtocol::Grpc).as_str(),
    ));
    if otel.insecure == Some(true) {
        env.push(variable("OTEL_EXPORTER_OTLP_INSECURE", "true"));
    }
    env.extend(
        otel.extra_env_vars
            .iter()
            .map(|(name, value)| variable(name, value)),
    );
    env
}

fn variable(name: &str, value: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    }
}

fn env_from(run: &Run<'_>) -> Vec<EnvFromSource> {
    let Some(env) = &run.spec.env else {
        return Vec::new();
    };
    let config_maps = env
        .config_map_refs
        .iter()
        .map(|EnvSource { name, prefix }| EnvFromSource {
            config_map_ref: Some(ConfigMapEnvSource {
                name: name.clone(),
                optional: None,
            }),
            prefix: prefix.clone(),
            secret_ref: None,
        });
    let secrets = env
        .secret_refs
        .iter()
        .map(|EnvSource { name, prefix }| EnvFromSource {
            secret_ref: Some(SecretEnvSource {
                name: name.clone(),
                optional: None,
            }),
            prefix: prefix.clone(),
            config_map_ref: None,
        });
    config_maps.chain(secrets).collect()
}
