//! Regular expressions that the plugin's Python and this program read alike.

/// What Rust reads and Python does not, or reads in another way.
const NOT_PYTHON: &[(&str, &str)] = &[
    (r"\p", "a Unicode class"),
    (r"\P", "a Unicode class"),
    ("(?<", "a named group"),
    (r"\z", "the end of the text"),
    (r"\x{", "a character by its number"),
    ("[[:", "a POSIX class"),
    ("&&", "an intersection of classes"),
    ("--", "a difference of classes"),
    ("~~", "a difference of classes"),
    ("(?U", "a swap of greediness"),
    ("(?R", "line breaks of Windows"),
    (r"\<", "the start of a word"),
    (r"\>", "the end of a word"),
    (r"\b{", "a kind of word boundary"),
];

/// Whether `regex` can be used, else what is wrong and what is allowed.
pub(super) fn check(regex: &str) -> Result<(), String> {
    if let Some((found, what)) = NOT_PYTHON.iter().find(|(text, _)| regex.contains(text)) {
        return Err(format!(
            "Python, which matches it, does not read {found:?} ({what}); write it with characters, '.', classes such as [a-z] or \\d, '|', groups and the quantifiers ?, *, + and {{n,m}}"
        ));
    }
    regex_syntax::parse(regex).map(|_| ()).map_err(|error| {
        // Its own words draw the place with several lines; a status has one.
        let why = match &error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            other => other.to_string(),
        };
        format!("{regex:?} is no regular expression that can be used: {why}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_read_is_fine() {
        for regex in [
            "^/item/[0-9]+$",
            r"/(a|b)/\d{2,3}",
            ".*",
            r"\bx\b",
            "a(?:b)?",
            "(?i)get",
        ] {
            assert_eq!(check(regex), Ok(()), "{regex}");
        }
    }

    #[test]
    fn the_rest_is_refused_with_the_reason() {
        for (regex, words) in [
            ("(", "unclosed group"),
            ("a{2,1}", "repetition"),
            (r"\p{L}", "a Unicode class"),
            ("(?<id>[0-9]+)", "a named group"),
            (r"x\z", "the end of the text"),
            ("[[:alpha:]]", "a POSIX class"),
            ("(?=x)", "look-around"),
            (r"(a)\1", "backreferences"),
        ] {
            let error = check(regex).unwrap_err();
            assert!(error.contains(words), "{regex}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
