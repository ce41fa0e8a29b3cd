//! The Locust container.

use k8s_openapi::api::core::v1::{
    Capabilities, Container, ContainerPort, ResourceRequirements, SecurityContext,
};
use locust_api::{names, v2::ImagePullPolicy};

use super::{Run, at, env, volumes};
use crate::{argv::Role, problems::Problems, settings::SecurityProfile};

pub(super) fn locust(run: &Run<'_>, role: Role, args: Vec<String>) -> Result<Container, Problems> {
    let mut problems = Problems::default();
    let ports: &[i32] = match role {
        Role::Master => &[
            names::PORT_MASTER,
            names::PORT_MASTER_LEGACY,
            names::PORT_WEB,
            names::PORT_LISTENER,
        ],
        Role::Worker => &[names::PORT_WORKER_LEGACY],
    };
    let env_from = env::env_from(run);
    let container = Container {
        name: run.node_name(role).to_owned(),
        image: Some(run.image().to_owned()),
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
        env: Some(problems.collect(env::env(run, role))),
        env_from: (!env_from.is_empty()).then_some(env_from),
        volume_mounts: Some(volumes::mounts(run, role)),
        resources: Some(problems.collect(resources(run, role))),
        security_context: problems.collect(security_context(run)),
        // A traceback of a locustfile that does not load is then what the status shows.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    };
    problems.or(container)
}

fn resources(run: &Run<'_>, role: Role) -> Result<ResourceRequirements, Problems> {
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

fn security_context(run: &Run<'_>) -> Result<Option<SecurityContext>, Problems> {
    let chosen = run
        .spec
        .security
        .as_ref()
        .and_then(|security| security.container_security_context.as_ref());
    if let Some(chosen) = chosen {
        return at("security.containerSecurityContext", chosen.decode()).map(Some);
    }
    Ok(profile_context(run.settings.security_profile))
}

/// Security context of containers that bring none of their own.
pub(crate) fn profile_context(profile: SecurityProfile) -> Option<SecurityContext> {
    match profile {
        SecurityProfile::Published => None,
        SecurityProfile::Restricted => Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities {
                drop: Some(vec!["ALL".to_owned()]),
                ..Capabilities::default()
            }),
            ..SecurityContext::default()
        }),
    }
}
