//! The numbers of a step that later steps may use, and what their parameters become with them.

use std::collections::BTreeMap;

use locust_api::v2::{
    LocustTestSuite, LocustTestSuiteStatus, ParameterValue, Summary, TemplateRef, Verdict,
};
use serde_json::{Map, Number, Value, json};

use crate::threshold::response_millis;

/// The outputs of a step whose test left a summary. Those in `Ms` are milliseconds, `rps` is requests per second.
pub const NAMES: [&str; 9] = [
    "requests",
    "failures",
    "errorRatio",
    "rps",
    "avgMs",
    "p50Ms",
    "p95Ms",
    "p99Ms",
    "maxMs",
];

/// The outputs of a test with this summary, as plain numbers. What was not measured is left out.
pub fn of(summary: &Summary) -> BTreeMap<String, String> {
    let Summary {
        requests,
        failures,
        exceptions: _,
        error_ratio,
        rps,
        avg,
        p50,
        p95,
        p99,
        max,
        peak_users: _,
        resolution: _,
        is_final: _,
        endpoints: _,
        endpoints_omitted: _,
        errors: _,
        errors_omitted: _,
    } = summary;
    let time = |text: &Option<String>| response_millis(text.as_deref()?).map(plain);
    let values = [
        Some(requests.to_string()),
        Some(failures.to_string()),
        number(error_ratio).map(|number| number.to_string()),
        number(rps).map(|number| number.to_string()),
        time(avg),
        time(p50),
        time(p95),
        time(p99),
        time(max),
    ];
    let named = NAMES.into_iter().zip(values);
    named
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

/// To a thousandth: `1.13s` is 1130 ms, whatever a binary fraction makes of it.
fn plain(millis: f64) -> String {
    ((millis * 1000.0).round() / 1000.0).to_string()
}

/// A number as JSON knows it; `None` for a text that is none.
fn number(text: &str) -> Option<Number> {
    serde_json::from_str(text)
        .ok()
        .or_else(|| Number::from_f64(text.parse().ok()?))
}

/// What the parameters of a suite's steps may name: `params`, `run.name`, `steps.<step>.<output>`, and `suite.verdict`
/// once there is one, for `finally`.
pub fn context(
    suite: &LocustTestSuite,
    status: &LocustTestSuiteStatus,
    verdict: Option<Verdict>,
) -> Value {
    let params: Map<String, Value> = suite
        .spec
        .parameters
        .iter()
        .map(|ParameterValue { name, value }| {
            let value = serde_json::to_value(value).unwrap_or_default();
            (name.clone(), value)
        })
        .collect();
    let steps = status.steps.iter().map(|step| {
        let outputs = step.outputs.iter();
        let outputs = outputs.filter_map(|(name, text)| Some((name.clone(), number(text)?.into())));
        (step.name.clone(), Value::Object(outputs.collect()))
    });
    let steps: Map<String, Value> = steps.collect();
    let verdict = verdict.map(|verdict| ("verdict".to_owned(), verdict.as_str().into()));
    let of_suite: Map<String, Value> = verdict.into_iter().collect();
    json!({
        "params": params,
        "run": {"name": suite.metadata.name.as_deref().unwrap_or_default()},
        "steps": steps,
        "suite": of_suite,
    })
}

/// The reference with values in the place of expressions, which `text` gives of a string and the context. Parameters of
/// the suite that the template `knows` are added, unless the step gives its own value.
///
/// # Errors
/// When an expression has no value: which parameter, and which number of which step is missing.
pub fn resolve(
    reference: &TemplateRef,
    context: &Value,
    suite_parameters: &[ParameterValue],
    knows: &dyn Fn(&str) -> bool,
    text: &dyn Fn(&str, &Value) -> Result<String, String>,
) -> Result<TemplateRef, String> {
    let TemplateRef {
        name,
        namespace,
        parameters: own,
    } = reference;
    let mut parameters = Vec::with_capacity(own.len() + suite_parameters.len());
    for parameter in own {
        let written = parameter.value.text();
        let Some(written) = written.filter(|written| has_expression(written)) else {
            parameters.push(parameter.clone());
            continue;
        };
        let value = text(&written, context).map_err(|error| {
            let name = &parameter.name;
            match missing(&written, context) {
                Some(words) => format!("parameter {name:?} has no value: {words}"),
                None => format!("parameter {name:?}: {error}"),
            }
        })?;
        parameters.push(ParameterValue {
            name: parameter.name.clone(),
            value: value.as_str().into(),
        });
    }
    let is_given = |name: &str| own.iter().any(|own| own.name == name);
    parameters.extend(
        suite_parameters
            .iter()
            .filter(|of_suite| knows(&of_suite.name) && !is_given(&of_suite.name))
            .cloned(),
    );
    Ok(TemplateRef {
        name: name.clone(),
        namespace: namespace.clone(),
        parameters,
    })
}

/// Whether a text is more than itself.
pub(super) fn has_expression(text: &str) -> bool {
    text.contains("{{")
}

/// The first number of a step that the text asks for and that is not there.
fn missing(text: &str, context: &Value) -> Option<String> {
    let in_braces = text.split("{{").skip(1);
    let in_braces = in_braces.map(|rest| rest.split("}}").next().unwrap_or(rest));
    let mut paths = in_braces.flat_map(|expression| {
        expression.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'))
    });
    paths.find_map(|path| {
        let (step, output) = path.strip_prefix("steps.")?.split_once('.')?;
        context["steps"][step].get(output).is_none().then(|| {
            format!(
                "step {step:?} has no {output}: it did not run, or its test left no such number"
            )
        })
    })
}

#[cfg(test)]
mod tests;
