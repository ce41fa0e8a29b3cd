//! What the values of a parameter may be.

use std::cmp::Ordering;

use locust_api::{
    Scalar,
    v2::{Parameter, ParameterType},
};
use regex::{Regex, RegexBuilder};

use super::{schema::short, values::Given};
use crate::problems::{Problem, Problems};

/// Most characters of a text, where the parameter does not say.
const LENGTH: usize = 1024;
/// The most that a compiled pattern may take, in bytes: patterns repeat cheaply in writing and not in memory.
const PATTERN_SIZE: usize = 1024 * 1024;

/// What values may be.
#[derive(Default)]
pub(super) struct Limits {
    choices: Vec<Given>,
    minimum: Option<Given>,
    maximum: Option<Given>,
    pattern: Option<Pattern>,
    length: Option<usize>,
}

impl Limits {
    /// Those of a parameter, whose path is `field`.
    ///
    /// # Errors
    /// When they contradict each other, or the type.
    pub fn new(parameter: &Parameter, type_: ParameterType, field: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let is_text = type_ == ParameterType::String;
        let has_order = !is_text && type_ != ParameterType::Boolean;
        let misplaced = |key: &str| {
            Problem::new(
                format!("{field}.{key}"),
                format!(
                    "it is not for parameters of type {}; remove it",
                    type_.as_str()
                ),
            )
        };
        let mut bound = |scalar: &Option<Scalar>, key: &str| -> Option<Given> {
            let scalar = scalar.as_ref()?;
            if !has_order {
                problems.add(misplaced(key));
                return None;
            }
            let value = read(scalar, type_).map(Some);
            problems.collect(value.map_err(|words| Problem::new(format!("{field}.{key}"), words)))
        };
        let minimum = bound(&parameter.minimum, "minimum");
        let maximum = bound(&parameter.maximum, "maximum");
        if let (Some(minimum), Some(maximum)) = (&minimum, &maximum)
            && minimum.compare(maximum) == Some(Ordering::Greater)
        {
            problems.add(Problem::new(
                format!("{field}.maximum"),
                format!(
                    "{} is less than the minimum {}; exchange them",
                    maximum.text(),
                    minimum.text()
                ),
            ));
        }
        if parameter.max_length.is_some() && !is_text {
            problems.add(misplaced("maxLength"));
        }
        if parameter.pattern.is_some() && !is_text {
            problems.add(misplaced("pattern"));
        }
        let pattern = parameter
            .pattern
            .as_deref()
            .filter(|_| is_text)
            .map(|pattern| {
                whole(pattern).map_err(|words| Problem::new(format!("{field}.pattern"), words))
            });
        let limits = Self {
            choices: Vec::new(),
            minimum,
            maximum,
            pattern: problems.collect(pattern.unwrap_or(Ok(None))),
            length: is_text.then(|| {
                let length = parameter
                    .max_length
                    .map(|length| usize::try_from(length).unwrap_or(0));
                length.unwrap_or(LENGTH)
            }),
        };
        let choices = parameter
            .enum_
            .iter()
            .enumerate()
            .filter_map(|(index, choice)| {
                let choice = read(choice, type_)
                    .and_then(|choice| limits.check(&choice).map(|()| Some(choice)))
                    .map_err(|words| Problem::new(format!("{field}.enum[{index}]"), words));
                problems.collect(choice)
            });
        let choices = choices.collect();
        problems.or(Self { choices, ..limits })
    }

    /// Values that the limits name: likely ones.
    pub fn written(&self) -> impl Iterator<Item = &Given> {
        let Self {
            choices,
            minimum,
            maximum,
            pattern: _,
            length: _,
        } = self;
        choices.iter().chain(minimum).chain(maximum)
    }

    /// Whether a value is within them, else what is allowed.
    pub fn check(&self, given: &Given) -> Result<(), String> {
        let Self {
            choices,
            minimum,
            maximum,
            pattern,
            length,
        } = self;
        let text = given.text();
        if !choices.is_empty() && !choices.iter().any(|choice| choice.equals(given)) {
            return Err(format!(
                "{} is none of {}",
                short(&text),
                self.all_choices()
            ));
        }
        if let Some(minimum) = minimum
            && given.compare(minimum) == Some(Ordering::Less)
        {
            return Err(format!(
                "{text} is less than {}, the smallest value",
                minimum.text()
            ));
        }
        if let Some(maximum) = maximum
            && given.compare(maximum) == Some(Ordering::Greater)
        {
            return Err(format!(
                "{text} is more than {}, the largest value",
                maximum.text()
            ));
        }
        if let Some(length) = length
            && text.chars().count() > *length
        {
            return Err(format!(
                "it has {} characters, and {length} are allowed; make it shorter, or raise the parameter's maxLength",
                text.chars().count()
            ));
        }
        if let Some(pattern) = pattern
            && !pattern.whole.is_match(&text)
        {
            return Err(format!(
                "{} does not match {}",
                short(&text),
                pattern.written
            ));
        }
        Ok(())
    }

    /// All of it in words: `integer, from 1, to 500`.
    pub fn words(&self, type_: ParameterType) -> String {
        let Self {
            choices,
            minimum,
            maximum,
            pattern,
            length: _,
        } = self;
        let mut words = vec![type_.as_str().to_owned()];
        if !choices.is_empty() {
            words.push(format!("one of {}", self.all_choices()));
        }
        words.extend(minimum.iter().map(|bound| format!("from {}", bound.text())));
        words.extend(maximum.iter().map(|bound| format!("to {}", bound.text())));
        words.extend(pattern.iter().map(|it| format!("like {}", it.written)));
        words.join(", ")
    }

    fn all_choices(&self) -> String {
        let all: Vec<String> = self
            .choices
            .iter()
            .map(|it| it.text().into_owned())
            .collect();
        all.join(", ")
    }
}

/// A regular expression.
struct Pattern {
    /// As in the template.
    written: String,
    /// Matches a value as a whole.
    whole: Regex,
}

/// A value as somebody wrote it, whatever its limits.
pub(super) fn read(scalar: &Scalar, type_: ParameterType) -> Result<Given, String> {
    let text = scalar
        .text()
        .ok_or("it is a list, an object or null; a value is a string, a number or a boolean")?;
    Given::read(&text, type_).map_err(|words| format!("{} {words}", short(&text)))
}

/// A pattern that matches a value as a whole.
fn whole(pattern: &str) -> Result<Option<Pattern>, String> {
    let refuse =
        |why: String| format!("{pattern:?} is no regular expression that can be used: {why}");
    // By itself first: a parenthesis or comment in it must not change what surrounds it.
    let parsed = regex_syntax::parse(pattern).map_err(|error| {
        // Its own words draw the place with several lines; a status has one.
        refuse(match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            other => other.to_string(),
        })
    })?;
    RegexBuilder::new(&format!(r"\A(?:{parsed})\z"))
        .size_limit(PATTERN_SIZE)
        .build()
        .map(|whole| {
            Some(Pattern {
                written: pattern.to_owned(),
                whole,
            })
        })
        .map_err(|_| {
            refuse(
                "it is too large; repeat less, or write [0-9A-Za-z_] for \\w and [0-9] for \\d"
                    .to_owned(),
            )
        })
}
