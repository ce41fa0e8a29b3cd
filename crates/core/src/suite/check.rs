//! What is wrong with a suite: what the definition cannot say.
//!
//! Said when somebody writes the suite, and again before it starts, by the same functions. What other objects lack is
//! never its fault: templates may come later.

mod expressions;
mod graph;
mod jobs;
mod steps;
mod tests_of_steps;

use locust_api::{
    frozen::{self, Change},
    v2::{Execution, LocustTestSuite, LocustTestSuiteSpec, SuiteStep},
};
use serde::Deserialize;
use serde_json::Value;

use crate::{
    admission::Judgement,
    problems::{Problem, Problems},
    settings::RunSettings,
};

pub(crate) use tests_of_steps::moved;

/// The paths that the expressions of a text name, such as `["steps", "smoke", "p95Ms"]`; else what is wrong with the text.
pub type Paths<'a> = &'a dyn Fn(&str) -> Result<Vec<Vec<String>>, String>;

/// A step and where it is.
#[derive(Clone, Copy)]
struct Place<'a> {
    step: &'a SuiteStep,
    list: List,
    index: usize,
}

/// The lists of steps.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Steps,
    Finally,
}

impl Place<'_> {
    /// The path of the step, or of a field of it.
    fn field(&self, name: &str) -> String {
        let list = match self.list {
            List::Steps => "steps",
            List::Finally => "finally",
        };
        let dot = if name.is_empty() { "" } else { "." };
        format!("spec.{list}[{}]{dot}{name}", self.index)
    }

    fn problem(&self, field: &str, words: impl Into<String>) -> Problem {
        Problem::new(self.field(field), words)
    }
}

/// All steps, those of `finally` at the end.
fn places(suite: &LocustTestSuiteSpec) -> Vec<Place<'_>> {
    of_list(List::Steps, &suite.steps)
        .chain(of_list(List::Finally, &suite.finally))
        .collect()
}

fn of_list(list: List, steps: &[SuiteStep]) -> impl Iterator<Item = Place<'_>> {
    let steps = steps.iter().enumerate();
    steps.map(move |(index, step)| Place { step, list, index })
}

/// What is wrong with how the steps go together: their names, their order, what they say of each other, and their Jobs.
pub fn check(suite: &LocustTestSuiteSpec, paths: Paths<'_>) -> Problems {
    let places = places(suite);
    let execution = suite.execution.unwrap_or_default();
    let mut problems = Problems::default();
    let mut add = |found: Vec<Problem>| found.into_iter().for_each(|it| problems.add(it));
    if suite.max_parallel.is_some() && execution == Execution::Sequential {
        add(vec![Problem::new(
            "spec.maxParallel",
            "is not for execution Sequential, where one step runs at a time; leave it out, or set execution to Parallel or Graph",
        )]);
    }
    add(steps::names(&places));
    add(steps::fields(suite, &places));
    add(graph::check(execution, &places));
    add(jobs::check(&places));
    add(expressions::check(suite, execution, &places, paths));
    problems
}

/// All that is said of a suite before its start: [`check`], and each test that is written in it as if it stood alone.
pub fn before_the_start(
    suite: &LocustTestSuite,
    settings: &RunSettings,
    paths: Paths<'_>,
) -> Judgement {
    let mut judgement = Judgement {
        problems: check(&suite.spec, paths),
        ..Judgement::default()
    };
    for place in places(&suite.spec) {
        let Some(of_test) = tests_of_steps::judge(suite, place, settings) else {
            continue;
        };
        let Judgement {
            problems,
            warnings,
            references,
        } = of_test;
        problems
            .iter()
            .for_each(|problem| judgement.problems.add(problem.clone()));
        judgement.warnings.extend(warnings);
        judgement.references.extend(references);
    }
    judgement
}

/// Judges a write of a suite: the object as it is to be stored, and as it is stored.
///
/// A write that leaves the spec alone is never refused, whatever the spec says: labels, finalizers and status must stay
/// writable. Neither is one of a suite that has started, but for the fields that are frozen then.
pub fn judge_suite(
    new: &Value,
    old: Option<&Value>,
    settings: &RunSettings,
    paths: Paths<'_>,
) -> Judgement {
    if let Some(old) = old {
        if old["spec"] == new["spec"] {
            return Judgement::default();
        }
        if old["status"]["run"].is_object() {
            let changes = frozen::suite_changes(old, new).into_iter();
            return Judgement {
                problems: changes
                    .map(|Change { field, words }| Problem { field, words })
                    .collect(),
                ..Judgement::default()
            };
        }
    }
    if !new["metadata"]["deletionTimestamp"].is_null() {
        return Judgement::default();
    }
    match LocustTestSuite::deserialize(new) {
        Ok(suite) => before_the_start(&suite, settings, paths),
        // The definition judges it, and whoever made that newer than this program meant something by it.
        Err(error) => Judgement {
            warnings: vec![format!(
                "this operator cannot read the suite and will leave it alone: {error}"
            )],
            ..Judgement::default()
        },
    }
}

/// Names as people read them in a list.
fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    if quoted.is_empty() {
        "none".to_owned()
    } else {
        quoted.join(", ")
    }
}

#[cfg(test)]
mod tests;
