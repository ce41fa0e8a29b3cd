//! What a text with expressions may hold, once it is parsed: an allow-list.

use handlebars::{
    Path, PathSeg, Template,
    template::{HelperTemplate, Parameter, TemplateElement},
};

use super::scan;

/// Refuses what is not allowed, and notes the variables.
pub(super) fn check(
    template: &Template,
    depth: usize,
    paths: &mut Vec<Vec<String>>,
) -> Result<(), String> {
    if depth > scan::DEPTH {
        return Err(format!(
            "its blocks are more than {} deep, where each else-if counts; make it simpler",
            scan::DEPTH
        ));
    }
    template.elements.iter().try_for_each(|element| match element {
        TemplateElement::RawString(_) | TemplateElement::Comment(_) => Ok(()),
        TemplateElement::Expression(expression) => match &expression.name {
            Parameter::Path(path) if expression.params.is_empty() => {
                no_extras(expression)?;
                note(path, paths)
            }
            _ => comparison(expression, 0, paths),
        },
        TemplateElement::HelperBlock(block) => {
            let name = block.name.as_name().unwrap_or_default();
            if !matches!(name, "if" | "unless") || block.params.len() != 1 {
                return Err(format!(
                    "{{{{#{name}}}}} is no block that can be used: there are #if and #unless, each with one condition"
                ));
            }
            no_extras(block)?;
            parameters(block, 0, paths)?;
            let bodies = [&block.template, &block.inverse];
            bodies
                .into_iter()
                .flatten()
                .try_for_each(|body| check(body, depth + 1, paths))
        }
        _ => Err(format!(
            "partials and decorators cannot be used; allowed is a variable, {}",
            scan::HELPERS
        )),
    })
}

fn comparison(
    expression: &HelperTemplate,
    depth: usize,
    paths: &mut Vec<Vec<String>>,
) -> Result<(), String> {
    let name = expression.name.as_name().unwrap_or_default();
    let given = expression.params.len();
    let fits = match name {
        "not" => given == 1,
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" => given == 2,
        "and" | "or" => given >= 2,
        _ => {
            return Err(format!(
                "{name:?} cannot be used here; allowed is a variable, {}",
                scan::HELPERS
            ));
        }
    };
    if !fits {
        return Err(format!(
            "{name} has {given} values: not takes one, a comparison two, and and or take two or more"
        ));
    }
    no_extras(expression)?;
    parameters(expression, depth, paths)
}

fn parameters(
    expression: &HelperTemplate,
    depth: usize,
    paths: &mut Vec<Vec<String>>,
) -> Result<(), String> {
    if depth > scan::DEPTH {
        return Err(format!(
            "its parentheses are more than {} deep; make it simpler",
            scan::DEPTH
        ));
    }
    expression
        .params
        .iter()
        .try_for_each(|parameter| match parameter {
            Parameter::Literal(_) => Ok(()),
            Parameter::Path(path) => note(path, paths),
            Parameter::Subexpression(inner) => match inner.as_element() {
                TemplateElement::Expression(inner) => comparison(inner, depth + 1, paths),
                _ => Err("it has an expression that cannot be used".to_owned()),
            },
            _ => Err("it has a name where a variable belongs".to_owned()),
        })
}

/// Named arguments and block parameters: nothing that can be used takes any.
fn no_extras(expression: &HelperTemplate) -> Result<(), String> {
    if expression.hash.is_empty() && expression.block_param.is_none() {
        return Ok(());
    }
    Err("an expression has no named arguments and no `as`; write it without".to_owned())
}

fn note(path: &Path, paths: &mut Vec<Vec<String>>) -> Result<(), String> {
    let (Path::Relative((_, written)) | Path::Local((_, _, written))) = path;
    let refuse = || {
        format!(
            "{written:?} is not a variable; variables are names with dots between, such as params.users"
        )
    };
    let Path::Relative((segments, _)) = path else {
        return Err(refuse());
    };
    let names = segments.iter().map(|segment| match segment {
        PathSeg::Named(name) => Ok(name.clone()),
        _ => Err(refuse()),
    });
    let names = names.collect::<Result<Vec<String>, String>>()?;
    if names.is_empty() {
        return Err(refuse());
    }
    if !paths.contains(&names) {
        paths.push(names);
    }
    Ok(())
}
