//! Requests and limits of Locust pods that give none, by the published variables' names.

use clap::Args;
use k8s_openapi::api::core::v1::ResourceRequirements;
use locust_core::settings;

use super::{Checker, or_default};

/// Declares the flags of one role; the published operator has the same three-by-two for all, masters and workers.
macro_rules! resource_args {
    ($($field:ident, $flag:literal, $env:literal, $default:literal, $help:literal;)*) => {
        /// Requests and limits of Locust pods that give none.
        #[derive(Debug, Args)]
        #[command(next_help_heading = "Resources of Locust pods (empty: the value for all pods, or the default; none: no request or limit)")]
        pub(super) struct ResourceArgs {
            $(#[doc = $help]
            #[arg(long = $flag, env = $env, default_value = $default, value_name = "QUANTITY")]
            $field: String,)*
        }

        impl ResourceArgs {
            fn value(&self, flag: &str) -> &str {
                match flag {
                    $($flag => &self.$field,)*
                    _ => "",
                }
            }
        }
    };
}

resource_args! {
    pod_cpu_request, "pod-cpu-request", "POD_CPU_REQUEST", "250m", "CPU request.";
    pod_mem_request, "pod-mem-request", "POD_MEM_REQUEST", "128Mi", "Memory request.";
    pod_ephemeral_request, "pod-ephemeral-request", "POD_EPHEMERAL_REQUEST", "30M", "Ephemeral storage request.";
    pod_cpu_limit, "pod-cpu-limit", "POD_CPU_LIMIT", "1000m", "CPU limit.";
    pod_mem_limit, "pod-mem-limit", "POD_MEM_LIMIT", "1024Mi", "Memory limit.";
    pod_ephemeral_limit, "pod-ephemeral-limit", "POD_EPHEMERAL_LIMIT", "50M", "Ephemeral storage limit.";
    master_cpu_request, "master-pod-cpu-request", "MASTER_POD_CPU_REQUEST", "", "CPU request of masters.";
    master_mem_request, "master-pod-mem-request", "MASTER_POD_MEM_REQUEST", "", "Memory request of masters.";
    master_ephemeral_request, "master-pod-ephemeral-request", "MASTER_POD_EPHEMERAL_REQUEST", "", "Ephemeral storage request of masters.";
    master_cpu_limit, "master-pod-cpu-limit", "MASTER_POD_CPU_LIMIT", "", "CPU limit of masters.";
    master_mem_limit, "master-pod-mem-limit", "MASTER_POD_MEM_LIMIT", "", "Memory limit of masters.";
    master_ephemeral_limit, "master-pod-ephemeral-limit", "MASTER_POD_EPHEMERAL_LIMIT", "", "Ephemeral storage limit of masters.";
    worker_cpu_request, "worker-pod-cpu-request", "WORKER_POD_CPU_REQUEST", "", "CPU request of workers.";
    worker_mem_request, "worker-pod-mem-request", "WORKER_POD_MEM_REQUEST", "", "Memory request of workers.";
    worker_ephemeral_request, "worker-pod-ephemeral-request", "WORKER_POD_EPHEMERAL_REQUEST", "", "Ephemeral storage request of workers.";
    worker_cpu_limit, "worker-pod-cpu-limit", "WORKER_POD_CPU_LIMIT", "", "CPU limit of workers.";
    worker_mem_limit, "worker-pod-mem-limit", "WORKER_POD_MEM_LIMIT", "", "Memory limit of workers.";
    worker_ephemeral_limit, "worker-pod-ephemeral-limit", "WORKER_POD_EPHEMERAL_LIMIT", "", "Ephemeral storage limit of workers.";
    exporter_cpu_request, "metrics-exporter-cpu-request", "METRICS_EXPORTER_CPU_REQUEST", "100m", "CPU request of metrics exporters.";
    exporter_mem_request, "metrics-exporter-mem-request", "METRICS_EXPORTER_MEM_REQUEST", "64Mi", "Memory request of metrics exporters.";
    exporter_ephemeral_request, "metrics-exporter-ephemeral-request", "METRICS_EXPORTER_EPHEMERAL_REQUEST", "30M", "Ephemeral storage request of metrics exporters.";
    exporter_cpu_limit, "metrics-exporter-cpu-limit", "METRICS_EXPORTER_CPU_LIMIT", "250m", "CPU limit of metrics exporters.";
    exporter_mem_limit, "metrics-exporter-mem-limit", "METRICS_EXPORTER_MEM_LIMIT", "128Mi", "Memory limit of metrics exporters.";
    exporter_ephemeral_limit, "metrics-exporter-ephemeral-limit", "METRICS_EXPORTER_EPHEMERAL_LIMIT", "50M", "Ephemeral storage limit of metrics exporters.";
}

const KINDS: [(&str, &str); 3] = [
    ("cpu", "cpu"),
    ("mem", "memory"),
    ("ephemeral", "ephemeral-storage"),
];
/// The word that removes a default.
const NONE: &str = "none";

/// Resources by container.
pub(super) struct RoleResources {
    pub master: ResourceRequirements,
    pub worker: ResourceRequirements,
    pub exporter: ResourceRequirements,
}

/// Whose resources a flag is about.
#[derive(Clone, Copy)]
enum Owner {
    Master,
    Worker,
    Exporter,
}

impl Owner {
    /// What the flags begin with, the first that is set holds.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Master => &["master-pod", "pod"],
            Self::Worker => &["worker-pod", "pod"],
            Self::Exporter => &["metrics-exporter"],
        }
    }
}

impl ResourceArgs {
    pub(super) fn check(&self, check: &mut Checker) -> RoleResources {
        RoleResources {
            master: self.of(Owner::Master, check),
            worker: self.of(Owner::Worker, check),
            exporter: self.of(Owner::Exporter, check),
        }
    }

    fn of(&self, owner: Owner, check: &mut Checker) -> ResourceRequirements {
        let mut collect = |what: &str| -> Vec<(&'static str, String)> {
            KINDS
                .iter()
                .filter_map(|(kind, name)| Some((*name, self.quantity(owner, kind, what, check)?)))
                .collect()
        };
        let (requests, limits) = (collect("request"), collect("limit"));
        settings::resources(requests, limits)
    }

    fn quantity(
        &self,
        owner: Owner,
        kind: &str,
        what: &str,
        check: &mut Checker,
    ) -> Option<String> {
        let mut flags = owner
            .prefixes()
            .iter()
            .map(|prefix| format!("{prefix}-{kind}-{what}"));
        let first = flags.next()?;
        let flag = if self.value(&first).trim().is_empty() {
            flags.next().unwrap_or(first)
        } else {
            first
        };
        let value = or_default(&flag, self.value(&flag).to_owned());
        let value = value.trim();
        if value.is_empty() || value == NONE {
            return None;
        }
        if !is_quantity(value) {
            let wrong = format!("--{flag} ");
            // The value for all pods is looked at once per role.
            if !check.wrong.iter().any(|known| known.starts_with(&wrong)) {
                check.wrong(
                    &flag,
                    value,
                    "write a Kubernetes quantity such as 250m, 2, 128Mi or 1G, or none",
                );
            }
            return None;
        }
        Some(value.to_owned())
    }
}

/// Kubernetes' quantity grammar, without exponents and signs, which make no sense here.
fn is_quantity(text: &str) -> bool {
    const SUFFIXES: &[&str] = &[
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - digits.len()];
    SUFFIXES.contains(&digits) && number.parse::<f64>().is_ok()
}
