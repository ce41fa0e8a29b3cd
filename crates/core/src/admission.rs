//! What is said of a test when somebody writes it, before it is stored.
//!
//! Only the test itself is judged, by the functions that judge it again before the start of its run, so both say the
//! same. What other objects lack is a [`Reference`] to look up, and at most a warning: it may come later.

use jiff::Timestamp;
use locust_api::{
    frozen::{self, Change},
    v2::{LocustTemplate, LocustTest},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    claim::{self, Naming},
    problems::{Problem, Problems},
    references::{self, Reference},
    render,
    settings::RunSettings,
    template::{self, Judged, Origin},
};

/// More warnings than this nobody reads.
const FEW: usize = 6;

/// What is said of a write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Why it is refused; empty when it is not.
    pub problems: Problems,
    /// What looks like a mistake, and is stored all the same.
    pub warnings: Vec<String>,
    /// What should exist and may be looked up.
    pub references: Vec<Reference>,
}

/// Judges a write of a test: the object of v2 as it is to be stored, and as it is stored.
///
/// A write that leaves the spec alone is never refused, whatever the spec says: labels, finalizers and status must stay
/// writable. Neither is one of a test that has started, but for the fields that are frozen then.
pub fn judge(new: &Value, old: Option<&Value>, settings: &RunSettings) -> Judgement {
    if let Some(old) = old {
        if old["spec"] == new["spec"] {
            return Judgement::default();
        }
        if old["status"]["run"].is_object() {
            return Judgement {
                problems: frozen::changes(old, new).into_iter().map(frozen).collect(),
                ..Judgement::default()
            };
        }
    }
    if !new["metadata"]["deletionTimestamp"].is_null() {
        return Judgement::default();
    }
    match LocustTest::deserialize(new) {
        Ok(test) => before_the_start(&test, settings),
        // The definition judges it, and whoever made that newer than this program meant something by it.
        Err(error) => Judgement {
            warnings: vec![format!(
                "this operator cannot read the test and will leave it alone: {error}"
            )],
            ..Judgement::default()
        },
    }
}

fn frozen(Change { field, words }: Change) -> Problem {
    Problem { field, words }
}

/// What is said of a test that has not started.
pub(crate) fn before_the_start(test: &LocustTest, settings: &RunSettings) -> Judgement {
    let LocustTest {
        metadata,
        spec,
        status: _,
    } = test;
    // Its template may come later, and with it most of the spec.
    if spec.template_ref.is_some() {
        return Judgement::default();
    }
    // The names it most likely gets.
    let claim = claim::claim(metadata, spec, Naming::Published, Timestamp::UNIX_EPOCH);
    match render::run_objects(test, &claim, settings) {
        Ok(objects) => Judgement {
            problems: Problems::default(),
            warnings: objects.warnings,
            references: references::config_maps(spec),
        },
        Err(problems) => Judgement {
            problems,
            ..Judgement::default()
        },
    }
}

/// Judges a write of a template, as [`judge`] does one of a test. A template starts nothing, so it is never frozen.
pub fn judge_template(new: &Value, old: Option<&Value>, settings: &RunSettings) -> Judgement {
    let is_same = old.is_some_and(|old| old["spec"] == new["spec"]);
    if is_same || !new["metadata"]["deletionTimestamp"].is_null() {
        return Judgement::default();
    }
    match LocustTemplate::deserialize(new) {
        Ok(found) => match template::judge(&found.spec, settings) {
            Ok(Judged {
                parameters: _,
                warnings,
            }) => Judgement {
                warnings,
                ..Judgement::default()
            },
            Err(problems) => Judgement {
                problems,
                ..Judgement::default()
            },
        },
        // The definition judges it, and whoever made that newer than this program meant something by it.
        Err(error) => Judgement {
            warnings: vec![format!("this operator cannot read the template: {error}")],
            ..Judgement::default()
        },
    }
}

/// What is said of a test that names this template: what keeps it from being filled in. Both may still be mended.
pub fn beside_template(new: &Value, found: &LocustTemplate) -> Vec<String> {
    let Ok(test) = LocustTest::deserialize(new) else {
        return Vec::new();
    };
    let origin = Origin {
        run_name: test.metadata.name.as_deref().unwrap_or("test"),
        schedule_time: None,
    };
    let name = found.metadata.name.as_deref().unwrap_or_default();
    match template::expand(&found.spec, &test.spec, &origin) {
        Ok(_) => Vec::new(),
        Err(problems) => vec![format!(
            "LocustTemplate {name:?} cannot be filled in: {problems}"
        )],
    }
}

/// The first warnings, and how many there are besides.
pub fn few(mut warnings: Vec<String>) -> Vec<String> {
    let more = warnings.len().saturating_sub(FEW);
    if more > 0 {
        warnings.truncate(FEW);
        warnings.push(format!("and {more} more like these"));
    }
    warnings
}

#[cfg(test)]
mod tests;
