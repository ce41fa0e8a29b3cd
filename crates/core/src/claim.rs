//! The claim of a run: its identity and the names of its objects, written before anything is made.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use locust_api::v2::{LocustTestSpec, RunClaim};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::time::whole_seconds;

/// The longest name of a Service and the longest value of a label.
pub(crate) const MAX_LABEL: usize = 63;
/// How much of a long name is kept before the hash.
const KEPT: usize = 40;

/// Which names a run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// `<test>-master` and `<test>-worker`, as published, when they are valid names.
    Published,
    /// With a part of the test's UID: when a published name belongs to somebody else.
    Unique,
}

/// The claim of a run of this test.
///
/// It depends on nothing but its arguments, so a claim made twice (after a crash) is the same claim.
pub fn claim(
    metadata: &ObjectMeta,
    spec: &LocustTestSpec,
    naming: Naming,
    now: Timestamp,
) -> RunClaim {
    let name = metadata.name.as_deref().unwrap_or_default();
    let uid = metadata.uid.as_deref().unwrap_or_default();
    let stem = stem(name, uid, naming);
    RunClaim {
        id: uid.to_owned(),
        spec_hash: spec_hash(spec),
        master_name: format!("{stem}-master"),
        worker_name: format!("{stem}-worker"),
        service_name: format!("{stem}-master"),
        master_job_uid: None,
        worker_job_uid: None,
        taken_over: false,
        claimed_at: whole_seconds(now),
        load_start_time: None,
        load_end_time: None,
    }
}

/// The name of the Service that leads to the web UI of a run's master.
pub fn web_ui_name(claim: &RunClaim) -> String {
    let master = &claim.master_name;
    let stem = master.strip_suffix("-master").unwrap_or(master);
    format!("{stem}-webui")
}

/// The names that the published operator gives the Jobs of a test: the master's, which is also the Service's, and the
/// workers'. Unlike ours they may be no valid names for other objects.
pub fn published_names(test: &str) -> (String, String) {
    let stem = test.replace('.', "-");
    (format!("{stem}-master"), format!("{stem}-worker"))
}

fn stem(name: &str, uid: &str, naming: Naming) -> String {
    let dashed = name.replace('.', "-");
    // The longest host name of a worker's pod: that of its Job, and its index.
    let published_is_valid = dashed.len() + "-worker-499".len() <= MAX_LABEL
        && dashed.starts_with(|first: char| first.is_ascii_lowercase());
    if naming == Naming::Published && published_is_valid {
        return dashed;
    }
    // Service names are DNS-1035 labels on older servers: they start with a letter.
    let prefix = if dashed.starts_with(|first: char| first.is_ascii_lowercase()) {
        ""
    } else {
        "t-"
    };
    format!(
        "{}-{}",
        cut(&format!("{prefix}{dashed}"), KEPT),
        short_hex(uid)
    )
}

/// `text` if it fits a label value, else its beginning and a hash of the whole.
pub fn label_value(text: &str) -> String {
    if text.len() <= MAX_LABEL {
        return text.to_owned();
    }
    unique(text, text)
}

/// The beginning of `text`, and a hash of `whole`.
pub(crate) fn unique(text: &str, whole: &str) -> String {
    format!("{}-{}", cut(text, KEPT), short_hex(&hex(whole.as_bytes())))
}

/// At most `length` bytes of the beginning, and no separator at their end.
pub(crate) fn cut(text: &str, length: usize) -> &str {
    let end = text
        .char_indices()
        .map(|(index, _)| index)
        .take_while(|index| *index <= length)
        .last()
        .unwrap_or(0);
    let end = if text.len() <= length {
        text.len()
    } else {
        end
    };
    text[..end].trim_end_matches(['-', '.', '_'])
}

/// The first eight hex digits.
pub(crate) fn short_hex(uid: &str) -> String {
    uid.chars()
        .filter(char::is_ascii_hexdigit)
        .take(8)
        .collect()
}

/// What says how a run is judged, when it may run and how long it stays, and does not shape its numbers.
const ABOUT: [&str; 11] = [
    "thresholds",
    "validity",
    "baseline",
    "startDeadline",
    "timeout",
    "concurrencyGroup",
    "suspend",
    "stop",
    "retention",
    "imagePullPolicy",
    "imagePullSecrets",
];

/// A hash of what shapes the numbers of a run: the spec without image, labels, annotations, host and web UI, and without
/// what is only about the run.
pub fn spec_hash(spec: &LocustTestSpec) -> String {
    let mut value = serde_json::to_value(spec).unwrap_or(Value::Null);
    remove(&mut value, &["image"]);
    remove(&mut value, &["run", "host"]);
    remove(&mut value, &["webUI"]);
    for field in ABOUT {
        remove(&mut value, &[field]);
    }
    for role in ["master", "worker"] {
        remove(&mut value, &[role, "labels"]);
        remove(&mut value, &[role, "annotations"]);
    }
    hex(value.to_string().as_bytes())[..16].to_owned()
}

fn remove(value: &mut Value, path: &[&str]) {
    match path {
        [] => {}
        [last] => {
            if let Some(map) = value.as_object_mut() {
                map.remove(*last);
            }
        }
        [first, rest @ ..] => {
            if let Some(inner) = value.get_mut(*first) {
                remove(inner, rest);
            }
        }
    }
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use locust_api::v2::WebUi;
    use proptest::prelude::*;

    const UID: &str = "0a1b2c3d-1111-2222-3333-444455556666";

    fn claimed(name: &str, naming: Naming) -> RunClaim {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            uid: Some(UID.to_owned()),
            ..ObjectMeta::default()
        };
        claim(
            &metadata,
            &LocustTestSpec::with_workers(1),
            naming,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn takes_the_published_names_when_it_can() {
        assert_eq!(
            claimed("demo", Naming::Published).master_name,
            "demo-master"
        );
        assert_eq!(
            claimed("team.test", Naming::Published).worker_name,
            "team-test-worker"
        );
        assert_eq!(
            web_ui_name(&claimed("team.test", Naming::Published)),
            "team-test-webui"
        );
    }

    #[test]
    fn takes_unique_names_otherwise() {
        assert_eq!(
            claimed("team.test", Naming::Unique).master_name,
            "team-test-0a1b2c3d-master"
        );
        assert_eq!(
            claimed("2024-test", Naming::Published).service_name,
            "t-2024-test-0a1b2c3d-master"
        );
        assert_eq!(
            claimed(&"a".repeat(52), Naming::Published).worker_name,
            format!("{}-worker", "a".repeat(52))
        );
        let long = "a".repeat(53);
        assert_eq!(
            claimed(&long, Naming::Published).master_name,
            format!("{}-0a1b2c3d-master", "a".repeat(40))
        );
    }

    #[test]
    fn hash_ignores_what_does_not_shape_numbers() {
        let mut spec = LocustTestSpec::with_workers(1);
        let before = spec_hash(&spec);
        spec.image = Some("other".to_owned());
        spec.master.labels.insert("a".to_owned(), "b".to_owned());
        spec.web_ui = Some(WebUi::default());
        assert_eq!(spec_hash(&spec), before);
        spec.worker.replicas += 1;
        assert_ne!(spec_hash(&spec), before);
    }

    proptest! {
        #[test]
        fn names_are_valid_labels(name in "[a-z0-9]([-a-z0-9.]{0,250}[a-z0-9])?", unique: bool) {
            let naming = if unique { Naming::Unique } else { Naming::Published };
            let claim = claimed(&name, naming);
            for made in [&claim.master_name, &claim.worker_name, &claim.service_name, &web_ui_name(&claim)] {
                prop_assert!(made.len() <= 63, "{}", made);
                prop_assert!(made.starts_with(|c: char| c.is_ascii_lowercase()), "{}", made);
                prop_assert!(!made.contains('.'), "{}", made);
            }
            prop_assert!(label_value(&name).len() <= 63);
        }
    }
}
