//! What values of parameters may name.

use std::collections::BTreeSet;

use locust_api::v2::{Execution, LocustTestSuiteSpec, TemplateRef};

use super::{List, Paths, Place, graph, quoted, steps::makes_a_test};
use crate::{
    problems::Problem,
    suite::outputs::{self, has_expression},
};

/// What is wrong with the values of the suite's parameters and of those of its steps.
pub(super) fn check(
    suite: &LocustTestSuiteSpec,
    execution: Execution,
    places: &[Place<'_>],
    paths: Paths<'_>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, parameter) in suite.parameters.iter().enumerate() {
        let field = format!("spec.parameters[{index}].value");
        let words = match parameter.value.text() {
            None => NOT_SCALAR,
            Some(text) if has_expression(&text) => {
                "values of the suite are taken as they are; write expressions into the parameters of a step"
            }
            Some(_) => continue,
        };
        problems.push(Problem::new(field, words));
    }
    for place in places {
        let scope = Scope {
            place,
            places,
            before: graph::before(execution, places, place),
            parameters: suite
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
                .collect(),
            execution,
        };
        let in_test = place.step.test.as_ref();
        let in_test = in_test.and_then(|test| test.template_ref.as_ref());
        let references = [
            ("templateRef", place.step.template_ref.as_ref()),
            ("test.templateRef", in_test),
        ];
        for (field, reference) in references {
            let reference =
                reference.map(|reference| of_reference(&scope, field, reference, paths));
            problems.extend(reference.into_iter().flatten());
        }
    }
    problems
}

const NOT_SCALAR: &str =
    "takes a string, a number or a boolean; quote it to have anything else as a string";

fn of_reference(
    scope: &Scope<'_>,
    field: &str,
    reference: &TemplateRef,
    paths: Paths<'_>,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, parameter) in reference.parameters.iter().enumerate() {
        let field = format!("{field}.parameters[{index}].value");
        let Some(text) = parameter.value.text() else {
            problems.push(scope.place.problem(&field, NOT_SCALAR));
            continue;
        };
        if !has_expression(&text) {
            continue;
        }
        match paths(&text) {
            Err(words) => problems.push(scope.place.problem(&field, words)),
            Ok(paths) => {
                for path in paths {
                    if let Err(words) = scope.allows(&path) {
                        problems.push(scope.place.problem(&field, words));
                    }
                }
            }
        }
    }
    problems
}

/// What the expressions of one step may name.
struct Scope<'a> {
    place: &'a Place<'a>,
    places: &'a [Place<'a>],
    before: BTreeSet<&'a str>,
    parameters: Vec<&'a str>,
    execution: Execution,
}

impl Scope<'_> {
    fn allows(&self, path: &[String]) -> Result<(), String> {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match names[..] {
            ["params", name] if self.parameters.contains(&name) => Ok(()),
            ["params", name] => Err(format!(
                "the suite has no parameter {name:?}; it has {}",
                quoted(self.parameters.iter().copied())
            )),
            ["run", "name"] => Ok(()),
            ["suite", "verdict"] => match self.place.list {
                List::Finally => Ok(()),
                List::Steps => Err(
                    "suite.verdict is for steps of finally: before them there is none; leave it out"
                        .to_owned(),
                ),
            },
            ["steps", step, output] => self.allows_output(step, output),
            _ => {
                let verdict = match self.place.list {
                    List::Steps => "",
                    List::Finally => ", suite.verdict",
                };
                Err(format!(
                    "{:?} is nothing that a step may name; there are params.<parameter of the suite>, run.name, steps.<step>.<number>{verdict}",
                    path.join(".")
                ))
            }
        }
    }

    fn allows_output(&self, step: &str, output: &str) -> Result<(), String> {
        let Some(other) = self.places.iter().find(|other| other.step.name == step) else {
            return Err(format!("there is no step {step:?}; {}", self.choice()));
        };
        if !self.before.contains(step) {
            let advice = match (self.place.list, self.execution) {
                (List::Steps, Execution::Graph) => "; or add it to dependsOn",
                (List::Steps | List::Finally, _) => "",
            };
            return Err(format!(
                "step {step:?} has not finished when this one starts; {}{advice}",
                self.choice()
            ));
        }
        if !makes_a_test(other.step) {
            return Err(format!(
                "step {step:?} is a Job and has no numbers; {}",
                self.choice()
            ));
        }
        if !outputs::NAMES.contains(&output) {
            return Err(format!(
                "step {step:?} has no number {output:?}; there are {}",
                outputs::NAMES.join(", ")
            ));
        }
        Ok(())
    }

    /// Which steps may be named.
    fn choice(&self) -> String {
        let others = self.places.iter().filter(|other| {
            self.before.contains(other.step.name.as_str()) && makes_a_test(other.step)
        });
        let names = quoted(others.map(|other| other.step.name.as_str()));
        format!("those whose numbers can be used here: {names}")
    }
}
