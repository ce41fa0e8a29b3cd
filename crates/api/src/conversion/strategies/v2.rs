//! Arbitrary v2 specs.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Toleration, TopologySpreadConstraint},
    apimachinery::pkg::util::intstr::IntOrString,
};
use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::{Value, json};

use super::limits::{retention, threshold, validity};
use super::template_ref::template_ref;
use super::web_ui::web_ui;
use super::{duration, flag, map, pull_policy, word, words};
use crate::{K8s, v2};

/// One of these, as the Kubernetes type.
fn one_of<T: std::fmt::Debug + 'static>(values: Vec<Value>) -> impl Strategy<Value = K8s<T>> {
    select(values).prop_map(K8s::from)
}

fn resources<T: std::fmt::Debug + 'static>() -> impl Strategy<Value = Option<K8s<T>>> {
    of(one_of(vec![
        json!({}),
        json!({"requests": {"cpu": 1}}),
        json!({"limits": {"memory": "1Gi"}}),
    ]))
}

fn expression() -> impl Strategy<Value = Value> {
    let operator = select(vec!["In", "In", "In", "NotIn", "Exists"]);
    (word(), operator, words()).prop_map(|(key, operator, values)| match operator {
        "Exists" => json!({"key": key, "operator": operator}),
        _ => json!({"key": key, "operator": operator, "values": values}),
    })
}

fn affinity() -> impl Strategy<Value = Value> {
    let preferred = json!([{"weight": 1, "preference": {"matchExpressions": [{"key": "a", "operator": "Exists"}]}}]);
    let terms = vec(vec(expression(), 0..3), 0..3);
    (of(terms), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        move |(terms, node, prefers, pods)| {
            let mut affinity = json!({});
            if node {
                affinity["nodeAffinity"] = json!({});
            }
            if let Some(terms) = terms {
                let terms: Vec<Value> = terms
                    .into_iter()
                    .map(|expressions| json!({ "matchExpressions": expressions }))
                    .collect();
                affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
                    json!({ "nodeSelectorTerms": terms });
            }
            if prefers {
                affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"] =
                    preferred.clone();
            }
            if pods {
                affinity["podAffinity"] = json!({});
            }
            affinity
        },
    )
}

fn toleration() -> impl Strategy<Value = Value> {
    let operator = of(select(vec!["Exists", "Equal"]));
    let effect = of(select(vec!["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    (of(word()), operator, of(word()), effect, of(0..9)).prop_map(
        |(key, operator, value, effect, seconds)| {
            let all = json!({"key": key, "operator": operator, "value": value, "effect": effect, "tolerationSeconds": seconds});
            without_nulls(all)
        },
    )
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
    }
    value
}

fn tolerations() -> impl Strategy<Value = Vec<K8s<Toleration>>> {
    vec(toleration().prop_map(K8s::from), 0..4)
}

fn spread() -> impl Strategy<Value = Vec<K8s<TopologySpreadConstraint>>> {
    let constraint =
        json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
    vec(one_of(vec![constraint]), 0..2)
}

fn test_files() -> impl Strategy<Value = v2::TestFiles> {
    (of(word()), map(), of(word()), of(word()), of(word())).prop_map(
        |(config_map_ref, inline, lib_config_map_ref, src_mount_path, lib_mount_path)| {
            v2::TestFiles {
                config_map_ref,
                inline,
                lib_config_map_ref,
                src_mount_path,
                lib_mount_path,
            }
        },
    )
}

fn run() -> impl Strategy<Value = v2::RunSpec> {
    let rate = of(select(vec![
        IntOrString::Int(3),
        IntOrString::String("0.5".to_owned()),
    ]));
    let load = (of(word()), of(1..900), rate, duration());
    let choice = (words(), words(), words(), duration(), flag());
    (load, choice).prop_map(
        |(
            (host, users, spawn_rate, run_time),
            (tags, exclude_tags, user_classes, stop_timeout, exclude_ramp_up),
        )| v2::RunSpec {
            host,
            users,
            spawn_rate,
            run_time,
            tags,
            exclude_tags,
            user_classes,
            stop_timeout,
            exclude_ramp_up,
        },
    )
}

/// Node selector, tolerations and spreading of a role's own.
type Placing = (
    BTreeMap<String, String>,
    Vec<K8s<Toleration>>,
    Vec<K8s<TopologySpreadConstraint>>,
);

fn placing() -> impl Strategy<Value = Placing> {
    (map(), tolerations(), spread())
}

fn master() -> impl Strategy<Value = v2::MasterSpec> {
    let autoquit =
        (any::<bool>(), of(0..90)).prop_map(|(enabled, timeout)| v2::Autoquit { enabled, timeout });
    let line = (of(word()), words(), words());
    let metadata = (map(), map());
    (line, resources(), metadata, flag(), of(autoquit), placing()).prop_map(
        |(
            (command, args, extra_args),
            resources,
            (labels, annotations),
            autostart,
            autoquit,
            (node_selector, tolerations, topology_spread_constraints),
        )| v2::MasterSpec {
            command,
            args,
            resources,
            labels,
            annotations,
            autostart,
            autoquit,
            node_selector,
            tolerations,
            topology_spread_constraints,
            extra_args,
        },
    )
}

fn worker() -> impl Strategy<Value = v2::WorkerSpec> {
    let line = (of(word()), words(), words());
    let metadata = (map(), map());
    (line, 1..9, resources(), metadata, placing()).prop_map(
        |(
            (command, args, extra_args),
            replicas,
            resources,
            (labels, annotations),
            (node_selector, tolerations, topology_spread_constraints),
        )| v2::WorkerSpec {
            command,
            args,
            replicas,
            resources,
            labels,
            annotations,
            node_selector,
            tolerations,
            topology_spread_constraints,
            extra_args,
        },
    )
}

fn pod_options() -> impl Strategy<Value = v2::PodOptions> {
    use v2::DnsPolicy::{ClusterFirst, ClusterFirstWithHostNet, Default, None};
    let names = (of(word()), flag(), of(word()), of(word()));
    let containers = vec(one_of(vec![json!({"name": "a", "image": "b"})]), 0..2);
    let aliases = vec(one_of(vec![json!({"ip": "10.0.0.1"})]), 0..2);
    let policy = of(select(vec![
        ClusterFirst,
        ClusterFirstWithHostNet,
        Default,
        None,
    ]));
    let dns = (
        policy,
        of(one_of(vec![json!({}), json!({"searches": ["a"]})])),
    );
    (names, spread(), containers, aliases, dns, of(0..90_i64)).prop_map(
        |(
            (
                service_account_name,
                automount_service_account_token,
                priority_class_name,
                scheduler_name,
            ),
            topology_spread_constraints,
            init_containers,
            host_aliases,
            (dns_policy, dns_config),
            termination_grace_period_seconds,
        )| v2::PodOptions {
            service_account_name,
            automount_service_account_token,
            priority_class_name,
            scheduler_name,
            topology_spread_constraints,
            init_containers,
            host_aliases,
            dns_policy,
            dns_config,
            termination_grace_period_seconds,
        },
    )
}

fn scheduling() -> impl Strategy<Value = v2::Scheduling> {
    (
        of(affinity().prop_map(K8s::from)),
        tolerations(),
        map(),
        of(word()),
    )
        .prop_map(
            |(affinity, tolerations, node_selector, runtime_class_name)| v2::Scheduling {
                affinity,
                tolerations,
                node_selector,
                runtime_class_name,
            },
        )
}

fn env() -> impl Strategy<Value = v2::EnvConfig> {
    let source = || (word(), of(word())).prop_map(|(name, prefix)| v2::EnvSource { name, prefix });
    let mount =
        (word(), word(), flag()).prop_map(|(name, mount_path, read_only)| v2::SecretMount {
            name,
            mount_path,
            read_only,
        });
    let variable = one_of(vec![
        json!({"name": "A", "value": "1"}),
        json!({"name": "B"}),
    ]);
    (
        vec(source(), 0..2),
        vec(source(), 0..2),
        vec(variable, 0..2),
        vec(mount, 0..2),
    )
        .prop_map(
            |(config_map_refs, secret_refs, variables, secret_mounts)| v2::EnvConfig {
                config_map_refs,
                secret_refs,
                variables,
                secret_mounts,
            },
        )
}

fn volume_mount() -> impl Strategy<Value = v2::TargetedVolumeMount> {
    use v2::VolumeTarget::{Both, Master, Worker};
    let paths = (word(), word(), of(word()), of(word()));
    let ways = (
        flag(),
        of(word()),
        of(word()),
        of(select(vec![Both, Master, Worker])),
    );
    (paths, ways).prop_map(
        |(
            (name, mount_path, sub_path, sub_path_expr),
            (read_only, recursive_read_only, mount_propagation, target),
        )| v2::TargetedVolumeMount {
            name,
            mount_path,
            sub_path,
            sub_path_expr,
            read_only,
            recursive_read_only,
            mount_propagation,
            target,
        },
    )
}

fn security() -> impl Strategy<Value = v2::Security> {
    (resources(), resources()).prop_map(|(pod_security_context, container_security_context)| {
        v2::Security {
            pod_security_context,
            container_security_context,
        }
    })
}

fn observability() -> impl Strategy<Value = v2::Observability> {
    use v2::OtlpProtocol::{Grpc, HttpProtobuf};
    let protocol = of(select(vec![Grpc, HttpProtobuf]));
    let headers = (word(), of(word())).prop_map(|(name, key)| v2::HeadersSecretRef { name, key });
    let target = (of(word()), protocol, flag(), of(headers));
    let telemetry = (any::<bool>(), target, flag(), map()).prop_map(
        |(enabled, (endpoint, protocol, insecure, headers_secret_ref), traces, extra_env_vars)| {
            v2::OpenTelemetry {
                enabled,
                endpoint,
                protocol,
                insecure,
                headers_secret_ref,
                traces,
                extra_env_vars,
            }
        },
    );
    of(telemetry).prop_map(|open_telemetry| v2::Observability { open_telemetry })
}

/// Which template, if any, and the workers: only a template lets a test say nothing of them.
fn source() -> impl Strategy<Value = (Option<v2::TemplateRef>, v2::WorkerSpec)> {
    prop_oneof![
        3 => worker().prop_map(|worker| (None::<v2::TemplateRef>, worker)),
        1 => (template_ref(), of(worker()))
            .prop_map(|(template, worker)| (Some(template), worker.unwrap_or_default())),
    ]
}

fn baseline() -> impl Strategy<Value = v2::Baseline> {
    (of(word()), flag()).prop_map(|(series, warns)| v2::Baseline {
        series,
        metrics: vec![v2::Metric::P95, v2::Metric::Rps],
        on_regression: warns.map(|_| v2::OnRegression::Warn),
        ..v2::Baseline::default()
    })
}

/// Any v2 spec, also with combinations that the operator refuses.
pub fn v2_spec() -> impl Strategy<Value = v2::LocustTestSpec> {
    let secret = one_of(vec![json!({"name": "a"}), json!({"name": "b"}), json!({})]);
    let image = (of(word()), pull_policy(), vec(secret, 0..3));
    let load = (of(test_files()), of(run()), master(), source());
    let limits = (
        duration(),
        duration(),
        of(word()),
        (flag(), flag(), of(retention())),
    );
    let wanted = (vec(threshold(), 0..3), of(validity()), of(baseline()));
    let volume = one_of(vec![json!({"name": "a", "emptyDir": {}})]);
    let pods = (
        of(scheduling()),
        of(pod_options()),
        of(env()),
        vec(volume, 0..2),
        vec(volume_mount(), 0..2),
    );
    (
        image,
        load,
        limits,
        wanted,
        pods,
        of(security()),
        (of(observability()), of(web_ui())),
    )
        .prop_map(
            |(
                (image, image_pull_policy, image_pull_secrets),
                (test_files, run, master, (template_ref, worker)),
                (start_deadline, timeout, concurrency_group, (suspend, stop, retention)),
                (thresholds, validity, baseline),
                (scheduling, pod, env, volumes, volume_mounts),
                security,
                (observability, web_ui),
            )| v2::LocustTestSpec {
                template_ref,
                image,
                image_pull_policy,
                image_pull_secrets,
                test_files,
                run,
                thresholds,
                validity,
                baseline,
                master,
                worker,
                start_deadline,
                timeout,
                concurrency_group,
                suspend,
                stop,
                retention,
                scheduling,
                pod,
                env,
                volumes,
                volume_mounts,
                security,
                observability,
                web_ui,
            },
        )
}
