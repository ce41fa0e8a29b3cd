//! Whether the definition of `LocustTest` that a cluster serves is the one this operator needs.
//!
//! Other projects define a kind of the same group and name, and other versions of it hold less. What the definition does
//! not know, the API server drops from every write without a word: a claim that is not kept would be no claim.

mod conversion;
mod documents;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt};

pub use conversion::{Conversion, released, stores_others};
pub use documents::{Group, Schema, Schemas};

/// The name of the definition.
pub const NAME: &str = "locusttests.locust.io";
/// The only version that is read and written.
pub const VERSION: &str = "v2";
/// Paths of the fields that are written to the status, one a line; generated from the types.
const STATUS_FIELDS: &str = include_str!("status-fields.txt");
/// Names shown of a long list.
const SHOWN: usize = 6;

/// What an API server serves as `LocustTest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Served {
    /// No such kind at all.
    Nothing,
    /// Not as [`VERSION`].
    Otherwise {
        /// The versions of the group.
        versions: Vec<String>,
        /// The fields of the spec in one of them.
        spec: BTreeSet<String>,
    },
    /// As [`VERSION`].
    Version {
        /// Whether its objects live in namespaces.
        namespaced: bool,
        /// Whether the status is written apart from the spec.
        status_apart: bool,
        /// The fields of the spec.
        spec: BTreeSet<String>,
        /// The status.
        status: Schema,
    },
}

/// Why nothing may be done under a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    found: String,
    lacks: String,
    remedy: &'static str,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            found,
            lacks,
            remedy,
        } = self;
        write!(
            f,
            "{found}; {lacks}. No test is run until that is mended: {remedy}"
        )
    }
}

const INSTALL: &str = "upgrade the operator's Helm release with crds.install=true, or run `kubectl apply --server-side --force-conflicts -f crds/`";
const CHOOSE: &str = "its operator and this one cannot be in the same cluster, because both name their kind LocustTest of locust.io. Remove one of them, its definition and its objects";

/// Judges what is served: `Ok` when every field that is written is kept.
///
/// # Errors
/// Says what was found, what that lacks and what to do.
pub fn judge(served: &Served) -> Result<(), Unfit> {
    let unfit = |found: String, lacks: String| Unfit {
        found,
        lacks,
        remedy: INSTALL,
    };
    match served {
        Served::Nothing => Err(unfit(
            format!("there is no definition {NAME} in this cluster"),
            "without it there are no tests".to_owned(),
        )),
        Served::Otherwise { versions, spec } => {
            let found = format!(
                "the definition {NAME} {} and is served as {}",
                whose(spec, true),
                listed(versions.iter().map(String::as_str))
            );
            let lacks = format!("it lacks the version {VERSION}");
            let remedy = if is_official(spec) { CHOOSE } else { INSTALL };
            Err(Unfit {
                found,
                lacks,
                remedy,
            })
        }
        Served::Version {
            namespaced,
            status_apart,
            spec,
            status,
        } => {
            let missing = missing(status);
            let mut lacks = Vec::new();
            if !namespaced {
                lacks.push("it lacks namespaces (its scope is Cluster)".to_owned());
            }
            if !status_apart {
                lacks.push("it lacks the subresource status".to_owned());
            }
            if !missing.is_empty() {
                let names = missing.iter().map(|path| format!("status.{path}"));
                let names: Vec<String> = names.collect();
                lacks.push(format!(
                    "it lacks {}, which the API server would drop",
                    listed(names.iter().map(String::as_str))
                ));
            }
            if lacks.is_empty() {
                return Ok(());
            }
            let is_older = !missing.iter().any(|path| path == "run");
            Err(unfit(
                format!("the definition {NAME} {}", whose(spec, !is_older)),
                lacks.join("; "),
            ))
        }
    }
}

/// The fields of our status that are not kept, without those inside of one that is not.
fn missing(status: &Schema) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for path in STATUS_FIELDS.lines() {
        let is_inside = missing.iter().any(|above| {
            let rest = path.strip_prefix(above.as_str());
            rest.is_some_and(|rest| rest.starts_with(['.', '[']))
        });
        if !is_inside && !status.keeps(path) {
            missing.push(path.to_owned());
        }
    }
    // The claim, and what is large, first.
    missing.sort_by_key(|path| (path != "run", path.matches('.').count()));
    missing
}

/// Whose definition this is, as far as the fields of its spec tell.
fn whose(spec: &BTreeSet<String>, is_foreign: bool) -> String {
    let has = |name: &str| spec.contains(name);
    if is_official(spec) {
        "is that of the official Locust operator (spec.locustfile)".to_owned()
    } else if !is_foreign {
        "is that of another version of this operator".to_owned()
    } else if has("masterCommandSeed") {
        "is that of version 1 of the published Locust Kubernetes operator (spec.masterCommandSeed)"
            .to_owned()
    } else if has("master") && has("testFiles") {
        "is that of version 2 of the published Locust Kubernetes operator".to_owned()
    } else if spec.is_empty() {
        "is not this operator's (its spec has no fields)".to_owned()
    } else {
        format!(
            "is not this operator's (its spec has {})",
            listed(spec.iter().map(String::as_str))
        )
    }
}

fn is_official(spec: &BTreeSet<String>) -> bool {
    spec.contains("locustfile") && spec.contains("workers")
}

fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<&str> = names.take(SHOWN).collect();
    match (shown.is_empty(), more) {
        (true, _) => "nothing".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}
