//! Settings of the webhook server.

use std::{fmt, net::SocketAddr, path::PathBuf};

use clap::Args;

use super::{Checker, not_empty, or_default};

/// Flags of the webhook server.
#[derive(Debug, Args)]
pub(super) struct WebhookArgs {
    /// Whether to convert between locust.io/v1 and v2, and to check tests that somebody writes, when the API server
    /// asks; true or false. Never when one namespace is watched.
    #[arg(
        long,
        env = "WEBHOOKS",
        default_value = "true",
        value_name = "TRUE|FALSE"
    )]
    webhooks: String,
    /// Address of the webhook server (HTTPS).
    #[arg(
        long,
        env = "WEBHOOK_LISTEN_ADDRESS",
        default_value = "0.0.0.0:9443",
        value_name = "ADDRESS:PORT"
    )]
    webhook_listen_address: String,
    /// Secret in which the operator makes and renews the webhook server's certificate.
    #[arg(
        long,
        env = "WEBHOOK_SECRET",
        default_value = "locust-operator/locust-operator-webhook-certs",
        value_name = "NAMESPACE/NAME"
    )]
    webhook_secret: String,
    /// Names and IP addresses by which the API server calls the webhook server, with commas between: what that
    /// certificate is for, and how this operator knows that it is the one that the definition asks to convert.
    #[arg(
        long,
        env = "WEBHOOK_HOSTS",
        default_value = "locust-operator-webhook.locust-operator.svc",
        value_name = "HOSTS"
    )]
    webhook_hosts: String,
    /// ValidatingWebhookConfiguration that makes the API server ask what is wrong with a test. The CA in it is kept right,
    /// as that in the definition of LocustTest is, unless --webhook-cert-dir is set. Empty: there is none.
    #[arg(
        long,
        env = "WEBHOOK_CONFIGURATION",
        default_value = "",
        value_name = "NAME"
    )]
    webhook_configuration: String,
    /// Directory with tls.crt and tls.key for the webhook server, which somebody else keeps; the Secret is then not
    /// used, and the CA in the definition of LocustTest is left alone. Empty: the Secret.
    #[arg(
        long,
        env = "WEBHOOK_CERT_DIR",
        default_value = "",
        value_name = "DIRECTORY"
    )]
    webhook_cert_dir: String,
}

/// The webhook server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Webhooks {
    /// There is none.
    Off,
    /// There is one.
    On {
        /// Its address.
        address: SocketAddr,
        /// Names and addresses by which the API server calls it.
        hosts: Vec<String>,
        /// Where its certificate is from.
        certificate: CertificateSource,
    },
}

/// Where the webhook server's certificate is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// A directory with `tls.crt` and `tls.key`.
    Files(PathBuf),
    /// The operator makes it and keeps it in a Secret.
    Secret {
        /// The Secret.
        place: SecretPlace,
        /// The ValidatingWebhookConfiguration that must trust it, besides the definition.
        configuration: Option<String>,
    },
}

/// A Secret for the certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPlace {
    /// Namespace of the Secret.
    pub namespace: String,
    /// Name of the Secret.
    pub name: String,
}

impl fmt::Display for SecretPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl WebhookArgs {
    /// `None` when something is wrong; `check` has it.
    pub(super) fn check(self, one_namespace: bool, check: &mut Checker) -> Option<Webhooks> {
        let Self {
            webhooks,
            webhook_listen_address,
            webhook_secret,
            webhook_hosts,
            webhook_configuration,
            webhook_cert_dir,
        } = self;
        let [webhooks, address, secret, hosts] = [
            ("webhooks", webhooks),
            ("webhook-listen-address", webhook_listen_address),
            ("webhook-secret", webhook_secret),
            ("webhook-hosts", webhook_hosts),
        ]
        .map(|(flag, value)| or_default(flag, value));
        let on = check.parse::<bool>("webhooks", &webhooks);
        let address = check.parse("webhook-listen-address", &address);
        let place = secret_place(&secret);
        if place.is_none() {
            check.wrong("webhook-secret", &secret, "write <namespace>/<name>");
        }
        let names = host_names(&hosts);
        if let Err(why) = names {
            check.wrong("webhook-hosts", &hosts, why);
        }
        let (on, address, place, hosts) = (on?, address?, place?, names.ok()?);
        if !on || one_namespace {
            return Some(Webhooks::Off);
        }
        let certificate = match webhook_cert_dir.trim() {
            "" => CertificateSource::Secret {
                place,
                configuration: not_empty(&webhook_configuration),
            },
            directory => CertificateSource::Files(directory.into()),
        };
        Some(Webhooks::On {
            address,
            hosts,
            certificate,
        })
    }
}

fn secret_place(secret: &str) -> Option<SecretPlace> {
    let (namespace, name) = secret.trim().split_once('/').filter(|(namespace, name)| {
        !namespace.is_empty() && !name.is_empty() && !name.contains('/')
    })?;
    Some(SecretPlace {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    })
}

/// The names of hosts in a list with commas.
///
/// # Errors
/// What to write instead.
pub(crate) fn host_names(hosts: &str) -> Result<Vec<String>, &'static str> {
    let names: Vec<String> = hosts
        .split(',')
        .map(|host| host.trim().to_owned())
        .collect();
    let is_host = |host: &String| {
        let known = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
        !host.is_empty() && host.chars().all(known)
    };
    if names.iter().all(is_host) {
        Ok(names)
    } else {
        Err("write DNS names and IP addresses with commas between, such as hook.team.svc,10.0.0.7")
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Args, Settings, WrongSettings};
    use super::*;

    fn check(flags: &[&str]) -> Result<Settings, WrongSettings> {
        Args::try_parse_from(std::iter::once("locust-operator").chain(flags.iter().copied()))
            .unwrap()
            .check()
    }

    #[test]
    fn where_the_certificate_is_from() {
        let webhooks = |flags: &[&str]| check(flags).unwrap().webhooks;
        let address = "0.0.0.0:9443".parse().unwrap();
        let on = |hosts: &[&str], certificate| Webhooks::On {
            address,
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            certificate,
        };
        let place = |namespace: &str, name: &str| CertificateSource::Secret {
            place: SecretPlace {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            configuration: None,
        };
        let by_default = ["locust-operator-webhook.locust-operator.svc"];
        assert_eq!(
            webhooks(&[]),
            on(
                &by_default,
                place("locust-operator", "locust-operator-webhook-certs")
            )
        );
        assert_eq!(
            webhooks(&["--webhook-secret=a/b", "--webhook-hosts=hook.a.svc, ::1"]),
            on(&["hook.a.svc", "::1"], place("a", "b"))
        );
        let Webhooks::On {
            certificate: CertificateSource::Secret { configuration, .. },
            ..
        } = webhooks(&["--webhook-configuration=hook"])
        else {
            panic!("it keeps its certificate in a Secret");
        };
        assert_eq!(configuration.as_deref(), Some("hook"));
        assert_eq!(
            webhooks(&["--webhook-cert-dir=/certs"]),
            on(&by_default, CertificateSource::Files("/certs".into()))
        );
        for off in ["--webhooks=false", "--watch-namespace=team"] {
            assert_eq!(webhooks(&[off]), Webhooks::Off, "{off}");
        }
    }

    #[test]
    fn wrong_settings_are_named() {
        for (flag, words) in [
            ("--webhooks=maybe", "true"),
            ("--webhook-listen-address=9443", "WEBHOOK_LISTEN_ADDRESS"),
            ("--webhook-secret=name", "<namespace>/<name>"),
            ("--webhook-secret=a/b/c", "<namespace>/<name>"),
            ("--webhook-hosts=https://hook", "DNS names"),
            ("--webhook-hosts=a,,b", "DNS names"),
        ] {
            let wrong = check(&[flag]).unwrap_err().to_string();
            let name = flag.split_once('=').unwrap().0;
            assert!(wrong.contains(name) && wrong.contains(words), "{wrong}");
        }
    }
}
