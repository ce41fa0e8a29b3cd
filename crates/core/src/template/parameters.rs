//! Parameters: how a template declares them, and what a test gives.

use std::collections::BTreeMap;

use locust_api::{
    Scalar,
    v2::{Parameter, ParameterType, ParameterValue},
};

use super::{
    limits::{Limits, read},
    values::Given,
};
use crate::problems::{Problem, Problems};

/// A default longer than this is cut where it is shown.
const SHOWN: usize = 40;

/// Values by the name of the parameter; one that is optional may have none.
pub(super) type Values = BTreeMap<String, Given>;

/// A parameter that makes sense.
pub(super) struct Declared<'a> {
    pub name: &'a str,
    type_: ParameterType,
    is_required: bool,
    default: Option<Given>,
    example: Option<Given>,
    limits: Limits,
    description: &'a str,
}

/// Reads the declarations. `root` is the path of the list.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn declare<'a>(
    parameters: &'a [Parameter],
    root: &str,
) -> Result<Vec<Declared<'a>>, Problems> {
    let mut problems = Problems::default();
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut declared = Vec::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let field = format!("{root}[{index}]");
        if let Some(other) = names.insert(parameter.name.to_ascii_uppercase(), &parameter.name) {
            problems.add(Problem::new(
                format!("{field}.name"),
                format!(
                    "{:?} and {other:?} would be one environment variable, PARAM_{}; give one of them another name",
                    parameter.name,
                    parameter.name.to_ascii_uppercase()
                ),
            ));
        }
        declared.extend(problems.collect(Declared::new(parameter, &field).map(Some)));
    }
    problems.or(declared)
}

impl<'a> Declared<'a> {
    fn new(parameter: &'a Parameter, field: &str) -> Result<Self, Problems> {
        let Parameter {
            name,
            type_,
            default,
            required,
            enum_: _,
            minimum: _,
            maximum: _,
            pattern: _,
            max_length: _,
            description,
            example,
        } = parameter;
        let type_ = type_.unwrap_or_default();
        let mut problems = Problems::default();
        if !is_name(name) {
            problems.add(Problem::new(
                format!("{field}.name"),
                format!("{name:?} is no name; it begins with a letter or _, and has letters, digits and _, at most 63"),
            ));
        }
        let limits = problems.collect(Limits::new(parameter, type_, field));
        let mut value = |scalar: &Option<Scalar>, key: &str| -> Option<Given> {
            let read = scalar.as_ref().map(|scalar| {
                read(scalar, type_)
                    .and_then(|given| limits.check(&given).map(|()| given))
                    .map_err(|words| Problem::new(format!("{field}.{key}"), words))
            });
            problems.collect(read.transpose())
        };
        let (default, example) = (value(default, "default"), value(example, "example"));
        if *required == Some(true) && parameter.default.is_some() {
            problems.add(Problem::new(
                format!("{field}.required"),
                format!("{name:?} has a default, so nobody has to give it; remove one of the two"),
            ));
        }
        problems.or(Self {
            name,
            type_,
            is_required: required.unwrap_or(default.is_none()),
            default,
            example,
            limits,
            description: description.as_deref().unwrap_or_default(),
        })
    }

    /// `users=500`, or `host` where a value must be given; `label=` may be left out.
    fn summary(&self) -> String {
        match &self.default {
            Some(default) => format!("{}={}", self.name, shown(&default.text())),
            None if self.is_required => self.name.to_owned(),
            None => format!("{}=", self.name),
        }
    }

    /// What it is and may be: `users (integer, from 1, to 500: how many at once)`.
    fn guide(&self) -> String {
        let limits = self.limits.words(self.type_);
        let colon = if self.description.is_empty() {
            ""
        } else {
            ": "
        };
        format!("{} ({limits}{colon}{})", self.name, self.description)
    }

    /// A value to try the template with: the default, the example, or one that is made up.
    pub fn trial(&self, prefer_example: bool) -> Result<Option<(Given, Source)>, String> {
        let example = self.example.as_ref();
        let wanted = match &self.default {
            _ if prefer_example && example.is_some() => example,
            Some(default) => Some(default),
            None if !self.is_required => return Ok(None),
            None => example,
        };
        if let Some(given) = wanted {
            return Ok(Some((given.clone(), Source::Written)));
        }
        self.made_up()
            .map(|given| Some((given, Source::MadeUp)))
            .ok_or_else(|| {
                format!(
                    "{:?} has no default, and no value could be thought of to try the template with; give an example",
                    self.name
                )
            })
    }

    fn made_up(&self) -> Option<Given> {
        let words: &[&str] = match self.type_ {
            ParameterType::String => &["example", "x", "1", "a1", "A"],
            ParameterType::Integer | ParameterType::Number | ParameterType::Quantity => {
                &["1", "0", "100"]
            }
            ParameterType::Boolean => &["true"],
            ParameterType::Duration => &["1m", "1s", "1h", "0s"],
        };
        let words = words
            .iter()
            .filter_map(|word| Given::read(word, self.type_).ok());
        let written = self.limits.written().cloned();
        written
            .chain(words)
            .find(|given| self.limits.check(given).is_ok())
    }
}

/// Where a value comes from that a template is tried with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The template has it.
    Written,
    /// It only fits the declaration.
    MadeUp,
}

/// All parameters in a line.
pub(super) fn summary(declared: &[Declared<'_>]) -> String {
    let all: Vec<String> = declared.iter().map(Declared::summary).collect();
    all.join(", ")
}

/// The values of a test: what it gives, and defaults.
///
/// # Errors
/// What is missing, what is unknown and what is no value of its parameter. `root` is the path of the list.
pub(super) fn resolve(
    declared: &[Declared<'_>],
    given: &[ParameterValue],
    root: &str,
) -> Result<Values, Problems> {
    let mut problems = Problems::default();
    let mut values = Values::new();
    let mut unknown = Vec::new();
    for (index, ParameterValue { name, value }) in given.iter().enumerate() {
        let Some(parameter) = declared.iter().find(|it| it.name == name) else {
            unknown.push(format!("{name:?}"));
            continue;
        };
        let field = || format!("{root}[{index}].value");
        match read(value, parameter.type_) {
            Ok(value) => {
                if let Err(words) = parameter.limits.check(&value) {
                    problems.add(Problem::new(field(), format!("{name}: {words}")));
                }
                if values.insert(name.clone(), value).is_some() {
                    problems.add(Problem::new(
                        field(),
                        format!("{name} is given twice; remove one"),
                    ));
                }
            }
            Err(words) => problems.add(Problem::new(field(), format!("{name}: {words}"))),
        }
    }
    let is_given = |parameter: &Declared<'_>| given.iter().any(|it| it.name == parameter.name);
    let missing: Vec<String> = declared
        .iter()
        .filter(|parameter| parameter.is_required && !is_given(parameter))
        .map(Declared::guide)
        .collect();
    if let Some(problem) = mismatch(declared, &missing, &unknown) {
        problems.add(Problem::new(root, problem));
    }
    for parameter in declared.iter().filter(|parameter| !is_given(parameter)) {
        let default = parameter.default.clone();
        values.extend(default.map(|default| (parameter.name.to_owned(), default)));
    }
    problems.or(values)
}

/// One sentence for all that is missing and unknown.
fn mismatch(declared: &[Declared<'_>], missing: &[String], unknown: &[String]) -> Option<String> {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("the template needs {}", missing.join(", ")));
    }
    if !unknown.is_empty() {
        let all: Vec<String> = declared.iter().map(Declared::guide).collect();
        parts.push(match &all[..] {
            [] => format!(
                "the template has no parameters, and {} given; remove it",
                unknown.join(", ")
            ),
            _ => format!(
                "the template has no parameter {}; it has {}",
                unknown.join(", "),
                all.join(", ")
            ),
        });
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// In a line, and not too long.
fn shown(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters
        .by_ref()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}
