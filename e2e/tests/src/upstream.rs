//! The way to an API server.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

/// A client of one API server.
pub(crate) struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: String,
}

impl Upstream {
    /// The API server of a kubeconfig.
    pub fn of(config: &Value) -> Result<Self> {
        let cluster = &config["clusters"][0]["cluster"];
        let url = cluster["server"].as_str().context("no server")?.to_owned();
        let authority = cluster["certificate-authority-data"]
            .as_str()
            .context("no certificate authority")?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&STANDARD.decode(authority)?) {
            roots.add(certificate?)?;
        }
        let provider = rustls::crypto::ring::default_provider();
        let tls = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let tls = match identity(&config["users"][0]["user"])? {
            Some((certificates, key)) => tls.with_client_auth_cert(certificates, key)?,
            None => tls.with_no_client_auth(),
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            url,
        })
    }

    /// Passes a request on.
    pub async fn send(&self, head: Parts, body: Bytes) -> Result<Response<Incoming>> {
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method;
        *request.uri_mut() = format!("{}{path}", self.url).parse::<Uri>()?;
        *request.headers_mut() = head.headers;
        request.headers_mut().remove(HOST);
        Ok(self.client.request(request).await?)
    }
}

/// The certificate of a user who has one.
fn identity(
    user: &Value,
) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>> {
    let data = |name: &str| user[name].as_str().map(|text| STANDARD.decode(text));
    let (Some(certificate), Some(key)) = (data("client-certificate-data"), data("client-key-data"))
    else {
        return Ok(None);
    };
    let certificates = CertificateDer::pem_slice_iter(&certificate?).collect::<Result<_, _>>()?;
    Ok(Some((certificates, PrivateKeyDer::from_pem_slice(&key?)?)))
}
