//! Settings of the process: flags, each with an environment variable.

mod network_policy;
mod notices;
mod notifications;
mod pods;
mod resources;
mod starts;
mod webhooks;

use std::{fmt, net::SocketAddr, str::FromStr};

use clap::{CommandFactory, Parser, Subcommand};
use k8s_openapi::api::core::v1::ResourceRequirements;
use locust_api::Duration;
use locust_core::settings::{RunSettings, SecurityProfile};

use network_policy::NetworkPolicyArgs;
use notifications::NotificationArgs;
use pods::{PodArgs, PodSettings};
use resources::{ResourceArgs, RoleResources};
use starts::{StartArgs, StartSettings};
use webhooks::WebhookArgs;

pub(crate) use webhooks::host_names;
pub use webhooks::{CertificateSource, SecretPlace, Webhooks};

/// Runs Locust load tests from custom resources.
///
/// Every flag can also be set by the environment variable named beside it; the flag wins.
/// An empty value is the same as the default, except where a flag says what empty means.
#[derive(Debug, Parser)]
#[command(name = "locust-operator", version)]
pub struct Args {
    /// What to do instead of running.
    #[command(subcommand)]
    pub command: Option<Command>,
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
    /// Whether to act only while holding the leader Lease, so that several replicas can run: true, false, or auto
    /// (where the namespace of the Lease is known, as it is in a cluster).
    #[arg(
        long,
        env = "LEADER_ELECT",
        default_value = "auto",
        default_missing_value = "true",
        num_args = 0..=1,
        require_equals = true,
        value_name = "true|false|auto"
    )]
    leader_elect: String,
    /// Namespace of the Lease locust-k8s-operator.locust.io; empty for the one this process runs in.
    #[arg(
        long,
        env = "LEASE_NAMESPACE",
        default_value = "",
        value_name = "NAMESPACE"
    )]
    lease_namespace: String,
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
    starts: StartArgs,
    #[command(flatten)]
    pods: PodArgs,
    #[command(flatten)]
    network_policy: NetworkPolicyArgs,
    #[command(flatten)]
    notifications: NotificationArgs,
    #[command(flatten)]
    webhooks: WebhookArgs,
    #[command(flatten)]
    resources: ResourceArgs,
}

/// What to do instead of running.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Let the definition of LocustTest ask this operator to convert no more, and serve no locust.io/v1, so that nothing
    /// waits for an operator that is gone. Helm runs it before it uninstalls a release.
    ReleaseDefinition {
        /// Names and IP addresses by which the operator was asked to convert, with commas between; a definition that asks
        /// somebody else is left alone.
        #[arg(long, env = "WEBHOOK_HOSTS", value_name = "HOSTS")]
        webhook_hosts: String,
    },
}

/// Whether to act only while holding the leader Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderElect {
    /// Yes.
    Always,
    /// No: there is no other operator.
    Never,
    /// Where the namespace of the Lease is known.
    InCluster,
}

/// Settings that hold.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Address of the HTTP server.
    pub listen_address: SocketAddr,
    /// The only namespace to look at.
    pub watch_namespace: Option<String>,
    /// Whether to act only while holding the leader Lease.
    pub leader_elect: LeaderElect,
    /// Namespace of the Lease, where one is given.
    pub lease_namespace: Option<String>,
    /// What to log.
    pub log_level: String,
    /// Variables that are set and do not do what they did in the published operator.
    pub notices: Vec<String>,
    /// The webhook server.
    pub webhooks: Webhooks,
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

fn not_empty(value: &str) -> Option<String> {
    Some(value.trim().to_owned()).filter(|value| !value.is_empty())
}

impl Args {
    /// The settings, or everything that is wrong with them.
    ///
    /// # Errors
    /// Lists every flag with what was found and what is allowed.
    pub fn check(self) -> Result<Settings, WrongSettings> {
        let Self {
            command: _,
            listen_address,
            watch_namespace,
            leader_elect,
            lease_namespace,
            log_level,
            default_image,
            progress_interval,
            start_deadline,
            default_timeout,
            security_profile,
            run_as_user,
            starts,
            pods,
            network_policy,
            notifications,
            webhooks,
            resources,
        } = self;
        let mut check = Checker::default();
        let [
            listen_address,
            leader_elect,
            log_level,
            default_image,
            progress_interval,
            start_deadline,
            security_profile,
        ] = [
            ("listen-address", listen_address),
            ("leader-elect", leader_elect),
            ("log-level", log_level),
            ("default-image", default_image),
            ("progress-interval", progress_interval),
            ("start-deadline", start_deadline),
            ("security-profile", security_profile),
        ]
        .map(|(flag, value)| or_default(flag, value));
        let listen_address = check.parse("listen-address", &listen_address);
        let leader_elect = match leader_elect.trim() {
            "true" => LeaderElect::Always,
            "false" => LeaderElect::Never,
            "auto" => LeaderElect::InCluster,
            other => {
                check.wrong("leader-elect", other, "write true, false or auto");
                LeaderElect::Always
            }
        };
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
        let watch_namespace = not_empty(&watch_namespace);
        let webhooks = webhooks.check(watch_namespace.is_some(), &mut check);
        let RoleResources {
            master,
            worker,
            exporter,
        } = resources.check(&mut check);
        let PodSettings {
            scheduling,
            job_ttl_seconds,
            kafka,
            exporter,
        } = pods.check(exporter, &mut check);
        let StartSettings {
            max_running,
            suspend_new,
        } = starts.check(&mut check);
        let network_policy = network_policy.check(&mut check);
        let notifications = notifications.check(&mut check);
        match (listen_address, progress_interval, start_deadline, webhooks) {
            (
                Some(listen_address),
                Some(progress_interval),
                Some(start_deadline),
                Some(webhooks),
            ) if check.wrong.is_empty() => {
                let master_resources: ResourceRequirements = master;
                Ok(Settings {
                    listen_address,
                    watch_namespace,
                    leader_elect,
                    lease_namespace: not_empty(&lease_namespace),
                    log_level,
                    notices: notices::notices(|name| std::env::var(name).ok()),
                    webhooks,
                    runs: RunSettings {
                        default_image,
                        start_deadline,
                        default_timeout,
                        progress_interval,
                        security_profile,
                        run_as_user,
                        master_resources,
                        worker_resources: worker,
                        scheduling,
                        job_ttl_seconds,
                        kafka,
                        exporter,
                        max_running,
                        suspend_new,
                        network_policy,
                        notifications,
                    },
                })
            }
            _ => Err(WrongSettings(check.wrong)),
        }
    }
}

#[cfg(test)]
mod tests;
