//! Command lines of the Locust master and workers.
//!
//! Order: the user's seed, `spec.run` (master only), what the operator manages, `extraArgs`. Of repeated flags
//! Locust takes the last, so `extraArgs` wins over everything and the operator wins over the seed.

mod option;
mod run;

use locust_api::{defaults, names, v2};

use option::FlagName;

/// The plugin's file in both roles.
pub const PLUGIN_FILE: &str = "locust_operator_plugin.py";
/// The file that is loaded instead of the user's when the user's file is not known.
pub const ENTRY_FILE: &str = "locust_operator_entry.py";

const LOCUSTFILE: FlagName = FlagName {
    short: Some('f'),
    long: "locustfile",
    shortest: "loc",
};

/// Why a spec yields no command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArgvError {
    /// Both forms of the seed are given.
    #[error("spec.{role}: command and args are both set; keep one")]
    CommandAndArgs {
        /// `master` or `worker`.
        role: Role,
    },
    /// The seed does not split.
    #[error(
        "spec.{role}.command: a quote or backslash is not closed in {command:?}; close it, or use args with one list item per argument"
    )]
    Unsplittable {
        /// `master` or `worker`.
        role: Role,
        /// The seed.
        command: String,
    },
    /// A flag is given twice, in two places that do not know of each other.
    #[error("spec.run.{field} and {given_in} both set --{flag}; keep one")]
    FlagTwice {
        /// The field of `spec.run`.
        field: &'static str,
        /// `spec.master.command`, `spec.master.args` or `spec.master.extraArgs`.
        given_in: &'static str,
        /// The flag, without its dashes.
        flag: &'static str,
    },
    /// Nothing says which of the inline files to run.
    #[error(
        "spec.testFiles.inline has no locustfile.py; name the file to run in spec.{role}.command, such as \"-f {path}\""
    )]
    NoLocustfile {
        /// `master` or `worker`.
        role: Role,
        /// The path of the first file there is.
        path: String,
    },
}

/// The two roles of Locust in distributed mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Coordinates, counts, serves the web UI.
    Master,
    /// Makes load.
    Worker,
}

impl Role {
    /// As in names, labels and fields.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Master => "master",
            Self::Worker => "worker",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A command line and what a person should know about it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Argv {
    /// The container's arguments.
    pub args: Vec<String>,
    /// What looks like a mistake and was put right.
    pub warnings: Vec<String>,
}

/// Arguments of the master's container.
///
/// # Errors
/// When seed and `spec.run` contradict each other or the seed does not split.
pub fn master(spec: &v2::LocustTestSpec, start_deadline_seconds: u64) -> Result<Argv, ArgvError> {
    let v2::MasterSpec {
        command,
        args,
        extra_args,
        autostart,
        autoquit,
        ..
    } = &spec.master;
    let mut argv = seed(spec, Role::Master, command.as_deref(), args)?;
    let seed_place = if command.is_some() {
        "spec.master.command"
    } else {
        "spec.master.args"
    };
    let user_classes = match &spec.run {
        Some(run) => {
            run::refuse_repeated(run, &argv.args, seed_place)?;
            run::refuse_repeated(run, extra_args, "spec.master.extraArgs")?;
            argv.args.extend(run::flags(run));
            run.user_classes.clone()
        }
        None => Vec::new(),
    };
    load_plugin(spec, &mut argv.args, extra_args);
    if otel_enabled(spec) {
        push(&mut argv.args, "--otel");
    }
    push(&mut argv.args, "--master");
    push(
        &mut argv.args,
        format!("--master-port={}", names::PORT_MASTER),
    );
    push(
        &mut argv.args,
        format!("--expect-workers={}", spec.worker.replicas),
    );
    push(
        &mut argv.args,
        format!("--expect-workers-max-wait={start_deadline_seconds}"),
    );
    // Locust refuses --autoquit without --autostart.
    if autostart.unwrap_or(true) {
        push(&mut argv.args, "--autostart");
        if let Some(seconds) = autoquit_seconds(spec, autoquit.as_ref()) {
            argv.args
                .extend(["--autoquit".to_owned(), seconds.to_string()]);
        }
    }
    push(&mut argv.args, "--enable-rebalancing");
    push(&mut argv.args, "--only-summary");
    // After a flag that takes no value: after one that takes a list, Locust would read them as that list.
    argv.args.extend(user_classes);
    argv.args.extend(extra_args.iter().cloned());
    Ok(argv)
}

/// Arguments of the workers' containers.
///
/// # Errors
/// When the seed does not split.
pub fn worker(spec: &v2::LocustTestSpec, service: &str) -> Result<Argv, ArgvError> {
    let v2::WorkerSpec {
        command,
        args,
        extra_args,
        ..
    } = &spec.worker;
    let mut argv = seed(spec, Role::Worker, command.as_deref(), args)?;
    if spec.run.as_ref().and_then(|run| run.exclude_ramp_up) == Some(true) {
        push(&mut argv.args, "--reset-stats");
    }
    load_plugin(spec, &mut argv.args, extra_args);
    if otel_enabled(spec) {
        push(&mut argv.args, "--otel");
    }
    push(&mut argv.args, "--worker");
    push(
        &mut argv.args,
        format!("--master-port={}", names::PORT_MASTER),
    );
    push(&mut argv.args, format!("--master-host={service}"));
    argv.args.extend(extra_args.iter().cloned());
    Ok(argv)
}

/// Whether Locust sends OpenTelemetry data.
pub fn otel_enabled(spec: &v2::LocustTestSpec) -> bool {
    let otel = spec
        .observability
        .as_ref()
        .and_then(|observability| observability.open_telemetry.as_ref());
    otel.is_some_and(|otel| otel.enabled)
}

fn push(args: &mut Vec<String>, arg: impl Into<String>) {
    args.push(arg.into());
}

fn autoquit_seconds(spec: &v2::LocustTestSpec, autoquit: Option<&v2::Autoquit>) -> Option<i64> {
    let seconds = match autoquit {
        Some(autoquit) if !autoquit.enabled => return None,
        Some(autoquit) => autoquit.timeout.unwrap_or(defaults::AUTOQUIT_SECONDS),
        None => defaults::AUTOQUIT_SECONDS,
    };
    // Workers that still sleep out their stop timeout do not hear the master's quit.
    let stop = spec
        .run
        .as_ref()
        .and_then(|run| run.stop_timeout)
        .map_or(0, |stop| stop.as_secs_ceil() as i64 + 5);
    Some(
        if autoquit.is_some_and(|autoquit| autoquit.timeout.is_some()) {
            i64::from(seconds)
        } else {
            i64::from(seconds).max(stop)
        },
    )
}

fn seed(
    spec: &v2::LocustTestSpec,
    role: Role,
    command: Option<&str>,
    args: &[String],
) -> Result<Argv, ArgvError> {
    let command = command.filter(|command| !command.trim().is_empty());
    let mut argv = Argv::default();
    match (command, args) {
        (Some(_), [_, ..]) => return Err(ArgvError::CommandAndArgs { role }),
        (Some(command), []) => {
            argv.args = shlex::split(command).ok_or_else(|| ArgvError::Unsplittable {
                role,
                command: command.to_owned(),
            })?;
        }
        (None, [_, ..]) => argv.args = args.to_vec(),
        (None, []) => argv.args = default_seed(spec, role)?,
    }
    if argv.args.first().is_some_and(|first| first == "locust") {
        argv.args.remove(0);
        argv.warnings.push(format!(
            "spec.{role}: the leading word \"locust\" was dropped; these are arguments of the image's entrypoint, which is locust"
        ));
    }
    Ok(argv)
}

fn default_seed(spec: &v2::LocustTestSpec, role: Role) -> Result<Vec<String>, ArgvError> {
    let Some(files) = &spec.test_files else {
        return Ok(Vec::new());
    };
    if files.config_map_ref.is_none() && files.inline.is_empty() {
        return Ok(Vec::new());
    }
    let source = files.src_path().trim_end_matches('/');
    if let (Some(first), false) = (
        files.inline.keys().next(),
        files.inline.contains_key("locustfile.py"),
    ) {
        return Err(ArgvError::NoLocustfile {
            role,
            path: format!("{source}/{first}"),
        });
    }
    Ok(vec!["-f".to_owned(), format!("{source}/locustfile.py")])
}

/// Makes Locust load the plugin after the user's files, whichever way these are named.
fn load_plugin(spec: &v2::LocustTestSpec, args: &mut Vec<String>, extra_args: &[String]) {
    let plugin = format!("{}/{PLUGIN_FILE}", names::OPERATOR_MOUNT);
    let named = LOCUSTFILE
        .last_value(extra_args)
        .or_else(|| LOCUSTFILE.last_value(args))
        .or_else(|| literal_env(spec, "LOCUST_LOCUSTFILE"));
    let file = match named {
        // The worker downloads the master's files, the plugin among them.
        Some(file) if file == "-" => return,
        Some(file) => format!("{file},{plugin}"),
        None => format!("{}/{ENTRY_FILE}", names::OPERATOR_MOUNT),
    };
    LOCUSTFILE.remove(args);
    args.splice(0..0, ["-f".to_owned(), file]);
}

fn literal_env(spec: &v2::LocustTestSpec, name: &str) -> Option<String> {
    let variables = &spec.env.as_ref()?.variables;
    let decoded = variables
        .iter()
        .filter_map(|variable| variable.decode().ok());
    decoded
        .filter(|variable| variable.name == name)
        .filter_map(|variable| variable.value)
        .next_back()
}

#[cfg(test)]
mod tests;
