//! Command lines of the Locust master and workers.
//!
//! Order: the user's seed, `spec.run` (master only), what the operator manages, `extraArgs`. Of repeated flags
//! Locust takes the last, so `extraArgs` wins over everything and the operator wins over the seed.

mod comments;
mod managed;
mod option;
mod run;
mod seed;
mod web_ui;

use locust_api::{defaults, names, v2};

use crate::problems::Problems;
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

/// Locust's variable for the same.
const LOCUSTFILE_VARIABLE: &str = "LOCUST_LOCUSTFILE";

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
    /// What looks like a mistake.
    pub warnings: Vec<String>,
}

/// Arguments of the master's container.
///
/// # Errors
/// When seed and `spec.run` contradict each other or the seed does not split.
pub fn master(spec: &v2::LocustTestSpec, start_deadline_seconds: u64) -> Result<Argv, Problems> {
    let mut problems = Problems::default();
    let seed = problems.collect(seed::of(spec, Role::Master));
    let extra_args = &spec.master.extra_args;
    let mut argv = Argv {
        args: seed.args.clone(),
        warnings: seed.warnings.clone(),
    };
    let mut user_classes = &[][..];
    if let Some(run) = &spec.run {
        problems.collect(run::refuse_repeated(run, &seed.args, seed.place));
        problems.collect(run::refuse_repeated(
            run,
            extra_args,
            "spec.master.extraArgs",
        ));
        problems.collect(run::refuse_options(run));
        argv.args.extend(run::flags(run));
        user_classes = &run.user_classes;
    }
    problems.collect(web_ui::check(spec, &seed));
    load_plugin(spec, &mut argv.args, extra_args);
    let managed = managed_by_master(spec, start_deadline_seconds);
    argv.warnings
        .extend(managed::warnings(Role::Master, &seed, &managed, extra_args));
    argv.warnings.extend(useless_autoquit(&spec.master));
    argv.warnings.extend(web_ui::warning(spec));
    argv.args.extend(managed);
    // After a flag that takes no value: after one that takes a list, Locust would read them as that list.
    argv.args.extend(user_classes.iter().cloned());
    argv.args.extend(extra_args.iter().cloned());
    problems.or(argv)
}

fn managed_by_master(spec: &v2::LocustTestSpec, start_deadline_seconds: u64) -> Vec<String> {
    let v2::MasterSpec {
        autostart,
        autoquit,
        ..
    } = &spec.master;
    let mut args = Vec::new();
    if otel_enabled(spec) {
        push(&mut args, "--otel");
    }
    push(&mut args, "--master");
    push(&mut args, format!("--master-port={}", names::PORT_MASTER));
    push(
        &mut args,
        format!("--expect-workers={}", spec.worker.replicas),
    );
    push(
        &mut args,
        format!("--expect-workers-max-wait={start_deadline_seconds}"),
    );
    // Locust refuses --autoquit without --autostart, and without a web UI starts by itself.
    if !spec.has_web_ui() {
        push(&mut args, "--headless");
    } else if autostart.unwrap_or(true) {
        push(&mut args, "--autostart");
        if let Some(seconds) = autoquit_seconds(spec, autoquit.as_ref()) {
            args.extend(["--autoquit".to_owned(), seconds.to_string()]);
        }
    }
    // Then the thresholds decide what failed requests mean, and the Job is complete all the same.
    if !spec.thresholds.is_empty() {
        push(&mut args, "--exit-code-on-error=0");
    }
    push(&mut args, "--enable-rebalancing");
    push(&mut args, "--only-summary");
    args
}

/// The port on which the master's web UI listens.
pub fn web_port(spec: &v2::LocustTestSpec) -> i32 {
    let seed = seed::of(spec, Role::Master).unwrap_or_default();
    web_ui::port(spec, &seed.args)
}

fn useless_autoquit(master: &v2::MasterSpec) -> Option<String> {
    let asked = master.autoquit.as_ref()?.enabled;
    (asked && master.autostart == Some(false)).then(|| {
        "spec.master.autoquit has no effect with autostart: false; the master stays until it is stopped"
            .to_owned()
    })
}

/// Arguments of the workers' containers.
///
/// # Errors
/// When the seed does not split.
pub fn worker(spec: &v2::LocustTestSpec, service: &str) -> Result<Argv, Problems> {
    let seed = seed::of(spec, Role::Worker)?;
    let extra_args = &spec.worker.extra_args;
    let mut argv = Argv {
        args: seed.args.clone(),
        warnings: seed.warnings.clone(),
    };
    if spec.run.as_ref().and_then(|run| run.exclude_ramp_up) == Some(true) {
        push(&mut argv.args, "--reset-stats");
    }
    load_plugin(spec, &mut argv.args, extra_args);
    let mut managed = Vec::new();
    if otel_enabled(spec) {
        push(&mut managed, "--otel");
    }
    push(&mut managed, "--worker");
    push(
        &mut managed,
        format!("--master-port={}", names::PORT_MASTER),
    );
    push(&mut managed, format!("--master-host={service}"));
    argv.warnings
        .extend(managed::warnings(Role::Worker, &seed, &managed, extra_args));
    argv.args.extend(managed);
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

/// Makes Locust load the plugin after the user's files, whichever way these are named.
fn load_plugin(spec: &v2::LocustTestSpec, args: &mut Vec<String>, extra_args: &[String]) {
    let plugin = format!("{}/{PLUGIN_FILE}", names::OPERATOR_MOUNT);
    let named = LOCUSTFILE
        .last_value(extra_args)
        .or_else(|| LOCUSTFILE.last_value(args))
        .or_else(|| literal_env(spec, LOCUSTFILE_VARIABLE));
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
