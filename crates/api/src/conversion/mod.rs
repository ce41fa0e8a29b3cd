//! `LocustTest` between `locust.io/v1` and `locust.io/v2`, without loss.
//!
//! v1 can say less than v2. What it cannot say is kept in the annotation [`KEPT_SPEC`] of the v1 form, so that a
//! client which reads, edits and writes v1 destroys nothing. The v2 form never has that annotation.
//!
//! The functions work on JSON and not on types: the API server converts whole lists, and one object with odd content
//! must not make a list unreadable.

mod fields;
mod shapes;
#[cfg(test)]
mod strategies;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use serde_json::{Map, Value, json};

use crate::defaults::AUTOQUIT_SECONDS;

/// Annotation of the v1 form: the whole v2 spec as compact JSON. It is there only when v1 cannot say all of it.
///
/// When a v1 client writes, its fields win over what is kept here; a field it left as it was keeps its v2 content.
/// An annotation that holds no JSON object is ignored: the test is then what its v1 fields say.
pub const KEPT_SPEC: &str = "locust.io/v2-spec";

const GROUP: &str = "locust.io";
const KIND: &str = "LocustTest";

/// A version of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `locust.io/v1`, deprecated.
    V1,
    /// `locust.io/v2`, which is stored.
    V2,
}

impl Version {
    /// What objects of this version have in `apiVersion`.
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "locust.io/v1",
            Self::V2 => "locust.io/v2",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.api_version())
    }
}

impl FromStr for Version {
    type Err = ConversionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::V1, Self::V2]
            .into_iter()
            .find(|version| version.api_version() == text)
            .ok_or_else(|| ConversionError::Version(text.to_owned()))
    }
}

/// Why an object cannot be converted. Its content is never the reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversionError {
    /// The object, or what is wanted, has a version that does not exist.
    #[error("apiVersion is {0:?}; only {GROUP}/v1 and {GROUP}/v2 can be converted")]
    Version(String),
    /// The object is of another kind.
    #[error("kind is {0:?}; only {KIND} can be converted")]
    Kind(String),
}

/// The object in another version. Only `apiVersion`, `spec` and the annotation [`KEPT_SPEC`] change.
///
/// Every object converts, whatever its content: a value of a wrong type is handed on as it is, and fields of a v2
/// spec that v1 does not know are kept in the annotation. Fields of a v1 spec that v1 does not know are dropped; the
/// API server has done so before it asks. An empty map of required node labels in v1 reads back as absent.
///
/// # Errors
/// When the object is no `LocustTest` of one of the two versions.
pub fn convert(mut object: Value, to: Version) -> Result<Value, ConversionError> {
    let text = |key: &str| match &object[key] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let from: Version = text("apiVersion").parse()?;
    let kind = text("kind");
    if kind != KIND {
        return Err(ConversionError::Kind(kind));
    }
    match (from, to) {
        (Version::V1, Version::V1) | (Version::V2, Version::V2) => return Ok(object),
        (Version::V1, Version::V2) => {
            let kept = take_kept(&mut object).unwrap_or_else(v2_of_v1);
            if let Some(spec) = object.get_mut("spec").filter(|spec| spec.is_object()) {
                *spec = fields::to_v2(spec, kept);
            }
        }
        (Version::V2, Version::V1) => {
            take_kept(&mut object);
            if let Some(spec) = object.get_mut("spec").filter(|spec| spec.is_object()) {
                let v1 = fields::to_v1(spec);
                let v2 = std::mem::replace(spec, v1);
                if fields::to_v2(&object["spec"], v2_of_v1()) != v2 {
                    keep(&mut object, &v2);
                }
            }
        }
    }
    object["apiVersion"] = to.api_version().into();
    Ok(object)
}

/// What a test written as v1 has in v2 besides its own fields: the web UI stays a minute, as it always did in v1.
fn v2_of_v1() -> Value {
    json!({
        "master": {"autostart": true, "autoquit": {"enabled": true, "timeout": AUTOQUIT_SECONDS}},
        "worker": {"replicas": 1}
    })
}

/// Removes the annotation; returns the spec it kept, if it is one.
fn take_kept(object: &mut Value) -> Option<Value> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    let annotations = metadata.get_mut("annotations")?.as_object_mut()?;
    let kept = annotations.remove(KEPT_SPEC)?;
    if annotations.is_empty() {
        metadata.remove("annotations");
    }
    serde_json::from_str(kept.as_str()?)
        .ok()
        .filter(Value::is_object)
}

fn keep(object: &mut Value, spec: &Value) {
    if !object["metadata"].is_object() {
        object["metadata"] = Map::new().into();
    }
    let annotations = &mut object["metadata"]["annotations"];
    if !annotations.is_object() {
        *annotations = Map::new().into();
    }
    annotations[KEPT_SPEC] = spec.to_string().into();
}
