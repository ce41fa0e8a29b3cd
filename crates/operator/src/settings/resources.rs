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
        #[command(next_help_heading = "Resources of Locust pods (empty: the value for all pods; none: no request or limit)")]
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
}

const KINDS: [(&str, &str); 3] = [
    ("cpu", "cpu"),
    ("mem", "memory"),
    ("ephemeral", "ephemeral-storage"),
];
/// The word that removes a default.
const NONE: &str = "none";

/// Resources of both roles.
pub(super) struct RoleResources {
    pub master: ResourceRequirements,
    pub worker: ResourceRequirements,
}

impl ResourceArgs {
    pub(super) fn check(&self, check: &mut Checker) -> RoleResources {
        RoleResources {
            master: self.of_role("master", check),
            worker: self.of_role("worker", check),
        }
    }

    fn of_role(&self, role: &str, check: &mut Checker) -> ResourceRequirements {
        let mut collect = |what: &str| -> Vec<(&'static str, String)> {
            KINDS
                .iter()
                .filter_map(|(kind, name)| Some((*name, self.quantity(role, kind, what, check)?)))
                .collect()
        };
        let (requests, limits) = (collect("request"), collect("limit"));
        settings::resources(requests, limits)
    }

    fn quantity(&self, role: &str, kind: &str, what: &str, check: &mut Checker) -> Option<String> {
        let own = format!("{role}-pod-{kind}-{what}");
        let common = format!("pod-{kind}-{what}");
        let flag = if self.value(&own).trim().is_empty() {
            common
        } else {
            own
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
