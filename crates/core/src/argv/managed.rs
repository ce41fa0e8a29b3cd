//! Options that a user gives and the operator manages, and options that Locust no longer knows.

use super::{Role, option::FlagName, seed::Seed};

/// An option with a value that the operator sets.
struct Managed {
    name: FlagName,
    /// What to do instead.
    instead: &'static str,
}

const fn long(long: &'static str, shortest: &'static str) -> FlagName {
    FlagName {
        short: None,
        long,
        shortest,
    }
}

const MANAGED: &[Managed] = &[
    Managed {
        name: long("expect-workers", "expect-workers"),
        instead: "set spec.worker.replicas",
    },
    Managed {
        name: long("expect-workers-max-wait", "expect-workers-"),
        instead: "set spec.startDeadline",
    },
    Managed {
        name: long("autoquit", "autoq"),
        instead: "set spec.master.autoquit",
    },
    Managed {
        name: long("exit-code-on-error", "exi"),
        instead: "leave it out: with thresholds, these decide what failed requests mean",
    },
    Managed {
        name: long("master-host", "master-h"),
        instead: "leave it out",
    },
    Managed {
        name: long("master-port", "master-p"),
        instead: "leave it out",
    },
];

const MASTER: FlagName = long("master", "master");
const WORKER: FlagName = long("worker", "wo");
const BIND_PORT: FlagName = long("master-bind-port", "master-bind-p");

/// Spellings that Locust gave up, and today's.
const RENAMED: &[(FlagName, &str)] = &[
    (long("slave", "slave"), "--worker"),
    (long("expect-slaves", "expect-slaves"), "--expect-workers"),
    (long("hatch-rate", "hatch-rate"), "--spawn-rate"),
    (long("clients", "clients"), "--users"),
    (long("no-web", "no-web"), "--headless"),
];

/// What looks like a mistake in a role's own arguments, given those that the operator puts between them.
pub(super) fn warnings(
    role: Role,
    seed: &Seed,
    managed: &[String],
    extra_args: &[String],
) -> Vec<String> {
    let extra = match role {
        Role::Master => "spec.master.extraArgs",
        Role::Worker => "spec.worker.extraArgs",
    };
    let mut found = Vec::new();
    for Managed { name, instead } in MANAGED {
        let long = name.long;
        let Some(ours) = name.last_value(managed) else {
            continue;
        };
        let differs = |args: &[String]| name.last_value(args).is_some_and(|value| value != ours);
        if differs(&seed.args) {
            let place = seed.place;
            found.push(format!(
                "{place}: --{long} has no effect, because the operator sets it after yours; {instead}"
            ));
        }
        if differs(extra_args) {
            found.push(format!(
                "{extra}: --{long} overrides what the operator sets, and the run may not start; {instead}"
            ));
        }
    }
    for (place, args) in [(seed.place, &seed.args[..]), (extra, extra_args)] {
        found.extend(contradictions(role, args).map(|words| format!("{place}: {words}")));
        found.extend(renamed(args).map(|words| format!("{place}: {words}")));
    }
    found
}

fn contradictions(role: Role, args: &[String]) -> impl Iterator<Item = String> {
    let (other, moved_port) = match role {
        Role::Master => (WORKER, BIND_PORT.is_given(args)),
        Role::Worker => (MASTER, false),
    };
    let is_other = other.is_given(args).then(|| {
        let other = other.long;
        format!("--{other} makes no {role}, and Locust will not start; leave it out")
    });
    let is_elsewhere = moved_port.then(|| {
        "--master-bind-port moves the port on which workers look for the master; leave it out"
            .to_owned()
    });
    is_other.into_iter().chain(is_elsewhere)
}

fn renamed(args: &[String]) -> impl Iterator<Item = String> {
    let given = RENAMED.iter().filter(|(old, _)| old.is_given(args));
    given.map(|(old, new)| {
        let old = old.long;
        format!("--{old} is an old spelling that newer Locust refuses; write {new}")
    })
}
