//! The one ConfigMap of a run: the plugin, its settings, and inline test files.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use locust_api::{names, v2::InlineFile};
use serde_json::json;

use super::{Run, pod};
use crate::{
    problems::{Problem, Problems},
    threshold::{self, Abort, Endpoint, Limit, Name},
};

macro_rules! plugin_file {
    ($name:literal) => {
        ($name, include_str!(concat!("../../../../plugin/", $name)))
    };
}

/// The plugin's files, by the name under which they are mounted.
pub(super) const PLUGIN_FILES: &[(&str, &str)] = &[
    plugin_file!("locust_operator_balance.py"),
    plugin_file!("locust_operator_config.py"),
    plugin_file!("locust_operator_cpu.py"),
    plugin_file!("locust_operator_crew.py"),
    plugin_file!("locust_operator_endpoints.py"),
    plugin_file!("locust_operator_entry.py"),
    plugin_file!("locust_operator_listener.py"),
    plugin_file!("locust_operator_load.py"),
    plugin_file!("locust_operator_master.py"),
    plugin_file!("locust_operator_plugin.py"),
    plugin_file!("locust_operator_report.py"),
    plugin_file!("locust_operator_runtime.py"),
    plugin_file!("locust_operator_snapshot.py"),
    plugin_file!("locust_operator_thresholds.py"),
    plugin_file!("locust_operator_watch.py"),
    plugin_file!("locust_operator_worker.py"),
];
/// Settings of the plugin, beside its files.
pub(super) const CONFIG_FILE: &str = "config.json";
/// Key of the settings; inline files cannot have it.
pub(super) const CONFIG_KEY: &str = "locust_operator_config.json";

/// etcd takes 1.5 MiB an object, and `kubectl apply` keeps a copy of the test in an annotation of 256 KiB.
const INLINE_LIMIT: usize = 256 * 1024;
/// How often the master notes its numbers while load runs.
const CHECKPOINT_SECONDS: u64 = 5;
/// From the end of the load to the end of the master, when the test does not ask for `autoquit`, or has no web UI to stay for.
const END_AFTER_STOP_SECONDS: u64 = 2;
/// What a kubelet keeps of all termination messages of a pod.
const KUBELET_MESSAGE_BUDGET: u64 = 12 * 1024;
/// Containers that service meshes and the like may add to our pod; the budget is shared with them.
const FOREIGN_CONTAINERS: u64 = 4;
/// What a kubelet keeps of one message.
const KUBELET_MESSAGE_LIMIT: u64 = 4096;

pub(super) fn build(run: &Run<'_>) -> Result<ConfigMap, Problems> {
    let mut problems = Problems::default();
    let inline = run.spec.test_files.iter().flat_map(|files| &files.inline);
    problems.collect(check_size(inline.clone()));
    let limits = problems.collect(threshold::parse(&run.spec.thresholds));
    let mut data: BTreeMap<String, String> = inline
        .map(|(name, content)| (name.clone(), content.clone()))
        .collect();
    data.extend(
        PLUGIN_FILES
            .iter()
            .map(|(name, content)| ((*name).to_owned(), (*content).to_owned())),
    );
    data.insert(CONFIG_KEY.to_owned(), config(run, &limits));
    problems.or(ConfigMap {
        metadata: run.metadata(&run.claim.master_name),
        data: Some(data),
        ..ConfigMap::default()
    })
}

fn check_size<'a>(
    inline: impl Iterator<Item = (&'a String, &'a InlineFile)>,
) -> Result<(), Problem> {
    let bytes: usize = inline
        .map(|(name, content)| name.len() + content.len())
        .sum();
    if bytes <= INLINE_LIMIT {
        return Ok(());
    }
    Err(Problem::new(
        "spec.testFiles.inline",
        format!(
            "it holds {bytes} bytes, and {INLINE_LIMIT} are allowed; put the files in a ConfigMap with `kubectl create configmap NAME --from-file=DIR --server-side` and name it in spec.testFiles.configMapRef"
        ),
    ))
}

fn config(run: &Run<'_>, limits: &[Limit<'_>]) -> String {
    let containers = pod::containers_of_master(run) as u64;
    let ends_by_plugin = run.spec.master.autoquit.is_none() || !run.spec.has_web_ui();
    let config = json!({
        "v": 1,
        "runId": run.claim.id,
        "test": format!("{}/{}", run.namespace, run.name),
        "masterHost": run.claim.service_name,
        "masterPort": names::PORT_MASTER,
        "listenPort": names::PORT_LISTENER,
        "expectWorkers": run.spec.worker.replicas,
        "startDeadlineSeconds": run.start_deadline().as_secs_ceil(),
        "messageLimit": KUBELET_MESSAGE_LIMIT.min(KUBELET_MESSAGE_BUDGET / (containers + FOREIGN_CONTAINERS)),
        "checkpointSeconds": CHECKPOINT_SECONDS,
        "endAfterStopSeconds": ends_by_plugin.then_some(END_AFTER_STOP_SECONDS),
        "thresholds": limits.iter().map(settings_of).collect::<Vec<_>>(),
    });
    config.to_string()
}

/// A limit as the plugin reads it; what only the judgement needs stays here.
fn settings_of(limit: &Limit<'_>) -> serde_json::Value {
    let Limit {
        name: _,
        metric,
        endpoint,
        op,
        value,
        written: _,
        severity: _,
        min_requests,
        on_no_data: _,
        abort,
    } = limit;
    let endpoint = endpoint.map(|Endpoint { method, name }| match name {
        Name::Exact(name) => json!({"method": method, "name": name}),
        Name::Regex(regex) => json!({"method": method, "regex": regex}),
    });
    let abort = abort.map(|Abort { delay, sustained }| {
        json!({"delay": delay.get().as_secs_f64(), "sustained": sustained.get().as_secs_f64()})
    });
    json!({
        "metric": metric.as_str(),
        "endpoint": endpoint,
        "op": op.as_str(),
        "limit": value,
        "minRequests": min_requests,
        "abort": abort,
    })
}
