//! Templates: whether one makes sense, and the spec that a test made from it has.
//!
//! A template is expanded on JSON, never on text: expressions stand in texts, and what they become stays a text, a number
//! or a boolean in the same place. Everything is bounded, because who writes templates and who runs the operator are
//! different people. The API server never sees the spec that comes out, so the schema's limits are checked here.

mod engine;
mod grammar;
mod judge;
mod limits;
mod merge;
mod parameters;
mod rules;
mod scan;
mod schema;
mod sharing;
mod tree;
mod values;

use jiff::Timestamp;
use locust_api::v2::{LocustTemplateSpec, LocustTestSpec, TemplateRef};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::{
    engine::Variables,
    parameters::{Declared, Values},
    schema::Schema,
};
use crate::{
    problems::{Problem, Problems},
    time::whole_seconds,
};

pub use self::{
    engine::{paths, text},
    judge::{Judged, judge},
    sharing::{may_use, status},
};

/// What parameters are called in the environment of the locustfile: this and their name in capitals.
const VARIABLE: &str = "PARAM_";
/// Fields that are about one run, and make no sense in what many have in common. The queue of a group is read from the
/// tests themselves.
const OF_ONE_RUN: &[&str] = &["templateRef", "suspend", "stop", "concurrencyGroup"];

/// What a run has that is made from a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// `{{run.name}}`: name of the LocustTest.
    pub run_name: &'a str,
    /// `{{schedule.time}}`, in UTC and whole seconds: the time at which a schedule wanted the run; `None` without one.
    pub schedule_time: Option<Timestamp>,
}

/// The spec of a test that names a template, without `templateRef`: the template with the test's parameters, and what
/// the test sets itself.
///
/// # Errors
/// When the template makes no sense, parameters are missing, unknown or wrong, the test sets what the template does not
/// let it, or the result breaks a limit of the schema: all that is wrong.
pub fn expand(
    template: &LocustTemplateSpec,
    instance: &LocustTestSpec,
    origin: &Origin<'_>,
) -> Result<LocustTestSpec, Problems> {
    let Some(TemplateRef {
        name: _,
        namespace: _,
        parameters,
    }) = &instance.template_ref
    else {
        return Err(Problem::new("spec.templateRef", "it is missing; name a template").into());
    };
    let declared = parameters::declare(&template.parameters, "the template's spec.parameters")?;
    let mut problems = Problems::default();
    let values = problems.collect(parameters::resolve(
        &declared,
        parameters,
        "spec.templateRef.parameters",
    ));
    let own = problems.collect(own_fields(instance));
    problems.collect(merge::check(&own, &template.overridable));
    problems.or(())?;
    let roots = Roots {
        template: "the template's spec.test",
        files: "the template's spec.files",
        spec: "spec",
    };
    build(template, &declared, &values, origin, own, &roots)
}

/// The spec of a run that was made from a template: what the template gave then, with what may still be changed in the
/// test.
pub fn pinned(rendered: &LocustTestSpec, instance: &LocustTestSpec) -> LocustTestSpec {
    let mut spec = rendered.clone();
    if !instance.worker.is_unset() {
        spec.worker.replicas = instance.worker.replicas;
    }
    if instance.retention.is_some() {
        spec.retention.clone_from(&instance.retention);
    }
    spec.stop = instance.stop;
    spec
}

/// What a test sets beside its template.
fn own_fields(instance: &LocustTestSpec) -> Result<Value, Problem> {
    let mut own = serde_json::to_value(instance)
        .map_err(|error| Problem::new("spec", format!("it cannot be read: {error}")))?;
    if let Some(map) = own.as_object_mut() {
        map.remove("templateRef");
    }
    Ok(own)
}

/// How problems name what they are about.
struct Roots<'a> {
    /// The template's `test`.
    template: &'a str,
    /// The template's `files`.
    files: &'a str,
    /// The spec that comes out.
    spec: &'a str,
}

fn build(
    template: &LocustTemplateSpec,
    declared: &[Declared<'_>],
    values: &Values,
    origin: &Origin<'_>,
    own: Value,
    roots: &Roots<'_>,
) -> Result<LocustTestSpec, Problems> {
    let mut problems = Problems::default();
    for field in OF_ONE_RUN {
        if template
            .test
            .get(*field)
            .is_some_and(|value| !value.is_null())
        {
            problems.add(Problem::new(
                format!("{}.{field}", roots.template),
                "it is of one test and not of a template; remove it",
            ));
        }
    }
    let variables = Variables::new(&variables(values, origin));
    let names = names(declared);
    let mut spec = problems.collect(tree::render(
        &template.test,
        roots.template,
        &names,
        &variables,
    ));
    problems.collect(add_files(&mut spec, template, roots));
    problems.or(())?;
    merge::merge(&mut spec, own);
    add_variables(&mut spec, values);
    typed(&spec, roots.spec)
}

/// The typed spec, when it breaks no limit.
fn typed(spec: &Value, root: &str) -> Result<LocustTestSpec, Problems> {
    let mut problems = Problems::default();
    Schema::of_spec().check(spec, root, &mut problems);
    problems.or(())?;
    let typed = LocustTestSpec::deserialize(spec)
        .map_err(|error| Problem::new(root, format!("it is no spec of a test: {error}")))?;
    let mut problems = Problems::default();
    rules::check(&typed, spec, root, &mut problems);
    problems.or(typed)
}

/// All variables that expressions may name.
fn names(declared: &[Declared<'_>]) -> Value {
    let parameters = declared.iter().map(|it| (it.name.to_owned(), Value::Null));
    json!({
        "params": parameters.collect::<Map<String, Value>>(),
        "run": {"name": null},
        "schedule": {"time": null},
    })
}

/// Those that have a value.
fn variables(values: &Values, origin: &Origin<'_>) -> Value {
    let Origin {
        run_name,
        schedule_time,
    } = origin;
    let parameters = values
        .iter()
        .map(|(name, given)| (name.clone(), given.json.clone()));
    json!({
        "params": parameters.collect::<Map<String, Value>>(),
        "run": {"name": run_name},
        "schedule": {"time": schedule_time.map(|time| whole_seconds(time).0.to_string())},
    })
}

/// The template's files, where its test has none of its own.
fn add_files(
    spec: &mut Value,
    template: &LocustTemplateSpec,
    roots: &Roots<'_>,
) -> Result<(), Problem> {
    if template.files.is_empty() {
        return Ok(());
    }
    // What is no object here is refused by the schema.
    let Some(spec) = spec.as_object_mut() else {
        return Ok(());
    };
    let test_files = spec.entry("testFiles").or_insert_with(|| json!({}));
    let Some(test_files) = test_files.as_object_mut() else {
        return Ok(());
    };
    if test_files.contains_key("configMapRef") {
        return Err(Problem::new(
            roots.files,
            format!(
                "{}.testFiles.configMapRef names the files already; remove one of the two",
                roots.template
            ),
        ));
    }
    test_files
        .entry("inline")
        .or_insert_with(|| json!(template.files));
    Ok(())
}

/// Parameters as environment variables, but for those that the spec sets.
fn add_variables(spec: &mut Value, values: &Values) {
    if values.is_empty() {
        return;
    }
    // What is no object or list here is refused by the schema.
    let Some(spec) = spec.as_object_mut() else {
        return;
    };
    let env = spec.entry("env").or_insert_with(|| json!({}));
    let Some(env) = env.as_object_mut() else {
        return;
    };
    let variables = env.entry("variables").or_insert_with(|| json!([]));
    let Some(variables) = variables.as_array_mut() else {
        return;
    };
    for (name, given) in values {
        let name = format!("{VARIABLE}{}", name.to_ascii_uppercase());
        if variables
            .iter()
            .all(|variable| variable["name"] != name.as_str())
        {
            variables.push(json!({"name": name, "value": verbatim(&given.text())}));
        }
    }
}

/// A value of a variable that a kubelet leaves as it is: it would put other variables in the place of `$(NAME)`.
fn verbatim(text: &str) -> String {
    if text.contains("$(") || text.contains("$$") {
        text.replace('$', "$$")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests;
