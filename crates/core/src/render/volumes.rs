//! Volumes of the pods and where the Locust container mounts them.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, KeyToPath, SecretVolumeSource, Volume, VolumeMount,
};
use locust_api::{
    names,
    v2::{SecretMount, TargetedVolumeMount, VolumeTarget},
};

use super::{
    RenderError, Run, at,
    config_map::{CONFIG_FILE, CONFIG_KEY, PLUGIN_FILES},
};
use crate::argv::Role;

const OPERATOR_VOLUME: &str = "locust-operator";
const LIB_VOLUME: &str = "locust-lib";

pub(super) fn volumes(run: &Run<'_>, role: Role) -> Result<Vec<Volume>, RenderError> {
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
    for SecretMount { name, .. } in secret_mounts(run) {
        volumes.push(Volume {
            name: secret_volume(name),
            secret: Some(SecretVolumeSource {
                secret_name: Some(name.clone()),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        });
    }
    let mut known = Vec::new();
    for (index, volume) in run.spec.volumes.iter().enumerate() {
        let volume = at(format!("volumes[{index}]"), volume.decode())?;
        known.push(volume.name.clone());
        if user_mounts(run, role).any(|mount| mount.name == volume.name) {
            volumes.push(volume);
        }
    }
    match run
        .spec
        .volume_mounts
        .iter()
        .enumerate()
        .find(|(_, mount)| !known.contains(&mount.name))
    {
        Some((index, mount)) => Err(RenderError::UnknownVolume {
            index,
            name: mount.name.clone(),
        }),
        None => Ok(volumes),
    }
}

pub(super) fn mounts(run: &Run<'_>, role: Role) -> Vec<VolumeMount> {
    let mut mounts = vec![VolumeMount {
        read_only: Some(true),
        ..mount(OPERATOR_VOLUME, names::OPERATOR_MOUNT)
    }];
    if let Some(files) = &run.spec.test_files {
        if files
            .config_map_ref
            .as_deref()
            .is_some_and(|name| !name.is_empty())
            || !files.inline.is_empty()
        {
            mounts.push(mount(run.node_name(role), files.src_path()));
        }
        if files
            .lib_config_map_ref
            .as_deref()
            .is_some_and(|name| !name.is_empty())
        {
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

fn secret_mounts<'a>(run: &Run<'a>) -> &'a [SecretMount] {
    run.spec
        .env
        .as_ref()
        .map_or(&[], |env| env.secret_mounts.as_slice())
}

fn secret_volume(secret: &str) -> String {
    format!("secret-{secret}")
}

fn user_mounts<'a>(run: &Run<'a>, role: Role) -> impl Iterator<Item = &'a TargetedVolumeMount> {
    run.spec.volume_mounts.iter().filter(move |mount| {
        match (mount.target.unwrap_or(VolumeTarget::Both), role) {
            (VolumeTarget::Both, _)
            | (VolumeTarget::Master, Role::Master)
            | (VolumeTarget::Worker, Role::Worker) => true,
            (VolumeTarget::Master, Role::Worker) | (VolumeTarget::Worker, Role::Master) => false,
        }
    })
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
