//! Comments in seeds: dropped as a shell does, and sometimes more of a line than was meant.

/// A warning when a comment holds what looks like an option. YAML's folded text (`>`) joins lines, and a comment then
/// swallows the rest of the command.
pub(super) fn warning(command: &str, place: &str) -> Option<String> {
    let swallowed = comments(command)
        .into_iter()
        .find(|comment| comment.split_whitespace().any(looks_like_an_option))?;
    let shown: String = swallowed.chars().take(40).collect();
    Some(format!(
        "{place}: everything after # is a comment up to the end of its line and was dropped: {shown:?}"
    ))
}

fn looks_like_an_option(word: &str) -> bool {
    let name = word.trim_start_matches('-');
    name.len() < word.len() && name.starts_with(|first: char| first.is_ascii_alphabetic())
}

/// The comments of a command, found by the rules by which it is split.
fn comments(command: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut quote = None;
    let mut at_start_of_word = true;
    let mut rest = command.char_indices();
    while let Some((begin, char)) = rest.next() {
        match (quote, char) {
            (None, '#') if at_start_of_word => {
                let end = rest.find(|(_, char)| *char == '\n');
                let end = end.map_or(command.len(), |(end, _)| end);
                found.push(&command[begin..end]);
                continue;
            }
            (None, '\'' | '"') => quote = Some(char),
            (None | Some('"'), '\\') => {
                rest.next();
            }
            (Some(open), _) if open == char => quote = None,
            _ => {}
        }
        at_start_of_word = quote.is_none() && matches!(char, ' ' | '\t' | '\n');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_comments_that_swallow_options_are_told_of() {
        for (command, swallowed) in [
            ("-f a.py # the file", None),
            ("-f a.py --host 'http://a/ # --b'", None),
            ("-f a.py --host http://a/#--b", None),
            ("-f a.py # 5 - 10 users", None),
            (
                "-f a.py # the file --users 5",
                Some("\"# the file --users 5\""),
            ),
            ("-f a.py # one\n# -u 5\n-r 1", Some("\"# -u 5\"")),
        ] {
            let warning = warning(command, "spec.master.command");
            match swallowed {
                Some(words) => assert!(warning.unwrap().ends_with(words), "{command}"),
                None => assert_eq!(warning, None, "{command}"),
            }
        }
    }

    proptest! {
        #[test]
        fn a_comment_is_what_splitting_drops(command in r#"[-#'"\\ a\n\t]{0,24}"#) {
            let mut without = command.clone();
            for comment in comments(&command).into_iter().rev() {
                prop_assert!(comment.starts_with('#') && !comment.contains('\n'));
                let begin = comment.as_ptr() as usize - command.as_ptr() as usize;
                without.replace_range(begin..begin + comment.len(), "");
            }
            if let Some(words) = shlex::split(&command) {
                prop_assert_eq!(comments(&without), Vec::<&str>::new());
                prop_assert_eq!(shlex::split(&without), Some(words));
            }
        }
    }
}
