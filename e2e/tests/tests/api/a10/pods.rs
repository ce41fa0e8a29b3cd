//! What pods are told.

use anyhow::{Context, Result};
use e2e_tests::helm;
use serde_json::{Value, json};

use super::chart::operator_env;
use super::{container, recorded_part, test};
use crate::end;
use crate::kubelet;
use crate::settings::operator_with;
use crate::world::{Place, World};

/// The container of the master that is made of this part of a spec.
fn master_of(place: &Place<'_>, name: &str, master: &Value) -> Result<Value> {
    let spec = json!({"master": master, "worker": {"replicas": 1}});
    place.kubectl.apply(&test(name, &spec))?;
    kubelet::started(&place.kubectl, name)?;
    container(&place.kubectl, &format!("{name}-master"))
}

pub fn a10_12_commands_split_as_in_a_shell(world: &World) -> Result<()> {
    let place = world.main.place("a10-12")?;
    let commands = recorded_part(12, "commands")?;
    let args = |name: &str| -> Result<Value> {
        let master = json!({"command": commands[name]});
        Ok(master_of(&place, name, &master)?["args"].take())
    };
    let (quoted, commented) = (args("quoted")?, args("commented")?);
    Ok(defects::check(
        12,
        &json!({"quoted": quoted, "commented": commented}),
    )?)
}

pub fn a10_13_autostart_false_has_no_autoquit(world: &World) -> Result<()> {
    let place = world.main.place("a10-13")?;
    let master = recorded_part(13, "master")?;
    let args = master_of(&place, "by-hand", &master)?["args"].take();
    Ok(defects::check(13, &json!({ "args": args }))?)
}

/// From the chart's value to the pod.
pub fn a10_16_limits_can_be_unset(world: &World) -> Result<()> {
    let place = world.other.place("a10-16")?;
    let env = operator_env(&place.kubectl, &["locustPods.resources.limits.cpu="])?;
    let env = env.as_object().context("variables")?;
    let flags: Vec<String> = env
        .iter()
        .filter(|(name, _)| name.starts_with("POD_"))
        .filter_map(|(name, value)| {
            let flag = name.to_lowercase().replace('_', "-");
            value.as_str().map(|value| format!("--{flag}={value}"))
        })
        .collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let _operator = operator_with(&place, &flags)?;
    place.kubectl.apply(&end::test("demo"))?;
    kubelet::started(&place.kubectl, "demo")?;
    let limits = container(&place.kubectl, "demo-worker")?["resources"]["limits"].take();
    Ok(defects::check(16, &json!({ "limits": limits }))?)
}

pub fn a10_24_no_password_in_pods(world: &World) -> Result<()> {
    let place = world.other.place("a10-24")?;
    let kubectl = &place.kubectl;
    let kafka = [
        "--kafka-bootstrap-servers=kafka.example:9092",
        "--kafka-security-enabled=true",
        "--kafka-secret-name=kafka-login",
    ];
    let _operator = operator_with(&place, &kafka)?;
    kubectl.apply(&end::test("demo"))?;
    kubelet::started(kubectl, "demo")?;
    let env = container(kubectl, "demo-master")?["env"].take();
    let plain = world.main.place("a10-24-plain")?;
    plain.kubectl.apply(&end::test("demo"))?;
    kubelet::started(&plain.kubectl, "demo")?;
    let plain = container(&plain.kubectl, "demo-master")?["env"].take();
    let rules: Vec<Value> = helm::rendered(kubectl.kubeconfig(), "rbac", &[])?
        .into_iter()
        .filter(|object| object["kind"] == "ClusterRole")
        .flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default())
        .collect();
    Ok(defects::check(
        24,
        &json!({"env": env, "plainEnv": plain, "clusterRules": rules}),
    )?)
}
