//! Settings of the process: flags, each with an environment variable.

mod resources;

use std::{fmt, net::SocketAddr, str::FromStr};

use clap::{CommandFactory, Parser};
use k8s_openapi::api::core::v1::ResourceRequirements;
use locust_api::Duration;
use locust_core::settings::{RunSettings, SecurityProfile};

use resources::{ResourceArgs, RoleResources};

/// Runs Locust load tests from custom resources.
///
/// Every flag can also be set by the environment variable named beside it; the flag wins.
/// An empty value is the same as the default, except where a flag says what empty means.
#[derive(Debug, Parser)]
#[command(name = "locust-operator", version)]
pub struct Args {
    /// Address of /healthz, /readyz and /metrics.
    #[arg(
        long,
        env = "LISTEN_ADDRESS",
        default_value = "0.0.0.0:8080",
        value_name = "ADDRESS:PORT"
    )]
    listen_address: String,
    /// The only namespace to look at; empty for all namespaces.
    #[arg(
        long,
        env = "WATCH_NAMESPACE",
        default_value = "",
        value_name = "NAMESPACE"
    )]
    watch_namespace: String,
    /// What to log: error, warn, info, debug or trace, also by module ("info,kube=debug").
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "LEVEL")]
    log_level: String,
    /// Image of tests that name none.
    #[arg(
        long,
        env = "DEFAULT_IMAGE",
        default_value = "locustio/locust:2.47.0",
        value_name = "IMAGE"
    )]
    default_image: String,
    /// The least time between two writes of a run's live numbers into its status.
    #[arg(
        long,
        env = "PROGRESS_INTERVAL",
        default_value = "30s",
        value_name = "DURATION"
    )]
    progress_interval: String,
    /// How long a test may take to start its load when it gives no startDeadline.
    #[arg(
        long,
        env = "START_DEADLINE",
        default_value = "5m",
        value_name = "DURATION"
    )]
    start_deadline: String,
    /// How long load may run when a test gives neither timeout nor run.runTime; empty for no limit.
    #[arg(
        long,
        env = "DEFAULT_TIMEOUT",
        default_value = "",
        value_name = "DURATION"
    )]
    default_timeout: String,
    /// Security of the Locust pods: Restricted passes the restricted Pod Security level, Published is what the
    /// published operator made.
    #[arg(
        long,
        env = "SECURITY_PROFILE",
        default_value = "Restricted",
        value_name = "PROFILE"
    )]
    security_profile: String,
    /// User id of the Locust containers under Restricted; empty leaves it to the image or the platform.
    #[arg(long, env = "RUN_AS_USER", default_value = "1000", value_name = "UID")]
    run_as_user: String,
    #[command(flatten)]
    resources: ResourceArgs,
}

/// Settings that hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the HTTP server.
    pub listen_address: SocketAddr,
    /// The only namespace to look at.
    pub watch_namespace: Option<String>,
    /// What to log.
    pub log_level: String,
    /// Defaults for runs.
    pub runs: RunSettings,
}

/// All settings that are wrong, at once.
#[derive(Debug, PartialEq, Eq)]
pub struct WrongSettings(Vec<String>);

impl fmt::Display for WrongSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "locust-operator: {} wrong setting(s); see --help",
            self.0.len()
        )?;
        self.0.iter().try_for_each(|wrong| write!(f, "\n  {wrong}"))
    }
}

/// Collects what is wrong instead of stopping at the first.
#[derive(Default)]
struct Checker {
    wrong: Vec<String>,
}

impl Checker {
    fn parse<T: FromStr<Err: fmt::Display>>(&mut self, flag: &str, value: &str) -> Option<T> {
        match value.trim().parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.wrong(flag, value, &error.to_string());
                None
            }
        }
    }

    fn parse_optional<T: FromStr<Err: fmt::Display>>(
        &mut self,
        flag: &str,
        value: &str,
    ) -> Option<T> {
        if value.trim().is_empty() {
            None
        } else {
            self.parse(flag, value)
        }
    }

    fn wrong(&mut self, flag: &str, value: &str, why: &str) {
        let variable = flag.to_uppercase().replace('-', "_");
        self.wrong
            .push(format!("--{flag} ({variable}) is {value:?}: {why}"));
    }
}

/// The value, or the flag's default when it is empty: charts and shells set variables to nothing.
fn or_default(flag: &str, value: String) -> String {
    if !value.trim().is_empty() {
        return value;
    }
    let command = Args::command();
    let known = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(flag));
    known
        .and_then(|arg| arg.get_default_values().first()?.to_str())
        .unwrap_or_default()
        .to_owned()
}

impl Args {
    /// The settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// Lists every flag with what was found and what is allowed.
    pub fn check(self) -> Result<Settings, WrongSettings> {
        let Self {
            listen_address,
            watch_namespace,
            log_level,
            default_image,
            progress_interval,
            start_deadline,
            default_timeout,
            security_profile,
            run_as_user,
            resources,
        } = self;
        let mut check = Checker::default();
        let [
            listen_address,
            log_level,
            default_image,
            progress_interval,
            start_deadline,
            security_profile,
        ] = [
            ("listen-address", listen_address),
            ("log-level", log_level),
            ("default-image", default_image),
            ("progress-interval", progress_interval),
            ("start-deadline", start_deadline),
            ("security-profile", security_profile),
        ]
        .map(|(flag, value)| or_default(flag, value));
        let listen_address = check.parse("listen-address", &listen_address);
        if let Err(error) = log_level.parse::<tracing_subscriber::EnvFilter>() {
            check.wrong("log-level", &log_level, &error.to_string());
        }
        let progress_interval = check.parse::<Duration>("progress-interval", &progress_interval);
        let start_deadline = check.parse::<Duration>("start-deadline", &start_deadline);
        let default_timeout = check.parse_optional("default-timeout", &default_timeout);
        let security_profile = match security_profile.trim() {
            "Restricted" => SecurityProfile::Restricted,
            "Published" => SecurityProfile::Published,
            other => {
                check.wrong("security-profile", other, "write Restricted or Published");
                SecurityProfile::Restricted
            }
        };
        let run_as_user = check.parse_optional::<i64>("run-as-user", &run_as_user);
        let RoleResources { master, worker } = resources.check(&mut check);
        match (listen_address, progress_interval, start_deadline) {
            (Some(listen_address), Some(progress_interval), Some(start_deadline))
                if check.wrong.is_empty() =>
            {
                let master_resources: ResourceRequirements = master;
                Ok(Settings {
                    listen_address,
                    watch_namespace: Some(watch_namespace.trim().to_owned())
                        .filter(|name| !name.is_empty()),
                    log_level,
                    runs: RunSettings {
                        default_image,
                        start_deadline,
                        default_timeout,
                        progress_interval,
                        security_profile,
                        run_as_user,
                        master_resources,
                        worker_resources: worker,
                    },
                })
            }
            _ => Err(WrongSettings(check.wrong)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(flags: &[&str]) -> Result<Settings, WrongSettings> {
        Args::try_parse_from(std::iter::once("locust-operator").chain(flags.iter().copied()))
            .unwrap()
            .check()
    }

    #[test]
    fn defaults_hold() {
        let settings = check(&[]).unwrap();
        assert_eq!(settings.watch_namespace, None);
        assert_eq!(settings.runs.default_timeout, None);
        assert_eq!(settings.runs.run_as_user, Some(1000));
        let limits = settings.runs.worker_resources.limits.unwrap();
        assert_eq!(limits["memory"].0, "1024Mi");
    }

    #[test]
    fn an_empty_value_is_the_default() {
        let settings = check(&["--start-deadline=", "--pod-cpu-limit=", "--run-as-user="]).unwrap();
        assert_eq!(settings.runs.start_deadline, Duration::from_secs(300));
        assert_eq!(
            settings.runs.worker_resources.limits.unwrap()["cpu"].0,
            "1000m"
        );
        assert_eq!(settings.runs.run_as_user, None);
    }

    #[test]
    fn all_wrong_settings_are_listed_at_once() {
        let wrong = check(&[
            "--listen-address=here",
            "--start-deadline=5 minutes",
            "--security-profile=Loose",
            "--run-as-user=locust",
            "--worker-pod-cpu-limit=lots",
        ])
        .unwrap_err()
        .to_string();
        for flag in [
            "listen-address",
            "start-deadline",
            "security-profile",
            "run-as-user",
            "worker-pod-cpu-limit",
        ] {
            assert!(wrong.contains(&format!("--{flag}")), "{wrong}");
        }
        assert!(
            wrong.starts_with("locust-operator: 5 wrong setting(s)"),
            "{wrong}"
        );
    }

    #[test]
    fn a_roles_resources_win_and_none_removes() {
        let settings = check(&[
            "--pod-cpu-limit=none",
            "--worker-pod-cpu-limit=2",
            "--master-pod-mem-request=1Gi",
        ])
        .unwrap();
        assert_eq!(settings.runs.worker_resources.limits.unwrap()["cpu"].0, "2");
        assert!(
            !settings
                .runs
                .master_resources
                .limits
                .unwrap()
                .contains_key("cpu")
        );
        assert_eq!(
            settings.runs.master_resources.requests.unwrap()["memory"].0,
            "1Gi"
        );
    }

    #[test]
    fn every_flag_is_documented_and_has_a_variable() {
        for arg in Args::command()
            .get_arguments()
            .filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()))
        {
            assert!(arg.get_help().is_some(), "{arg} has no help");
            let variable = arg.get_long().unwrap().to_uppercase().replace('-', "_");
            assert_eq!(arg.get_env().unwrap().to_str(), Some(variable.as_str()));
        }
    }
}
