//! Where the Locust container mounts something, and where two of these places meet.

use std::path::Path;

use locust_api::names;

use super::{
    Run,
    volumes::{has_libraries, has_tests, is_for, secret_mounts},
};
use crate::{
    argv::Role,
    problems::{Problem, Problems},
};

/// Something that is mounted.
struct Place<'a> {
    /// The field that says where.
    field: String,
    path: &'a str,
    /// Whether nothing can be made in it.
    read_only: bool,
}

/// All of a role, in the order of its mounts.
fn places<'a>(run: &Run<'a>, role: Role) -> Vec<Place<'a>> {
    let fixed = |field: &str, path| Place {
        field: field.to_owned(),
        path,
        // ConfigMaps and Secrets always are.
        read_only: true,
    };
    let mut places = vec![fixed("the operator's own files", names::OPERATOR_MOUNT)];
    if let Some(files) = &run.spec.test_files {
        let tests =
            has_tests(files).then(|| fixed("spec.testFiles.srcMountPath", files.src_path()));
        let libraries =
            has_libraries(files).then(|| fixed("spec.testFiles.libMountPath", files.lib_path()));
        places.extend(tests.into_iter().chain(libraries));
    }
    let secrets = secret_mounts(run).iter().enumerate();
    places.extend(secrets.map(|(index, mount)| {
        let field = format!("spec.env.secretMounts[{index}].mountPath");
        fixed(&field, &mount.mount_path)
    }));
    let mounts = run.spec.volume_mounts.iter().enumerate();
    let of_role = mounts.filter(|(_, mount)| is_for(mount, role));
    places.extend(of_role.map(|(index, mount)| Place {
        field: format!("spec.volumeMounts[{index}].mountPath"),
        path: &mount.mount_path,
        read_only: mount.read_only == Some(true),
    }));
    places
}

/// Two mounts in one place: the API server would refuse the Job.
pub(super) fn check(run: &Run<'_>, role: Role) -> Result<(), Problems> {
    let places = places(run, role);
    let taken = places.iter().enumerate().filter_map(|(index, place)| {
        let Place { field, path, .. } = place;
        let before = places[..index].iter().find(|other| other.path == *path)?;
        let owner = &before.field;
        let words = format!("{path:?} is the place of {owner} already; choose another path");
        Some(Problem::new(field, words))
    });
    let problems: Problems = taken.collect();
    problems.or(())
}

/// A mount inside a read-only one: unless its place exists there, no container can be made.
pub(super) fn warnings(run: &Run<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for role in [Role::Master, Role::Worker] {
        let places = places(run, role);
        for outer in places.iter().filter(|outer| outer.read_only) {
            let inside = places.iter().filter(|inner| {
                inner.path != outer.path && Path::new(inner.path).starts_with(outer.path)
            });
            for Place { field, path, .. } in inside {
                let (owner, around) = (&outer.field, outer.path);
                let words = format!(
                    "{field}: {path:?} is inside {around:?} of {owner}, which is read-only; the pods may not start"
                );
                if !found.contains(&words) {
                    found.push(words);
                }
            }
        }
    }
    found
}
