//! What is said of a template when it is applied.

use jiff::Timestamp;
use kube::core::Selector;
use locust_api::v2::{AllowedNamespaces, LocustTemplateSpec, LocustTest, LocustTestSpec};
use serde_json::{Value, json};

use super::{
    Origin, Roots, build,
    parameters::{self, Declared, Source, Values},
    schema::Schema,
};
use crate::{
    claim::{self, Naming},
    problems::{Problem, Problems},
    render,
    settings::RunSettings,
};

/// Name of the test that is made to try a template.
const TRIAL: &str = "trial";

/// A template that tests can be made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Its parameters in a line, `host, users=500, label=`: those without `=` must be given.
    pub parameters: String,
    /// What looks like a mistake, each in a sentence.
    pub warnings: Vec<String>,
}

/// Judges a template: its declarations, and the tests that defaults and examples make of it, which are judged as every
/// test before its start.
///
/// # Errors
/// All that is wrong with it.
pub fn judge(template: &LocustTemplateSpec, settings: &RunSettings) -> Result<Judged, Problems> {
    let LocustTemplateSpec {
        description: _,
        parameters,
        files: _,
        test: _,
        overridable,
        allowed_namespaces,
    } = template;
    let mut problems = Problems::default();
    problems.collect(check_overridable(overridable));
    problems.collect(check_selector(allowed_namespaces.as_ref()));
    let declared = match parameters::declare(parameters, "spec.parameters") {
        Ok(declared) => declared,
        Err(found) => {
            let () = problems.collect(Err(found));
            return problems.or(Judged::default());
        }
    };
    let mut warnings = problems.collect(try_out(template, &declared, settings));
    warnings.extend(unused(template));
    problems.or(Judged {
        parameters: parameters::summary(&declared),
        warnings,
    })
}

fn check_overridable(paths: &[String]) -> Result<(), Problems> {
    let wrong = paths.iter().enumerate().filter_map(|(index, path)| {
        let words = if path.split('.').next() == Some("templateRef") {
            "a test always names its template itself; remove it".to_owned()
        } else if Schema::of_spec().has(path) {
            return None;
        } else {
            format!(
                "the spec of a LocustTest has no field {path:?}; remove it, or correct its name"
            )
        };
        Some(Problem::new(format!("spec.overridable[{index}]"), words))
    });
    wrong.collect::<Problems>().or(())
}

fn check_selector(allowed: Option<&AllowedNamespaces>) -> Result<(), Problem> {
    let selector = allowed.and_then(|allowed| allowed.selector.as_ref());
    let refuse = |error: String| {
        Problem::new(
            "spec.allowedNamespaces.selector",
            format!("it cannot be used: {error}"),
        )
    };
    let Some(selector) = selector else {
        return Ok(());
    };
    let selector = selector
        .decode()
        .map_err(|error| refuse(error.to_string()))?;
    Selector::try_from(selector)
        .map(|_| ())
        .map_err(|error| refuse(error.to_string()))
}

/// Makes tests from the template: one with as little as can be given, one with all examples. Gives their warnings.
fn try_out(
    template: &LocustTemplateSpec,
    declared: &[Declared<'_>],
    settings: &RunSettings,
) -> Result<Vec<String>, Problems> {
    let (least, made_up) = trial_values(declared, false)?;
    let mut problems = Problems::default();
    let mut warnings = problems.collect(try_with(template, declared, &least, settings));
    let (most, _) = trial_values(declared, true)?;
    if most != least {
        let more = problems.collect(try_with(template, declared, &most, settings));
        for warning in more {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    if !problems.is_empty() {
        made_up.into_iter().for_each(|it| problems.add(it));
    }
    problems.or(warnings)
}

/// Values for a trial, and what to say of those that are made up should it fail.
fn trial_values(
    declared: &[Declared<'_>],
    prefer_examples: bool,
) -> Result<(Values, Vec<Problem>), Problems> {
    let mut problems = Problems::default();
    let mut values = Values::new();
    let mut made_up = Vec::new();
    for (index, parameter) in declared.iter().enumerate() {
        let field = format!("spec.parameters[{index}].example");
        let trial = parameter
            .trial(prefer_examples)
            .map_err(|words| Problem::new(field.clone(), words));
        let Some((given, source)) = problems.collect(trial) else {
            continue;
        };
        if source == Source::MadeUp {
            made_up.push(Problem::new(
                field,
                format!(
                    "{:?} has no default, so the template was tried with {:?}; if that is what is wrong, give an example",
                    parameter.name,
                    given.text()
                ),
            ));
        }
        values.insert(parameter.name.to_owned(), given);
    }
    problems.or((values, made_up))
}

fn try_with(
    template: &LocustTemplateSpec,
    declared: &[Declared<'_>],
    values: &Values,
    settings: &RunSettings,
) -> Result<Vec<String>, Problems> {
    let origin = Origin {
        run_name: TRIAL,
        schedule_time: Some(Timestamp::UNIX_EPOCH),
    };
    let roots = Roots {
        template: "spec.test",
        files: "spec.files",
        spec: "spec.test",
    };
    // Every test may say how many workers it has, so a template need not.
    let own = if has(&template.test, "worker", "replicas") {
        json!({})
    } else {
        json!({"worker": {"replicas": 1}})
    };
    let spec = build(template, declared, values, &origin, own, &roots)?;
    before_the_start(spec, settings)
}

/// What is said of the test before its start.
fn before_the_start(spec: LocustTestSpec, settings: &RunSettings) -> Result<Vec<String>, Problems> {
    let test = LocustTest::new(TRIAL, spec);
    let claim = claim::claim(
        &test.metadata,
        &test.spec,
        Naming::Published,
        Timestamp::UNIX_EPOCH,
    );
    match render::run_objects(&test, &claim, settings) {
        Ok(objects) => Ok(objects.warnings),
        Err(problems) => Err(problems.iter().map(of_template).collect()),
    }
}

/// A problem of the test's spec as one of the template's.
fn of_template(problem: &Problem) -> Problem {
    let Problem { field, words } = problem;
    let field = match field.strip_prefix("spec.") {
        Some(rest) => format!("spec.test.{rest}"),
        None => field.clone(),
    };
    Problem::new(field, words.clone())
}

/// What has no effect, and looks as if it had.
fn unused(template: &LocustTemplateSpec) -> Vec<String> {
    let mut warnings = Vec::new();
    let inline = &template.test["testFiles"]["inline"];
    if !template.files.is_empty() && inline.is_object() {
        warnings.push(
            "spec.files is not used, because spec.test.testFiles.inline has files".to_owned(),
        );
    }
    let own = inline.as_object().into_iter().flatten();
    let own = own.filter_map(|(name, content)| Some((name, content.as_str()?)));
    let files = template
        .files
        .iter()
        .map(|(name, content)| (name, content.as_str()));
    for (name, content) in own.chain(files) {
        if content.contains("{{params.") || content.contains("{{ params.") {
            warnings.push(format!(
                "file {name:?} has expressions, and files are never changed; read the environment variable PARAM_<NAME> in it"
            ));
        }
    }
    warnings
}

fn has(value: &Value, parent: &str, field: &str) -> bool {
    value[parent]
        .get(field)
        .is_some_and(|value| !value.is_null())
}
