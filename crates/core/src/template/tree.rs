//! Expressions in a tree of JSON: in its texts only, so nothing that a parameter holds becomes structure.

use serde_json::{Map, Value};

use super::{
    engine::{Compiled, OUTPUT, Variables},
    scan,
    schema::{Kind, MANY, Schema},
};
use crate::problems::{Problem, Problems};

/// How deep a tree may be.
pub(super) const DEPTH: usize = 32;
/// How many texts of a tree may have expressions.
const TEXTS: usize = 512;
/// What those texts may be together, as written, in bytes: reading them takes more time than all else.
const WRITTEN: usize = 128 * 1024;
/// Files of a test are never changed, wherever they are.
const FILES: &str = "testFiles.inline";

/// The tree with values in the place of expressions. What is null is left out, as the API server does.
///
/// # Errors
/// What cannot be read, is unknown, or passes a limit; `root` is the path of the tree.
pub(super) fn render(
    tree: &Value,
    root: &str,
    names: &Value,
    variables: &Variables,
) -> Result<Value, Problems> {
    let mut walk = Walk {
        root,
        names,
        variables,
        files: format!("{root}.{FILES}"),
        bytes: OUTPUT,
        texts: 0,
        written: 0,
        problems: Problems::default(),
    };
    let rendered = walk.value(tree, Schema::of_spec(), root, 0);
    walk.problems.or(rendered)
}

struct Walk<'a> {
    root: &'a str,
    names: &'a Value,
    variables: &'a Variables,
    files: String,
    /// How many more the texts may become.
    bytes: usize,
    texts: usize,
    /// Bytes of those texts.
    written: usize,
    problems: Problems,
}

impl Walk<'_> {
    fn value(&mut self, value: &Value, schema: Schema<'_>, path: &str, depth: usize) -> Value {
        if depth > DEPTH {
            self.refuse(
                path,
                format!("it is more than {DEPTH} levels deep, which no field is; remove it"),
            );
            return Value::Null;
        }
        if path == self.files && depth > 0 && !value.is_string() {
            return value.clone();
        }
        match value {
            Value::String(text) if scan::is_template(text) => self.text(text, schema, path),
            Value::Array(items) => {
                let items = items.iter().enumerate().map(|(index, item)| {
                    self.value(item, schema.items(), &format!("{path}[{index}]"), depth + 1)
                });
                Value::Array(items.collect())
            }
            Value::Object(map) => {
                let mut rendered = Map::new();
                for (name, value) in map.iter().filter(|(_, value)| !value.is_null()) {
                    let path = format!("{path}.{}", name.escape_debug());
                    if scan::is_template(name) {
                        self.refuse(
                            &path,
                            "the name of a field has no expressions; write it out".to_owned(),
                        );
                    }
                    let value = self.value(value, schema.field(name), &path, depth + 1);
                    rendered.insert(name.clone(), value);
                }
                Value::Object(rendered)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
        }
    }

    fn text(&mut self, text: &str, schema: Schema<'_>, path: &str) -> Value {
        if self.has_enough() {
            return Value::Null;
        }
        if let Err(words) = self.count(text) {
            self.refuse(self.root, words);
            return Value::Null;
        }
        match self.rendered(text, schema) {
            Ok(value) => value,
            Err(words) => {
                self.refuse(path, words);
                Value::Null
            }
        }
    }

    /// Counts a text with expressions, before it is read.
    fn count(&mut self, text: &str) -> Result<(), String> {
        self.texts += 1;
        self.written += text.len();
        if self.texts > TEXTS {
            return Err(format!(
                "more than {TEXTS} texts have expressions; use fewer"
            ));
        }
        if self.written > WRITTEN {
            return Err(format!(
                "all texts that have expressions have more than {WRITTEN} bytes; make them shorter"
            ));
        }
        Ok(())
    }

    fn rendered(&mut self, text: &str, schema: Schema<'_>) -> Result<Value, String> {
        let compiled = Compiled::new(text)?;
        compiled.check_names(self.names)?;
        let rendered = compiled.render(self.variables, &mut self.bytes)?;
        Ok(match schema.kind() {
            Kind::Other => match compiled.sole_value(self.variables) {
                Some(value) => value.clone(),
                None => Value::from(rendered),
            },
            kind => typed(rendered, kind),
        })
    }

    /// Whether further problems would not be told.
    fn has_enough(&self) -> bool {
        self.problems.iter().len() >= MANY
    }

    fn refuse(&mut self, path: &str, words: String) {
        if self.has_enough() {
            return;
        }
        self.problems.add(Problem::new(path, words));
    }
}

/// A text as the field wants it, if it reads so; else as it is, for the schema to refuse.
fn typed(text: String, kind: Kind) -> Value {
    let value = match kind {
        Kind::Text | Kind::Other => None,
        Kind::Integer | Kind::IntegerOrText => text.parse::<i64>().ok().map(Value::from),
        Kind::Number => serde_json::from_str(&text).ok().map(Value::Number),
        Kind::Boolean => text.parse::<bool>().ok().map(Value::from),
    };
    value.unwrap_or_else(|| Value::from(text))
}
