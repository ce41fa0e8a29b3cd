//! A certificate that somebody else keeps in files, such as a mounted Secret.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::{CurrentCertificate, keys};

/// How soon a changed file is seen. The kubelet takes up to a minute to change it.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Uses `tls.crt` and `tls.key` of the directory, and what they are changed to.
pub(super) async fn follow(
    directory: PathBuf,
    current: CurrentCertificate,
    stop: CancellationToken,
) {
    let mut last = None;
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let read = read(&directory);
        if last.as_ref() == Some(&read) {
            continue;
        }
        let config = read
            .clone()
            .and_then(|(certificate, key)| keys::server_config(&certificate, &key));
        match config {
            Ok(config) => {
                tracing::info!(directory = %directory.display(), "the webhook server uses this certificate");
                current.send_replace(Some(config));
            }
            Err(error) => {
                tracing::error!(directory = %directory.display(), error, "no certificate for the webhook server");
            }
        }
        last = Some(read);
    }
}

fn read(directory: &Path) -> Result<(String, String), String> {
    let text = |name: &str| {
        let path = directory.join(name);
        std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))
    };
    Ok((text("tls.crt")?, text("tls.key")?))
}
