//! One certificate authority per cluster and the certificates of its parts.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};

/// Who a certificate is for.
pub struct Identity<'a> {
    /// Common name: the user name in Kubernetes.
    pub user: &'a str,
    /// Organization: the group in Kubernetes.
    pub group: Option<&'a str>,
    /// Names and addresses it serves under; none for a client only.
    pub serves: &'a [String],
}

impl<'a> Identity<'a> {
    /// A client, in a group or not.
    pub fn client(user: &'a str, group: Option<&'a str>) -> Self {
        Self {
            user,
            group,
            serves: &[],
        }
    }
}

/// A certificate and its key, as PEM.
pub struct Certified {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

/// The certificate authority and the directory its files are in.
pub struct Authority {
    directory: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// Makes an authority and writes `ca.crt`, `ca.key` and the key pair that
    /// signs service account tokens (`sa.key`, `sa.pub`).
    pub fn create(directory: &Path) -> Result<Self> {
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "locust-node-ca");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::CrlSign,
        ];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let authority = Self {
            directory: directory.to_owned(),
            issuer,
        };
        authority.write("ca.crt", &authority.issuer.pem())?;
        authority.write("ca.key", &authority.issuer.key().serialize_pem())?;
        let tokens = KeyPair::generate()?;
        authority.write("sa.key", &tokens.serialize_pem())?;
        authority.write("sa.pub", &public_pem(&tokens))?;
        Ok(authority)
    }

    /// The authority's certificate, as PEM.
    pub fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// The path of a file of this authority.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Issues a certificate.
    pub fn issue(&self, identity: &Identity<'_>) -> Result<Certified> {
        let key = KeyPair::generate()?;
        let certificate = params(identity)?.signed_by(&key, &self.issuer)?;
        Ok(Certified {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        })
    }

    /// Issues a certificate into `NAME.crt` and `NAME.key`.
    pub fn issue_files(&self, name: &str, identity: &Identity<'_>) -> Result<()> {
        let issued = self.issue(identity)?;
        self.write(&format!("{name}.crt"), &issued.certificate)?;
        self.write(&format!("{name}.key"), &issued.key)
    }

    fn write(&self, name: &str, content: &str) -> Result<()> {
        write_private(&self.file(name), content)
    }
}

/// Writes a file that only its owner may read.
pub fn write_private(file: &Path, content: &str) -> Result<()> {
    use std::io::Write;
    let mut opened = fs::OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok(opened.write_all(content.as_bytes())?)
}

fn params(identity: &Identity<'_>) -> Result<CertificateParams> {
    let mut params = CertificateParams::new(identity.serves)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, identity.user);
    if let Some(group) = identity.group {
        params
            .distinguished_name
            .push(DnType::OrganizationName, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if !identity.serves.is_empty() {
        params
            .extended_key_usages
            .push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    Ok(params)
}

fn public_pem(key: &KeyPair) -> String {
    use base64::Engine;
    let encoded = base64::engine::general_purpose::STANDARD.encode(key.subject_public_key_info());
    format!("-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n")
}

/// The names an API server answers to.
pub fn api_server_names(addresses: &[&str]) -> Vec<String> {
    [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
    ]
    .iter()
    .chain(addresses)
    .map(|name| (*name).to_owned())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::SanType;

    #[test]
    fn names_and_addresses_become_alternative_names() {
        let names = api_server_names(&["127.0.0.1", "10.96.0.1"]);
        let params = params(&Identity {
            user: "kube-apiserver",
            group: None,
            serves: &names,
        })
        .unwrap();
        let dns = SanType::DnsName("kubernetes.default.svc".try_into().unwrap());
        let address = SanType::IpAddress("10.96.0.1".parse().unwrap());
        assert!(params.subject_alt_names.contains(&dns));
        assert!(params.subject_alt_names.contains(&address));
        assert!(
            params
                .extended_key_usages
                .contains(&ExtendedKeyUsagePurpose::ServerAuth)
        );
    }

    #[test]
    fn a_client_cannot_serve() {
        let params = params(&Identity::client("system:kube-scheduler", None)).unwrap();
        assert_eq!(
            params.extended_key_usages,
            [ExtendedKeyUsagePurpose::ClientAuth]
        );
    }

    #[test]
    fn keys_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("e2e-node-pki-{}", std::process::id()));
        let authority = Authority::create(&directory).unwrap();
        let mode = fs::metadata(authority.file("ca.key"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0);
        fs::remove_dir_all(directory).unwrap();
    }
}
