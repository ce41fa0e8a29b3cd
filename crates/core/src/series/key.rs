//! Which runs may be compared: those of one step, one spec and the same test files.

use std::fmt;

/// What a track of a series is of. As text it is a key of a ConfigMap's data: `checkout.0123456789abcdef.0123456789abcdef`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    step: String,
    spec: String,
    files: String,
}

/// Characters of a hash in a key.
const HASH: usize = 16;
/// Characters of a step's name; longer names are cut, and the spec's hash still tells them apart.
const STEP: usize = 63;

impl Key {
    /// Of a step's name (the test's own, when there is no suite), the hash of the spec as in
    /// [`spec_hash`](crate::claim::spec_hash), and a hash of the test files that really ran. Of the hashes the first 16
    /// letters and digits count; characters that a ConfigMap's key cannot have become dashes.
    pub fn new(step: &str, spec: &str, files: &str) -> Self {
        let allowed = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c
            } else {
                '-'
            }
        };
        let hash = |text: &str| {
            let plain = text.chars().filter(char::is_ascii_alphanumeric);
            let cut: String = plain.take(HASH).collect();
            if cut.is_empty() {
                "none".to_owned()
            } else {
                cut
            }
        };
        let step: String = step.chars().map(allowed).take(STEP).collect();
        Self {
            step: if step.is_empty() {
                "-".to_owned()
            } else {
                step
            },
            spec: hash(spec),
            files: hash(files),
        }
    }

    /// The key that reads like this; `None` when no key does.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let key = Self::new(parts.next()?, parts.next()?, parts.next()?);
        (key.to_string() == text).then_some(key)
    }

    /// In what the other key differs; `None` when it is the same, or of another step.
    pub fn difference(&self, other: &Self) -> Option<Difference> {
        match (self.spec == other.spec, self.files == other.files) {
            _ if self.step != other.step => None,
            (true, true) => None,
            (true, false) => Some(Difference::Files),
            (false, true) => Some(Difference::Spec),
            (false, false) => Some(Difference::Both),
        }
    }

    /// The step's name.
    pub fn step(&self) -> &str {
        &self.step
    }
}

/// In what two keys of a step differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The test files.
    Files,
    /// The spec.
    Spec,
    /// Both.
    Both,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, spec, files } = self;
        write!(f, "{step}.{spec}.{files}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_reads_as_it_was_written() {
        let key = Key::new("checkout", "0123456789abcdef", "fedcba98765432100000");
        assert_eq!(
            key.to_string(),
            "checkout.0123456789abcdef.fedcba9876543210"
        );
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        assert_eq!(
            Key::new("a.b", "sha256:1", "").to_string(),
            "a-b.sha2561.none"
        );
        for other in ["", "notes", "a.b", "a.b.c.d", "a.b.", "ä.b.c", "a.b-c.d"] {
            assert_eq!(Key::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_key_is_one_of_a_config_map(step in ".{0,80}", spec in ".{0,20}", files in "[0-9a-f]{0,64}") {
            let key = Key::new(&step, &spec, &files);
            let text = key.to_string();
            prop_assert!(text.len() <= 253);
            prop_assert!(text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)));
            prop_assert_eq!(Key::parse(&text), Some(key));
        }
    }
}
