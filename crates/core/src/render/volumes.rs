//! Volumes of the pods and where the Locust container mounts them.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
};
use locust_api::{
    names,
    v2::{SecretMount, TargetedVolumeMount, TestFiles, VolumeTarget},
};

use super::{
    Run, at, at_each,
    config_map::{CONFIG_FILE, CONFIG_KEY, PLUGIN_FILES},
};
use crate::{
    argv::Role,
    claim::{MAX_LABEL, unique},
    problems::{Problem, Problems},
};

const OPERATOR_VOLUME: &str = "locust-operator";
const LIB_VOLUME: &str = "locust-lib";

pub(super) fn volumes(run: &Run<'_>, role: Role) -> Result<Vec<Volume>, Problems> {
    let mut volumes = vec![operator_volume(run)];
    if let Some(files) = &run.spec.test_files {
        if let Some(source) = files
            .config_map_ref
            .as_deref()
            .filter(|name| !name.is_empty())
        {
            volumes.push(config_map(run.node_name(role), source, None));
        } else if !files.inline.is_empty() {
            let keys = files.inline.keys().map(|name| item(name, name)).collect();
            volumes.push(config_map(
                run.node_name(role),
                &run.claim.master_name,
                Some(keys),
            ));
        }
        if let Some(library) = files
            .lib_config_map_ref
            .as_deref()
            .filter(|name| !name.is_empty())
        {
            volumes.push(config_map(LIB_VOLUME, library, None));
        }
    }
    // Mounted in two places, a Secret is still one volume.
    let secrets: BTreeSet<&String> = secret_mounts(run).iter().map(|mount| &mount.name).collect();
    for name in secrets {
        volumes.push(Volume {
            name: secret_volume(name),
            secret: Some(SecretVolumeSource {
                secret_name: Some(name.clone()),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    let mut problems = Problems::default();
    let mounted_by_init_containers = problems.collect(mounted_by_init_containers(run));
    let mut known = Vec::new();
    let mut all_are_known = true;
    for (index, volume) in run.spec.volumes.iter().enumerate() {
        let field = format!("volumes[{index}]");
        let Some(volume) = problems.collect(at(&field, volume.decode()).map(Some)) else {
            all_are_known = false;
            continue;
        };
        let is_taken = volumes.iter().any(|ours| ours.name == volume.name);
        if is_taken || known.contains(&volume.name) {
            let words = format!(
                "the pod has a volume {:?} already; give this one another name, also in spec.volumeMounts",
                volume.name
            );
            problems.add(Problem::new(format!("spec.{field}.name"), words));
        }
        known.push(volume.name.clone());
        let is_mounted_elsewhere = mounted_by_init_containers.contains(&volume.name);
        if is_mounted_elsewhere || user_mounts(run, role).any(|mount| mount.name == volume.name) {
            volumes.push(volume);
        }
    }
    if all_are_known {
        problems.collect(check_names(&run.spec.volume_mounts, &known));
    }
    problems.or(volumes)
}

/// Every mount is of a volume that there is.
fn check_names(mounts: &[TargetedVolumeMount], known: &[String]) -> Result<(), Problems> {
    let mounts = mounts.iter().enumerate();
    let unknown = mounts.filter(|(_, mount)| !known.contains(&mount.name));
    let problems: Problems = unknown
        .map(|(index, mount)| {
            let words = format!(
                "spec.volumes has no volume {:?}; add it there, or name one that it has",
                mount.name
            );
            Problem::new(format!("spec.volumeMounts[{index}].name"), words)
        })
        .collect();
    problems.or(())
}

pub(super) fn mounts(run: &Run<'_>, role: Role) -> Vec<VolumeMount> {
    let mut mounts = vec![VolumeMount {
        read_only: Some(true),
        ..mount(OPERATOR_VOLUME, names::OPERATOR_MOUNT)
    }];
    if let Some(files) = &run.spec.test_files {
        if has_tests(files) {
            mounts.push(mount(run.node_name(role), files.src_path()));
        }
        if has_libraries(files) {
            mounts.push(mount(LIB_VOLUME, files.lib_path()));
        }
    }
    mounts.extend(secret_mounts(run).iter().map(
        |SecretMount {
             name,
             mount_path,
             read_only,
         }| VolumeMount {
            read_only: Some(read_only.unwrap_or(true)),
            ..mount(&secret_volume(name), mount_path)
        },
    ));
    mounts.extend(user_mounts(run, role).map(user_mount));
    mounts
}

/// Whether test files are mounted.
pub(super) fn has_tests(files: &TestFiles) -> bool {
    let named = files.config_map_ref.as_deref();
    named.is_some_and(|name| !name.is_empty()) || !files.inline.is_empty()
}

/// Whether libraries are mounted.
pub(super) fn has_libraries(files: &TestFiles) -> bool {
    let named = files.lib_config_map_ref.as_deref();
    named.is_some_and(|name| !name.is_empty())
}

fn operator_volume(run: &Run<'_>) -> Volume {
    let mut items: Vec<KeyToPath> = PLUGIN_FILES
        .iter()
        .map(|(name, _)| item(name, name))
        .collect();
    items.push(item(CONFIG_KEY, CONFIG_FILE));
    config_map(OPERATOR_VOLUME, &run.claim.master_name, Some(items))
}

fn config_map(volume: &str, name: &str, items: Option<Vec<KeyToPath>>) -> Volume {
    Volume {
        name: volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: name.to_owned(),
            items,
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}

fn item(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}

fn mount(volume: &str, path: &str) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        ..VolumeMount::default()
    }
}

pub(super) fn secret_mounts<'a>(run: &Run<'a>) -> &'a [SecretMount] {
    run.spec
        .env
        .as_ref()
        .map_or(&[], |env| env.secret_mounts.as_slice())
}

/// Published name of a Secret's volume, when it is valid. Names of Secrets may have dots and 253 characters, names of
/// volumes neither.
fn secret_volume(secret: &str) -> String {
    let published = format!("secret-{secret}");
    if published.len() <= MAX_LABEL && !secret.contains('.') {
        return published;
    }
    unique(&published.replace('.', "-"), secret)
}

/// Volumes that the test's own init containers mount, in both roles.
fn mounted_by_init_containers(run: &Run<'_>) -> Result<BTreeSet<String>, Problems> {
    let containers = run
        .spec
        .pod
        .as_ref()
        .map_or(&[][..], |pod| &pod.init_containers);
    let mounts = at_each("pod.initContainers", containers)?
        .into_iter()
        .flat_map(|container| container.volume_mounts.unwrap_or_default());
    Ok(mounts.map(|mount| mount.name).collect())
}

fn user_mounts<'a>(run: &Run<'a>, role: Role) -> impl Iterator<Item = &'a TargetedVolumeMount> {
    let mounts = run.spec.volume_mounts.iter();
    mounts.filter(move |mount| is_for(mount, role))
}

pub(super) fn is_for(mount: &TargetedVolumeMount, role: Role) -> bool {
    match (mount.target.unwrap_or(VolumeTarget::Both), role) {
        (VolumeTarget::Both, _)
        | (VolumeTarget::Master, Role::Master)
        | (VolumeTarget::Worker, Role::Worker) => true,
        (VolumeTarget::Master, Role::Worker) | (VolumeTarget::Worker, Role::Master) => false,
    }
}

fn user_mount(mount: &TargetedVolumeMount) -> VolumeMount {
    let TargetedVolumeMount {
        name,
        mount_path,
        sub_path,
        sub_path_expr,
        read_only,
        recursive_read_only,
        mount_propagation,
        target: _,
    } = mount.clone();
    VolumeMount {
        name,
        mount_path,
        sub_path,
        sub_path_expr,
        read_only,
        recursive_read_only,
        mount_propagation,
    }
}
