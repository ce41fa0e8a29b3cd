//! The client for everything but the API server.
//!
//! There is one type of it, with TLS or without: the code of HTTP exists once for each in the program, whose size counts.

use std::{path::Path, time::Duration};

use axum::{body::Body, http::Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use kube::{Config, client::ConfigExt};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

/// A client that keeps no connection and follows no redirect.
pub(crate) type HttpClient = Client<HttpsConnector<HttpConnector>, Body>;

/// A client that knows servers by this.
pub(crate) fn client(tls: ClientConfig, connect_within: Duration) -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(connect_within));
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(HttpsConnector::from((connector, tls)))
}

/// For a client that is not asked for https: it would know no server.
pub(crate) fn no_tls() -> ClientConfig {
    ClientConfig::builder()
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth()
}

/// Servers are known by the certificates in this file, or else by those of the system.
///
/// # Errors
/// Why there are none, in a sentence with what to do.
pub(crate) fn tls(ca_bundle: Option<&Path>) -> Result<ClientConfig, String> {
    // As kube does it for the API server: its code is there.
    let mut config = Config::new(Uri::default());
    if let Some(file) = ca_bundle {
        config.root_cert = Some(certificates(file)?);
    }
    config.rustls_client_config().map_err(|error| match ca_bundle {
        Some(file) => format!(
            "the certificates in {} cannot be used: {error}; it is --notifications-ca-bundle",
            file.display()
        ),
        None => format!(
            "the operator knows no authority by which to know a receiver with https ({error}); let its administrator set the chart's notifications.caBundle"
        ),
    })
}

fn certificates(file: &Path) -> Result<Vec<Vec<u8>>, String> {
    let wrong = |error: &dyn std::fmt::Display| {
        let file = file.display();
        format!("{file}, which is --notifications-ca-bundle, cannot be read: {error}")
    };
    let text = std::fs::read(file).map_err(|error| wrong(&error))?;
    let all = CertificateDer::pem_slice_iter(&text);
    let all: Result<Vec<Vec<u8>>, _> = all.map(|item| item.map(|it| it.to_vec())).collect();
    match all {
        Ok(all) if all.is_empty() => Err(wrong(&"it has no certificate in PEM")),
        other => other.map_err(|error| wrong(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_read_or_said_to_be_wrong() {
        let certified = rcgen::generate_simple_self_signed(["sink".to_owned()]).unwrap();
        let directory = std::env::temp_dir().join(format!("ca-bundle-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        for (name, content, wrong) in [
            ("two", certified.cert.pem().repeat(2), None),
            (
                "none",
                "nothing\n".to_owned(),
                Some("no certificate in PEM"),
            ),
            (
                "broken",
                certified.cert.pem().replace("MII", "???"),
                Some("cannot be read"),
            ),
        ] {
            let file = directory.join(name);
            std::fs::write(&file, content).unwrap();
            match (tls(Some(&file)), wrong) {
                (Ok(_), None) => {}
                (Err(said), Some(wrong)) => assert!(said.contains(wrong), "{name}: {said}"),
                (said, _) => panic!("{name}: {:?}", said.err()),
            }
        }
        let said = tls(Some(&directory.join("missing"))).unwrap_err();
        assert!(
            said.contains("missing") && said.contains("--notifications-ca-bundle"),
            "{said}"
        );
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
