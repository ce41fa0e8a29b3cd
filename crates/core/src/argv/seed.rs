//! What the user puts on the command line: `command` or `args`, or what stands in for both.

use locust_api::v2::{LocustTestSpec, MasterSpec, WorkerSpec};

use super::{LOCUSTFILE_VARIABLE, Role, comments, literal_env};
use crate::problems::{Problem, Problems};

/// The user's part of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seed {
    /// Its field, such as `spec.master.command`.
    pub place: &'static str,
    /// Its arguments.
    pub args: Vec<String>,
    /// What looks like a mistake.
    pub warnings: Vec<String>,
}

/// The seed of a role.
pub(super) fn of(spec: &LocustTestSpec, role: Role) -> Result<Seed, Problems> {
    let (command, args) = match role {
        Role::Master => {
            let MasterSpec { command, args, .. } = &spec.master;
            (command, args)
        }
        Role::Worker => {
            let WorkerSpec { command, args, .. } = &spec.worker;
            (command, args)
        }
    };
    let command = command
        .as_deref()
        .filter(|command| !command.trim().is_empty());
    let mut seed = match (command, &args[..]) {
        (Some(_), [_, ..]) => {
            let words = "command and args are both set; keep one";
            return Err(Problem::new(format!("spec.{role}"), words).into());
        }
        (Some(command), []) => split(command, command_place(role))?,
        (None, [_, ..]) => Seed {
            place: args_place(role),
            args: args.clone(),
            warnings: Vec::new(),
        },
        (None, []) => Seed {
            place: command_place(role),
            args: default(spec, role)?,
            warnings: Vec::new(),
        },
    };
    if seed.args.first().is_some_and(|first| first == "locust") {
        seed.args.remove(0);
        seed.warnings.push(format!(
            "spec.{role}: the leading word \"locust\" was dropped; these are arguments of the image's entrypoint, which is locust"
        ));
    }
    Ok(seed)
}

const fn command_place(role: Role) -> &'static str {
    match role {
        Role::Master => "spec.master.command",
        Role::Worker => "spec.worker.command",
    }
}

const fn args_place(role: Role) -> &'static str {
    match role {
        Role::Master => "spec.master.args",
        Role::Worker => "spec.worker.args",
    }
}

fn split(command: &str, place: &'static str) -> Result<Seed, Problems> {
    let args = shlex::split(command).ok_or_else(|| {
        Problem::new(
            place,
            format!("a quote or backslash is not closed in {command:?}; close it, or use args with one list item per argument"),
        )
    })?;
    Ok(Seed {
        place,
        args,
        warnings: comments::warning(command, place).into_iter().collect(),
    })
}

/// Names the file to run, when only the test files say which it is.
fn default(spec: &LocustTestSpec, role: Role) -> Result<Vec<String>, Problems> {
    let Some(files) = &spec.test_files else {
        return Ok(Vec::new());
    };
    let has_files = files.config_map_ref.is_some() || !files.inline.is_empty();
    // A file that the user names, if only to Locust, is not ours to replace.
    if !has_files || literal_env(spec, LOCUSTFILE_VARIABLE).is_some() {
        return Ok(Vec::new());
    }
    let source = files.src_path().trim_end_matches('/');
    if let (Some(first), false) = (
        files.inline.keys().next(),
        files.inline.contains_key("locustfile.py"),
    ) {
        let place = command_place(role);
        let words = format!(
            "there is no locustfile.py; name the file to run in {place}, such as \"-f {source}/{first}\""
        );
        return Err(Problem::new("spec.testFiles.inline", words).into());
    }
    Ok(vec!["-f".to_owned(), format!("{source}/locustfile.py")])
}
