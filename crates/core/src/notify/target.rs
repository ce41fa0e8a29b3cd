//! Where a notice goes.

use std::fmt;

use k8s_openapi::api::core::v1::Secret;
use locust_api::v2::Notify;

use crate::problems::Problem;

/// As long as the definition allows; an address from a Secret is not longer.
const MAX_URL: usize = 2048;
/// The key of a Secret with an address.
const URL: &str = "url";
/// The key of a Secret with a bearer token.
const TOKEN: &str = "token";

/// Where to post to, and as whom. It may be a secret, so nothing shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub url: String,
    /// The bearer token.
    pub token: Option<String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").finish_non_exhaustive()
    }
}

/// Why there is nowhere to post to: in a sentence that holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unready {
    /// The Secret is not as it has to be.
    Secret(String),
    /// The spec is not.
    Spec(String),
}

/// Where to post to. `secret` is the one that `spec.notify.secretRef` names.
///
/// # Errors
/// When there is no address, or something that cannot be sent.
pub fn target(notify: &Notify, secret: Option<&Secret>) -> Result<Target, Unready> {
    let name = notify.secret_ref.as_ref().map(|secret| &secret.name);
    let name = name.map(String::as_str).unwrap_or_default();
    let of_secret = |words: String| Unready::Secret(format!("the Secret {name:?} {words}"));
    let entry = |key: &str| -> Result<Option<String>, Unready> {
        let data = secret.and_then(|secret| secret.data.as_ref());
        let Some(bytes) = data.and_then(|data| data.get(key)) else {
            return Ok(None);
        };
        // A line feed at the end is the editor's.
        let text = std::str::from_utf8(&bytes.0).map(|text| text.trim().to_owned());
        let text = text.map_err(|_| of_secret(format!("has no text under the key {key}")))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    };
    let token = entry(TOKEN)?;
    let is_sendable = |token: &String| token.chars().all(|c| c.is_ascii_graphic());
    if token.as_ref().is_some_and(|token| !is_sendable(token)) {
        return Err(of_secret(format!(
            "has under the key {TOKEN} characters that a bearer token cannot have; it has letters, digits and signs of ASCII on one line"
        )));
    }
    let url = match (&notify.url, entry(URL)?) {
        (Some(url), _) => {
            let wrong = |why| Unready::Spec(format!("spec.notify.url {why}"));
            check_url(url).map_err(wrong)?;
            if notify.secret_ref.is_some() && token.is_none() {
                return Err(of_secret(format!(
                    "has no key {TOKEN}; add it, or take spec.notify.secretRef away"
                )));
            }
            url.clone()
        }
        (None, Some(url)) => {
            let wrong = |why| of_secret(format!("has under the key {URL} an address that {why}"));
            check_url(&url).map_err(wrong)?;
            url
        }
        (None, None) if notify.secret_ref.is_none() => {
            return Err(Unready::Spec("spec.notify has no url".to_owned()));
        }
        (None, None) => {
            return Err(of_secret(format!(
                "has no key {URL}, and spec.notify has no url; add one of the two"
            )));
        }
    };
    Ok(Target { url, token })
}

/// Why the Secret of this name could not be read, and what to do. `code` is the API server's answer, if there was one.
pub fn unreadable(namespace: &str, name: &str, code: Option<u16>, words: &str) -> String {
    match code {
        Some(403) => format!(
            "the operator may not read the Secret {name:?}; let its administrator add that name to the chart's notifications.secretNames"
        ),
        Some(404) => {
            format!("there is no Secret {name:?} in the namespace {namespace:?}; create it")
        }
        _ => format!("the Secret {name:?} cannot be read: {words}"),
    }
}

/// What is wrong with `spec.notify`, beyond what the definition says.
pub fn problems(notify: &Notify) -> Vec<Problem> {
    if notify.url.is_none() && notify.secret_ref.is_none() {
        let words = "has no url, and no secretRef to a Secret with the key url; add one of the two";
        return vec![Problem::new("spec.notify", words)];
    }
    let wrong = notify.url.as_deref().and_then(|url| check_url(url).err());
    wrong
        .map(|why| Problem::new("spec.notify.url", why))
        .into_iter()
        .collect()
}

/// Whether an address can be posted to; why not, without the address.
fn check_url(url: &str) -> Result<(), String> {
    let example = "write one such as https://events.example.com/load-tests";
    if url.len() > MAX_URL {
        return Err(format!(
            "has {} characters, {MAX_URL} are allowed",
            url.len()
        ));
    }
    let rest = url.strip_prefix("https://");
    let Some(rest) = rest.or_else(|| url.strip_prefix("http://")) else {
        return Err(format!(
            "does not begin with http:// or https://; {example}"
        ));
    };
    let is_known = |c: char| c.is_ascii_graphic() && !"\"#<>\\^`{|}".contains(c);
    if let Some(strange) = url.chars().find(|c| !is_known(*c)) {
        return Err(format!(
            "has {strange:?}, which an address cannot have; write it as % and two hexadecimal digits, and no part after #"
        ));
    }
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.contains('@') {
        return Err("has a user or a password before the host; put a bearer token under the key token of a Secret, and name that in spec.notify.secretRef".to_owned());
    }
    let (host, port) = match authority.rsplit_once(':') {
        // The last colon of an IPv6 address without a port is within its brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_host = match host.strip_prefix('[').map(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()),
        None => !host.is_empty() && host.chars().all(is_name),
    };
    if !is_host {
        return Err(format!("has no host that could be asked; {example}"));
    }
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if port.is_some_and(|port| !is_port(port)) {
        return Err(format!(
            "has no port between 1 and 65535 after its host; {example}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use locust_api::v2::NotifySecretRef;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses() {
        for (url, wrong) in [
            ("https://hooks.slack.com/services/T0/B0/x", None),
            ("http://127.0.0.1:8080", None),
            ("http://sink.team.svc:80/a?b=c%20d&e=@", None),
            ("https://[::1]:8443/x", None),
            ("https://[fd00::1]", None),
            ("ftp://host", Some("does not begin with http://")),
            ("HTTPS://host", Some("does not begin with http://")),
            ("sink.team.svc", Some("does not begin with http://")),
            ("https://?q=z", Some("no host")),
            ("https:///path", Some("no host")),
            ("https://:443/", Some("no host")),
            ("https://ho$t/", Some("no host")),
            ("https://[nothing]/", Some("no host")),
            ("https://[::1", Some("no host")),
            ("https://host:0/", Some("no port")),
            ("https://host:65536/", Some("no port")),
            ("https://host:/", Some("no port")),
            ("https://me:secret@host/", Some("a user or a password")),
            ("https://me@host", Some("a user or a password")),
            ("https://host/a b", Some("has ' '")),
            ("https://host/#part", Some("has '#'")),
            ("https://host/ä", Some("has 'ä'")),
            ("https://host/\r\nX: y", Some("has '\\r'")),
        ] {
            match (check_url(url), wrong) {
                (Ok(()), None) => {}
                (Err(said), Some(wrong)) => {
                    assert!(said.contains(wrong) && !said.contains(url), "{url}: {said}");
                }
                (said, _) => panic!("{url}: {said:?}"),
            }
        }
        let long = format!("https://host/{}", "a".repeat(MAX_URL));
        assert!(check_url(&long).unwrap_err().contains("2048 are allowed"));
    }

    fn notify(url: Option<&str>, secret: Option<&str>) -> Notify {
        Notify {
            url: url.map(str::to_owned),
            secret_ref: secret.map(|name| NotifySecretRef {
                name: name.to_owned(),
            }),
            ..Notify::default()
        }
    }

    fn secret(data: &[(&str, &str)]) -> Secret {
        let mut secret: Secret = serde_json::from_value(json!({})).unwrap();
        let entries = data.iter().map(|(key, value)| {
            let value = k8s_openapi::ByteString(value.as_bytes().to_vec());
            ((*key).to_owned(), value)
        });
        secret.data = Some(entries.collect());
        secret
    }

    #[test]
    fn targets() {
        const HERE: &str = "https://sink/";
        let hidden = "https://hooks/T0/secret";
        for (url, data, wanted) in [
            (Some(HERE), None, Ok((HERE, None))),
            (
                Some(HERE),
                Some(vec![("token", "abc\n")]),
                Ok((HERE, Some("abc"))),
            ),
            (
                Some(HERE),
                Some(vec![("url", hidden), ("token", "abc")]),
                Ok((HERE, Some("abc"))),
            ),
            (
                None,
                Some(vec![("url", "https://hooks/T0/secret\n")]),
                Ok((hidden, None)),
            ),
            (
                None,
                Some(vec![("url", hidden), ("token", "abc")]),
                Ok((hidden, Some("abc"))),
            ),
            (Some(HERE), Some(vec![]), Err("has no key token")),
            (None, Some(vec![("token", "abc")]), Err("has no key url")),
            (None, Some(vec![("url", " ")]), Err("has no key url")),
            (
                None,
                Some(vec![("url", "hooks/T0/secret")]),
                Err("does not begin with http"),
            ),
            (
                None,
                Some(vec![("url", hidden), ("token", "q z")]),
                Err("a bearer token cannot have"),
            ),
            (
                Some("ftp://sink"),
                None,
                Err("spec.notify.url does not begin"),
            ),
            (None, None, Err("spec.notify has no url")),
        ] {
            let name = data.as_ref().map(|_| "slack");
            let secret = data.as_deref().map(secret);
            let found = target(&notify(url, name), secret.as_ref());
            match (&found, wanted) {
                (Ok(found), Ok((url, token))) => {
                    assert_eq!((found.url.as_str(), found.token.as_deref()), (url, token));
                    assert_eq!(format!("{found:?}"), "Target { .. }");
                }
                (Err(Unready::Secret(said) | Unready::Spec(said)), Err(wanted)) => {
                    assert!(said.contains(wanted), "{said}");
                    assert!(!said.contains("T0") && !said.contains("q z"), "{said}");
                }
                (found, wanted) => panic!("{found:?} and not {wanted:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_text_is_no_address() {
        let mut broken = secret(&[]);
        let bytes = k8s_openapi::ByteString(vec![0xff]);
        broken.data = Some([("url".to_owned(), bytes)].into());
        let said = target(&notify(None, Some("slack")), Some(&broken));
        assert_eq!(
            said,
            Err(Unready::Secret(
                "the Secret \"slack\" has no text under the key url".to_owned()
            ))
        );
    }

    #[test]
    fn who_may_not_read_a_secret_hears_what_to_do() {
        for (code, wanted) in [
            (Some(403), "notifications.secretNames"),
            (
                Some(404),
                "there is no Secret \"slack\" in the namespace \"team\"",
            ),
            (Some(500), "cannot be read: down"),
            (None, "cannot be read: down"),
        ] {
            let said = unreadable("team", "slack", code, "down");
            assert!(said.contains(wanted) && said.contains("slack"), "{said}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_one_line_with_a_host(url in "https?://[ -~äé\\n]{0,40}") {
            if check_url(&url).is_ok() {
                prop_assert!(url.chars().all(|c| c.is_ascii_graphic()));
                let rest = url.split_once("://").unwrap().1;
                prop_assert!(!rest.is_empty() && !rest.starts_with(['/', '?', ':']));
            }
        }
    }
}
