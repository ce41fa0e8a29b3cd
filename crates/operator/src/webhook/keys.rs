//! Certificates and keys: reading, making, and what of them is stored.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::SystemTime};

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use locust_core::certificates::{Action, Observed, Validity};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use x509_parser::{
    certificate::X509Certificate, extensions::GeneralName, prelude::FromDer, time::ASN1Time,
};

const LEAF: (&str, &str) = ("tls.crt", "tls.key");
const AUTHORITY: (&str, &str) = ("ca.crt", "ca.key");
const NEXT: (&str, &str) = ("next-ca.crt", "next-ca.key");
const PREVIOUS: &str = "previous-ca.crt";

/// A certificate and its private key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    certificate: String,
    key: String,
}

/// What the Secret holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    authority: Pair,
    next: Option<Pair>,
    previous: Option<String>,
    leaf: Pair,
}

impl Stored {
    /// From the Secret's data.
    ///
    /// # Errors
    /// When a part is missing or broken.
    pub fn read(data: &BTreeMap<String, ByteString>) -> Result<Self, String> {
        let text = |name: &str| {
            data.get(name)
                .map(|bytes| {
                    String::from_utf8(bytes.0.clone()).map_err(|_| format!("{name} is no text"))
                })
                .transpose()
        };
        let pair = |(certificate, key): (&str, &str)| -> Result<Option<Pair>, String> {
            let (Some(certificate), Some(key)) = (text(certificate)?, text(key)?) else {
                return Ok(None);
            };
            Ok(Some(Pair { certificate, key }))
        };
        let must = |names: (&str, &str)| {
            pair(names)?.ok_or_else(|| format!("{} or {} is missing", names.0, names.1))
        };
        let stored = Self {
            authority: must(AUTHORITY)?,
            next: pair(NEXT)?,
            previous: text(PREVIOUS)?,
            leaf: must(LEAF)?,
        };
        for authority in std::iter::once(&stored.authority).chain(&stored.next) {
            validity(&authority.certificate)?;
            authority.issuer().map_err(|error| format!("{error:#}"))?;
        }
        stored
            .previous
            .iter()
            .try_for_each(|certificate| validity(certificate).map(drop))?;
        stored.server_config()?;
        Ok(stored)
    }

    /// For the Secret.
    pub fn data(&self) -> BTreeMap<String, ByteString> {
        let Self {
            authority,
            next,
            previous,
            leaf,
        } = self;
        let pairs = [
            (AUTHORITY, Some(authority)),
            (NEXT, next.as_ref()),
            (LEAF, Some(leaf)),
        ];
        let mut data = BTreeMap::new();
        let mut put = |name: &str, text: &str| {
            data.insert(name.to_owned(), ByteString(text.as_bytes().to_vec()));
        };
        for ((certificate, key), pair) in pairs {
            if let Some(pair) = pair {
                put(certificate, &pair.certificate);
                put(key, &pair.key);
            }
        }
        if let Some(previous) = previous {
            put(PREVIOUS, previous);
        }
        data
    }

    /// For the decision.
    pub fn observed(&self, hosts: &[String], next_trusted_since: Option<Timestamp>) -> Observed {
        let unreadable = Validity {
            begin: Timestamp::MAX,
            end: Timestamp::MIN,
        };
        let of = |pair: &Pair| validity(&pair.certificate).unwrap_or(unreadable);
        let fits = fits(&self.leaf.certificate, &self.authority.certificate, hosts);
        Observed {
            authority: of(&self.authority),
            next: self.next.as_ref().map(of),
            next_trusted_since,
            previous: self.previous.is_some(),
            leaf: fits.then(|| of(&self.leaf)),
        }
    }

    /// Certificate of the authority that is to follow.
    pub fn next(&self) -> Option<&str> {
        self.next.as_ref().map(|next| next.certificate.as_str())
    }

    /// All authorities to trust, as PEM.
    pub fn bundle(&self) -> String {
        let Self {
            authority,
            next,
            previous,
            leaf: _,
        } = self;
        let next = next.as_ref().map(|next| &next.certificate);
        std::iter::once(&authority.certificate)
            .chain(next)
            .chain(previous)
            .map(String::as_str)
            .collect()
    }

    /// What the server uses.
    ///
    /// # Errors
    /// When certificate or key is broken, or they do not belong together.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, String> {
        server_config(&self.leaf.certificate, &self.leaf.key)
    }

    /// What is stored after the action.
    pub fn after(
        before: Option<&Self>,
        action: Action,
        now: Timestamp,
        hosts: &[String],
    ) -> anyhow::Result<Self> {
        let Some(before) = before else {
            return Self::new(now, hosts);
        };
        let mut after = before.clone();
        match action {
            Action::Keep(_) => {}
            Action::NewAuthority => return Self::new(now, hosts),
            Action::IssueLeaf => after.leaf = leaf(&after.authority, now, hosts)?,
            Action::AddNextAuthority => after.next = Some(authority(now)?),
            Action::UseNextAuthority => {
                if let Some(next) = after.next.take() {
                    let previous = std::mem::replace(&mut after.authority, next);
                    after.previous = Some(previous.certificate);
                    after.leaf = leaf(&after.authority, now, hosts)?;
                }
            }
            Action::ForgetPrevious => after.previous = None,
        }
        Ok(after)
    }

    fn new(now: Timestamp, hosts: &[String]) -> anyhow::Result<Self> {
        let authority = authority(now)?;
        Ok(Self {
            leaf: leaf(&authority, now, hosts)?,
            authority,
            next: None,
            previous: None,
        })
    }
}

impl Pair {
    fn issuer(&self) -> anyhow::Result<Issuer<'static, KeyPair>> {
        let key = KeyPair::from_pem(&self.key).context("an authority's key is broken")?;
        Issuer::from_ca_cert_pem(&self.certificate, key).context("an authority is broken")
    }
}

fn authority(now: Timestamp) -> anyhow::Result<Pair> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    // Two authorities must not have one name: clients choose by it.
    let name = format!("locust-operator webhook {}", now.as_millisecond());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    limit(&mut params, Validity::of_authority(now));
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?.pem();
    Ok(Pair {
        certificate,
        key: key.serialize_pem(),
    })
}

fn leaf(authority: &Pair, now: Timestamp, hosts: &[String]) -> anyhow::Result<Pair> {
    let mut params = CertificateParams::new(hosts.to_vec()).context("a name of --webhook-hosts")?;
    params
        .distinguished_name
        .push(DnType::CommonName, "locust-operator webhook");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let life = validity(&authority.certificate).map_err(anyhow::Error::msg)?;
    limit(&mut params, Validity::of_leaf(now, life));
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority.issuer()?)?.pem();
    Ok(Pair {
        certificate,
        key: key.serialize_pem(),
    })
}

fn limit(params: &mut CertificateParams, Validity { begin, end }: Validity) {
    params.not_before = SystemTime::from(begin).into();
    params.not_after = SystemTime::from(end).into();
}

/// What the server uses.
///
/// # Errors
/// When certificate or key is broken, or they do not belong together.
pub(super) fn server_config(certificate: &str, key: &str) -> Result<Arc<ServerConfig>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(certificate.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| format!("the certificate is broken: {error}"))?;
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
        .map_err(|error| format!("the key is broken: {error}"))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map(Arc::new)
        .map_err(|error| format!("certificate and key cannot be used: {error}"))
}

fn parsed<T>(pem: &str, read: impl FnOnce(&X509Certificate<'_>) -> T) -> Result<T, String> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes())
        .map_err(|error| format!("a certificate is broken: {error}"))?;
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|error| format!("a certificate is broken: {error}"))?;
    Ok(read(&certificate))
}

fn validity(pem: &str) -> Result<Validity, String> {
    let time = |time: ASN1Time| {
        Timestamp::from_second(time.timestamp())
            .map_err(|error| format!("a certificate's time: {error}"))
    };
    let (begin, end) = parsed(pem, |certificate| {
        let validity = certificate.validity();
        (validity.not_before, validity.not_after)
    })?;
    Ok(Validity {
        begin: time(begin)?,
        end: time(end)?,
    })
}

/// Whether the leaf is from this authority and for exactly these names and addresses.
fn fits(leaf: &str, authority: &str, hosts: &[String]) -> bool {
    let subject = parsed(authority, |authority| authority.subject().as_raw().to_vec());
    let named = parsed(leaf, |leaf| {
        let names = leaf.subject_alternative_name().ok().flatten();
        let mut names: Vec<String> = names
            .into_iter()
            .flat_map(|names| &names.value.general_names)
            .filter_map(text)
            .collect();
        names.sort_unstable();
        (leaf.issuer().as_raw().to_vec(), names)
    });
    let mut hosts = hosts.to_vec();
    hosts.sort_unstable();
    subject.is_ok_and(|subject| named == Ok((subject, hosts)))
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
            let address = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan;

    fn hosts() -> Vec<String> {
        ["hook.ns.svc", "127.0.0.1", "::1"]
            .map(str::to_owned)
            .to_vec()
    }

    fn now() -> Timestamp {
        Timestamp::from_second(1_900_000_000).unwrap()
    }

    fn after(before: &Stored, action: Action, hours: i64) -> Stored {
        Stored::after(Some(before), action, now() + hours.hours(), &hosts()).unwrap()
    }

    #[test]
    fn what_is_stored_reads_back() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let new = Stored::after(None, Action::NewAuthority, now(), &hosts()).unwrap();
        let both = after(&new, Action::AddNextAuthority, 1);
        let used = after(&both, Action::UseNextAuthority, 2);
        let alone = after(&used, Action::ForgetPrevious, 3);
        let count = |stored: &Stored| stored.bundle().matches("BEGIN").count();
        for (stored, trusted) in [(&new, 1), (&both, 2), (&used, 2), (&alone, 1)] {
            assert_eq!(&Stored::read(&stored.data()).unwrap(), stored);
            assert_eq!(count(stored), trusted);
            let observed = stored.observed(&hosts(), None);
            assert!(observed.leaf.is_some(), "{observed:?}");
        }
        let observed = used.observed(&hosts(), None);
        assert_eq!(
            observed.authority,
            Validity::of_authority(now() + 1.hours())
        );
        assert_eq!(
            observed.leaf,
            Some(Validity::of_leaf(now() + 2.hours(), observed.authority))
        );
        assert!(observed.previous && observed.next.is_none());
    }

    #[test]
    fn a_leaf_for_others_does_not_fit() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let stored = Stored::after(None, Action::NewAuthority, now(), &hosts()).unwrap();
        let other = ["hook.other.svc".to_owned()];
        assert_eq!(stored.observed(&other, None).leaf, None);
        let mut swapped = stored.clone();
        swapped.authority = authority(now() + 1.hours()).unwrap();
        assert_eq!(swapped.observed(&hosts(), None).leaf, None);
    }

    #[test]
    fn broken_secrets_are_no_certificates() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let stored = Stored::after(None, Action::NewAuthority, now(), &hosts()).unwrap();
        let other = Stored::after(None, Action::NewAuthority, now(), &hosts()).unwrap();
        for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
            let mut data = stored.data();
            data.remove(name);
            assert!(
                Stored::read(&data).unwrap_err().contains("missing"),
                "{name}"
            );
            data.insert(name.to_owned(), ByteString(b"what".to_vec()));
            assert!(Stored::read(&data).is_err(), "{name}");
        }
        let mut data = stored.data();
        data.insert("tls.key".to_owned(), other.data()["tls.key"].clone());
        assert!(Stored::read(&data).is_err(), "another certificate's key");
    }
}
