//! A first look at a text with expressions, before any parser sees it.
//!
//! The parser and the renderer of handlebars recurse: deep nesting ends the process. So what reaches them is small, and
//! made of few kinds of characters; where an expression begins and ends must be beyond doubt.

/// Longest text with expressions, in bytes.
const LENGTH: usize = 4 * 1024;
/// How many expressions, blocks and comments a text may have.
const TAGS: usize = 128;
/// How many of them may begin a block, or go on with one.
const BLOCKS: usize = 32;
/// How deep parentheses may be nested, and blocks.
pub(super) const DEPTH: usize = 8;

/// Whether a text has expressions at all.
pub(super) fn is_template(text: &str) -> bool {
    text.contains("{{")
}

/// Refuses what the parser must not see.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > LENGTH {
        return Err(format!(
            "it holds expressions and has {} bytes, and {LENGTH} are allowed; leave the long part without expressions, or put it in a file",
            text.len()
        ));
    }
    let (mut rest, mut tags, mut blocks) = (text, 0, 0);
    while let Some((before, tag)) = rest.split_once("{{") {
        if tag.starts_with('{') {
            return Err(
                "it has three or more braces in a row, and an expression begins with two; put a space between".to_owned(),
            );
        }
        if before.ends_with(r"\\") {
            return Err(
                r"it has more than one backslash before {{, which is ambiguous; \{{ stands for two braces".to_owned(),
            );
        }
        if before.ends_with('\\') {
            rest = tag;
            continue;
        }
        let Tag { length, is_block } = tag_of(tag)?;
        (tags, blocks) = (tags + 1, blocks + usize::from(is_block));
        if tags > TAGS || blocks > BLOCKS {
            return Err(format!(
                "it has more than {TAGS} expressions or {BLOCKS} blocks; make it shorter"
            ));
        }
        rest = tag.get(length..).unwrap_or_default();
    }
    Ok(())
}

struct Tag {
    /// From after the opening braces to after the closing ones.
    length: usize,
    is_block: bool,
}

fn tag_of(tag: &str) -> Result<Tag, String> {
    if tag.starts_with('!') {
        return comment(tag);
    }
    let word = tag.trim_start_matches(|c: char| c == '~' || c.is_ascii_whitespace());
    let is_block = word.starts_with('#') || word.starts_with("else");
    let mut depth = 0;
    let mut quote = None;
    let mut is_first = true;
    let mut characters = tag.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (_, '\\') => {
                return Err("an expression has a backslash; write it without".to_owned());
            }
            (Some(open), _) => {
                if character == open {
                    quote = None;
                }
                continue;
            }
            (None, '"' | '\'') => quote = Some(character),
            (None, '(') if depth == DEPTH => {
                return Err(format!(
                    "its parentheses are more than {DEPTH} deep; make it simpler"
                ));
            }
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, '}') if characters.peek().is_some_and(|(_, next)| *next == '}') => {
                return Ok(Tag {
                    length: at + 2,
                    is_block,
                });
            }
            (None, '#' | '/') if is_first => {}
            (None, ' ' | '\t' | '\n' | '\r' | '~') => continue,
            (None, '_' | '.' | '-') => {}
            (None, letter) if letter.is_ascii_alphanumeric() => {}
            (None, other) => {
                return Err(format!(
                    "{other:?} has no meaning in an expression; what may stand between {{{{ and }}}} is a variable such as params.users, {HELPERS}"
                ));
            }
        }
        is_first = false;
    }
    Err("{{ begins an expression that no }} ends; \\{{ stands for two braces".to_owned())
}

/// What expressions may be besides variables, in words.
pub(super) const HELPERS: &str = "a comparison (eq, ne, gt, gte, lt, lte, and, or, not) of variables, texts and numbers, or #if and #unless with else";

/// A comment ends at the first closing braces, whoever reads it: with dashes it holds none.
fn comment(tag: &str) -> Result<Tag, String> {
    let content = tag
        .find("}}")
        .and_then(|end| tag.get(1..end))
        .ok_or("{{! begins a comment that no }} ends")?;
    let trimmed = content.trim_start();
    if trimmed.starts_with("--") && (trimmed.len() < 4 || !trimmed.ends_with("--")) {
        return Err(
            "a comment that begins with {{!-- ends with --}} and has no }} before".to_owned(),
        );
    }
    Ok(Tag {
        length: content.len() + 3,
        is_block: false,
    })
}
