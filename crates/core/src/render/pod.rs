//! The pods of master and workers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSecurityContext, PodSpec, SeccompProfile};
use locust_api::names;

use super::{RenderError, Run, at, container, volumes};
use crate::{
    argv::{Role, otel_enabled},
    settings::SecurityProfile,
};

pub(super) fn spec(run: &Run<'_>, role: Role, args: Vec<String>) -> Result<PodSpec, RenderError> {
    let scheduling = run.spec.scheduling.clone().unwrap_or_default();
    let affinity = scheduling
        .affinity
        .map(|affinity| at("scheduling.affinity", affinity.decode()))
        .transpose()?;
    let tolerations = scheduling
        .tolerations
        .iter()
        .enumerate()
        .map(|(index, toleration)| {
            at(
                format!("scheduling.tolerations[{index}]"),
                toleration.decode(),
            )
        })
        .collect::<Result<Vec<_>, _>>()?;
    let pull_secrets = run
        .spec
        .image_pull_secrets
        .iter()
        .enumerate()
        .map(|(index, secret)| at(format!("imagePullSecrets[{index}]"), secret.decode()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(PodSpec {
        restart_policy: Some("Never".to_owned()),
        // A Service called locust-web would set LOCUST_WEB_PORT, and Locust would refuse to start.
        enable_service_links: Some(false),
        automount_service_account_token: match run.settings.security_profile {
            SecurityProfile::Restricted => Some(false),
            SecurityProfile::Published => None,
        },
        security_context: Some(security_context(run)?),
        containers: vec![container::locust(run, role, args)?],
        volumes: Some(volumes::volumes(run, role)?),
        affinity,
        tolerations: (!tolerations.is_empty()).then_some(tolerations),
        node_selector: (!scheduling.node_selector.is_empty()).then_some(scheduling.node_selector),
        runtime_class_name: scheduling
            .runtime_class_name
            .filter(|name| !name.is_empty()),
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        ..PodSpec::default()
    })
}

fn security_context(run: &Run<'_>) -> Result<PodSecurityContext, RenderError> {
    let chosen = run
        .spec
        .security
        .as_ref()
        .and_then(|security| security.pod_security_context.as_ref());
    if let Some(chosen) = chosen {
        return at("security.podSecurityContext", chosen.decode());
    }
    let seccomp_profile = Some(SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        ..SeccompProfile::default()
    });
    Ok(match run.settings.security_profile {
        SecurityProfile::Published => PodSecurityContext {
            seccomp_profile,
            ..PodSecurityContext::default()
        },
        SecurityProfile::Restricted => PodSecurityContext {
            seccomp_profile,
            run_as_non_root: Some(true),
            run_as_user: run.settings.run_as_user,
            ..PodSecurityContext::default()
        },
    })
}

/// Annotations of the pod: for scrapers on the master, then the user's.
pub(super) fn annotations(run: &Run<'_>, role: Role) -> BTreeMap<String, String> {
    let (scraped, user) = match role {
        Role::Master => (!otel_enabled(run.spec), &run.spec.master.annotations),
        Role::Worker => (false, &run.spec.worker.annotations),
    };
    let mut annotations = BTreeMap::new();
    if scraped {
        let port = names::PORT_LISTENER.to_string();
        for (key, value) in [
            ("scrape", "true"),
            ("path", "/metrics"),
            ("port", port.as_str()),
        ] {
            annotations.insert(format!("prometheus.io/{key}"), value.to_owned());
        }
    }
    annotations.extend(user.iter().map(|(key, value)| (key.clone(), value.clone())));
    annotations
}
