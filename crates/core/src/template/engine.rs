//! Handlebars, cut down to what a spec needs: variables, comparisons, and text that is there or not.
//!
//! Nothing loops, and nothing refers to other templates, so the work is bounded by the text. What a text may be is
//! looked at twice: by [`scan`] before it is parsed, and by [`grammar`] in the tree that the parser made of it.

use std::{io, sync::LazyLock};

use handlebars::{
    Context, Handlebars, Output, RenderContext, Renderable, Template, no_escape,
    template::TemplateElement,
};
use serde_json::Value;

use super::{grammar, scan};

/// The most that all texts of a spec may become, in bytes.
pub(super) const OUTPUT: usize = 256 * 1024;
/// So many names are told to who wrote a wrong one.
const FEW: usize = 12;

static REGISTRY: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut registry = Handlebars::new();
    registry.set_strict_mode(true);
    registry.register_escape_fn(no_escape);
    registry
});

/// Puts values in the place of expressions: `{{steps.smoke.p95Ms}}` with `context` as the variables.
///
/// A text without expressions stays as it is.
///
/// # Errors
/// When an expression cannot be read, names what the context does not have or has as null, or when a limit is passed:
/// what is wrong, in one line.
pub fn text(text: &str, context: &Value) -> Result<String, String> {
    if !scan::is_template(text) {
        return Ok(text.to_owned());
    }
    let compiled = Compiled::new(text)?;
    compiled.check_names(context)?;
    compiled.render(&Variables::new(context), &mut { OUTPUT })
}

/// The variables that a text names, each once: `{{steps.smoke.p95Ms}}` is `["steps", "smoke", "p95Ms"]`.
///
/// # Errors
/// When an expression cannot be read: what is wrong, in one line.
pub fn paths(text: &str) -> Result<Vec<Vec<String>>, String> {
    if !scan::is_template(text) {
        return Ok(Vec::new());
    }
    Ok(Compiled::new(text)?.paths)
}

/// The values of variables.
pub(super) struct Variables {
    values: Value,
    context: Context,
}

impl Variables {
    /// Of an object of objects; null is no value.
    pub fn new(values: &Value) -> Self {
        let mut values = values.clone();
        remove_nulls(&mut values);
        Self {
            // JSON is always JSON.
            context: Context::wraps(&values).unwrap_or_else(|_| Context::null()),
            values,
        }
    }

    fn value(&self, path: &[String]) -> Option<&Value> {
        path.iter()
            .try_fold(&self.values, |value, name| value.get(name))
    }
}

fn remove_nulls(values: &mut Value) {
    if let Value::Object(map) = values {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(remove_nulls);
    }
}

/// A text that was read, and holds nothing but what is allowed.
pub(super) struct Compiled {
    template: Template,
    paths: Vec<Vec<String>>,
}

impl Compiled {
    /// Reads a text.
    ///
    /// # Errors
    /// When it cannot be read, or holds what is not allowed.
    pub fn new(text: &str) -> Result<Self, String> {
        scan::check(text)?;
        let template = Template::compile(text).map_err(|error| {
            let place = error
                .pos()
                .map(|(line, column)| format!(" at line {line}, column {column}"))
                .unwrap_or_default();
            format!(
                "it has an expression that cannot be read{place}; allowed is a variable, {}",
                scan::HELPERS
            )
        })?;
        let mut paths = Vec::new();
        grammar::check(&template, 0, &mut paths)?;
        Ok(Self { template, paths })
    }

    /// Checks that every variable is one of `names`, an object as deep as the names are; values do not matter.
    pub fn check_names(&self, names: &Value) -> Result<(), String> {
        self.paths
            .iter()
            .try_for_each(|path| check_name(path, names))
    }

    /// The one variable that is all of the text, with its value.
    pub fn sole_value<'a>(&self, variables: &'a Variables) -> Option<&'a Value> {
        let [TemplateElement::Expression(only)] = &self.template.elements[..] else {
            return None;
        };
        let [path] = &self.paths[..] else {
            return None;
        };
        only.params.is_empty().then(|| variables.value(path))?
    }

    /// The text with values, which takes its bytes from `left`.
    ///
    /// # Errors
    /// When a variable has no value where one is needed, or too few bytes are left.
    pub fn render(&self, variables: &Variables, left: &mut usize) -> Result<String, String> {
        let mut room = Room {
            text: String::new(),
            left,
            is_full: false,
        };
        let rendered = self.template.render(
            &REGISTRY,
            &variables.context,
            &mut RenderContext::new(None),
            &mut room,
        );
        let Room { text, is_full, .. } = room;
        if is_full {
            return Err(format!(
                "with it the texts of the spec would have more than {OUTPUT} bytes; make the values shorter"
            ));
        }
        rendered.map(|()| text).map_err(|_| {
            let absent = self.paths.iter().filter(|path| variables.value(path).is_none());
            let absent: Vec<String> = absent.map(|path| path.join(".")).collect();
            if absent.is_empty() {
                return "its expressions cannot be computed with these values".to_owned();
            }
            let names = absent.join(", ");
            format!(
                "no value for {names}; give one, or put the text that needs it between {{{{#if …}}}} and {{{{/if}}}}"
            )
        })
    }
}

fn check_name(path: &[String], names: &Value) -> Result<(), String> {
    let whole = path.join(".");
    let mut place = names;
    for (depth, name) in path.iter().enumerate() {
        let Some(next) = place.get(name) else {
            let there: Vec<&str> = place
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys().map(String::as_str))
                .take(FEW)
                .collect();
            let parent = match depth {
                0 => "there is".to_owned(),
                _ => format!("{} has", path[..depth].join(".")),
            };
            return Err(match &there[..] {
                [] => format!("{whole} is not a variable: {parent} nothing"),
                _ => format!("{whole} is not a variable: {parent} {}", there.join(", ")),
            });
        };
        place = next;
    }
    if place.is_object() || place.is_array() {
        return Err(format!(
            "{whole} is no value but a group of them; write {whole}.NAME"
        ));
    }
    Ok(())
}

/// Where the result goes, as far as it fits.
struct Room<'a> {
    text: String,
    left: &'a mut usize,
    is_full: bool,
}

impl Output for Room<'_> {
    fn write(&mut self, part: &str) -> io::Result<()> {
        let Some(left) = self.left.checked_sub(part.len()) else {
            self.is_full = true;
            return Err(io::Error::other("full"));
        };
        *self.left = left;
        self.text.push_str(part);
        Ok(())
    }
}
