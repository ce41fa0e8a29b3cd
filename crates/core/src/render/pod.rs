//! The pods of master and workers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSecurityContext, PodSpec, SeccompProfile};
use locust_api::{
    names,
    v2::{DnsPolicy, PodOptions},
};

use super::{
    Run, at, at_each, container, exporter, mount_paths,
    scheduling::{self, Placement},
    volumes,
};
use crate::{
    argv::Role,
    problems::Problems,
    settings::{RunSettings, SecurityProfile},
};

pub(super) fn spec(run: &Run<'_>, role: Role, args: Vec<String>) -> Result<PodSpec, Problems> {
    let mut problems = Problems::default();
    let Placement {
        affinity,
        tolerations,
        node_selector,
        topology_spread_constraints,
        runtime_class_name,
    } = problems.collect(scheduling::placement(run, role));
    let PodOptions {
        service_account_name,
        automount_service_account_token,
        priority_class_name,
        scheduler_name,
        topology_spread_constraints: _,
        init_containers: _,
        host_aliases,
        dns_policy,
        dns_config,
        termination_grace_period_seconds,
    } = run.spec.pod.clone().unwrap_or_default();
    let host_aliases = problems.collect(at_each("pod.hostAliases", &host_aliases));
    let dns_config = dns_config.map(|config| at("pod.dnsConfig", config.decode()));
    let pull_secrets = &run.spec.image_pull_secrets;
    let pull_secrets = problems.collect(at_each("imagePullSecrets", pull_secrets));
    let init_containers = problems.collect(init_containers(run, role));
    problems.collect(mount_paths::check(run, role));
    let spec = PodSpec {
        restart_policy: Some("Never".to_owned()),
        // A Service called locust-web would set LOCUST_WEB_PORT, and Locust would refuse to start.
        enable_service_links: Some(false),
        automount_service_account_token: automount_service_account_token.or(
            match run.settings.security_profile {
                SecurityProfile::Restricted if service_account_name.is_none() => Some(false),
                SecurityProfile::Restricted | SecurityProfile::Published => None,
            },
        ),
        service_account_name,
        priority_class_name,
        scheduler_name,
        host_aliases: (!host_aliases.is_empty()).then_some(host_aliases),
        dns_policy: dns_policy.map(DnsPolicy::as_str).map(str::to_owned),
        dns_config: problems.collect(dns_config.transpose()),
        termination_grace_period_seconds: termination_grace_period_seconds
            .or_else(|| grace_period(run)),
        security_context: Some(problems.collect(security_context(run))),
        init_containers: (!init_containers.is_empty()).then_some(init_containers),
        containers: vec![problems.collect(container::locust(run, role, args))],
        volumes: Some(problems.collect(volumes::volumes(run, role))),
        affinity,
        tolerations,
        node_selector,
        topology_spread_constraints,
        runtime_class_name,
        image_pull_secrets: (!pull_secrets.is_empty()).then_some(pull_secrets),
        ..PodSpec::default()
    };
    problems.or(spec)
}

/// Users may take their stop timeout when a pod is told to go, as on a scale-down; Kubernetes gives 30 s by default.
fn grace_period(run: &Run<'_>) -> Option<i64> {
    const DEFAULT: i64 = 30;
    const MARGIN: i64 = 10;
    let stop_timeout = run.spec.run.as_ref()?.stop_timeout?;
    let needed = i64::try_from(stop_timeout.as_secs_ceil()).ok()? + MARGIN;
    (needed > DEFAULT).then_some(needed)
}

/// How many containers the operator puts into the master's pod.
pub(super) fn containers_of_master(run: &Run<'_>) -> usize {
    let users = run
        .spec
        .pod
        .as_ref()
        .map_or(0, |pod| pod.init_containers.len());
    1 + users + usize::from(run.settings.exporter.is_some())
}

/// The exporter first: it serves from the beginning, whatever the test's own init containers do.
fn init_containers(run: &Run<'_>, role: Role) -> Result<Vec<Container>, Problems> {
    let users = run
        .spec
        .pod
        .as_ref()
        .map_or(&[][..], |pod| &pod.init_containers);
    let mut containers: Vec<Container> = match role {
        Role::Master => run
            .settings
            .exporter
            .iter()
            .map(exporter::container)
            .collect(),
        Role::Worker => Vec::new(),
    };
    for mut user in at_each("pod.initContainers", users)? {
        user.security_context = user
            .security_context
            .or_else(|| container::profile_context(run.settings.security_profile));
        containers.push(user);
    }
    Ok(containers)
}

fn security_context(run: &Run<'_>) -> Result<PodSecurityContext, Problems> {
    let chosen = run
        .spec
        .security
        .as_ref()
        .and_then(|security| security.pod_security_context.as_ref());
    if let Some(chosen) = chosen {
        return at("security.podSecurityContext", chosen.decode());
    }
    Ok(profile_pod_context(run.settings))
}

/// Security context of pods that bring none of their own.
pub(crate) fn profile_pod_context(settings: &RunSettings) -> PodSecurityContext {
    let seccomp_profile = Some(SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        ..SeccompProfile::default()
    });
    match settings.security_profile {
        SecurityProfile::Published => PodSecurityContext {
            seccomp_profile,
            ..PodSecurityContext::default()
        },
        SecurityProfile::Restricted => PodSecurityContext {
            seccomp_profile,
            run_as_non_root: Some(true),
            run_as_user: settings.run_as_user,
            ..PodSecurityContext::default()
        },
    }
}

/// Annotations of the pod: for scrapers on the master, then the user's.
pub(super) fn annotations(run: &Run<'_>, role: Role) -> BTreeMap<String, String> {
    let user = match role {
        Role::Master => &run.spec.master.annotations,
        Role::Worker => &run.spec.worker.annotations,
    };
    let mut annotations = BTreeMap::new();
    if role == Role::Master {
        let port = scraped_port(run).to_string();
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

/// The master's port that serves metrics to Prometheus.
pub(super) fn scraped_port(run: &Run<'_>) -> i32 {
    run.settings
        .exporter
        .as_ref()
        .map_or(names::PORT_LISTENER, |exporter| exporter.port)
}
