//! The names of what a suite makes.

use crate::claim::{cut, hex, short_hex};

/// The longest name of a child: what its own objects are called must fit a label.
const LONGEST: usize = 52;
/// How much of a longer name is kept before the hash.
const KEPT: usize = 43;

/// The name of the child of this attempt of a step; the first attempt is 1.
pub fn child_name(suite: &str, step: &str, attempt: i32) -> String {
    let whole = if attempt > 1 {
        format!("{suite}-{step}-a{attempt}")
    } else {
        format!("{suite}-{step}")
    };
    if whole.len() <= LONGEST {
        return whole;
    }
    format!(
        "{}-{}",
        cut(&whole, KEPT),
        short_hex(&hex(whole.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_tell_suite_step_and_attempt() {
        assert_eq!(child_name("night", "load", 1), "night-load");
        assert_eq!(child_name("team.night", "load", 3), "team.night-load-a3");
        let long = "x".repeat(60);
        let name = child_name(&long, "load", 1);
        assert_eq!(name.len(), LONGEST);
        assert!(name.starts_with(&"x".repeat(KEPT)));
        assert_ne!(name, child_name(&long, "load", 2));
        // A label of a DNS name starts with no dash.
        let dotted = format!("{}.{long}", "x".repeat(KEPT - 1));
        assert!(!child_name(&dotted, "load", 1).contains(".-"));
    }

    proptest! {
        #[test]
        fn names_are_short(suite in "\\PC{0,260}", step in "\\PC{0,60}", attempt: i32) {
            prop_assert!(child_name(&suite, &step, attempt).len() <= LONGEST);
        }
    }
}
