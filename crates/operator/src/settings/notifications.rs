//! Telling somebody how runs of schedules went.

use clap::Args;
use locust_core::settings::NotificationSettings;

use super::{Checker, not_empty};

/// What `spec.notify` of schedules may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Notifications of schedules")]
pub(super) struct NotificationArgs {
    /// Whether to tell those whom spec.notify of schedules names how runs went. The operator posts to addresses that the
    /// authors of schedules choose.
    #[arg(
        long,
        env = "NOTIFICATIONS",
        default_value = "true",
        value_name = "BOOL"
    )]
    notifications: String,
    /// File with certificates of authorities (PEM) by which receivers with https are known. Empty for those of the system
    /// (SSL_CERT_FILE, /etc/ssl/certs), which the operator's image does not have.
    #[arg(
        long,
        env = "NOTIFICATIONS_CA_BUNDLE",
        default_value = "",
        value_name = "FILE"
    )]
    notifications_ca_bundle: String,
}

impl NotificationArgs {
    /// `None`: nobody is told.
    pub(super) fn check(self, check: &mut Checker) -> Option<NotificationSettings> {
        let Self {
            notifications,
            notifications_ca_bundle,
        } = self;
        let ca_bundle = not_empty(&notifications_ca_bundle).map(Into::into);
        check
            .switch("notifications", notifications)
            .then_some(NotificationSettings { ca_bundle })
    }
}
