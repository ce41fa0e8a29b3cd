//! What is wrong with a spec: everything at once, in words for the person who wrote it.
//!
//! A check returns `Result<T, Problems>` with all that it found. One that asks others collects theirs, goes on with
//! defaults in the place of what they could not give, and ends with [`Problems::or`].

use std::fmt;

/// Something that is wrong with a spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Path of the field, such as `spec.run.users`.
    pub field: String,
    /// What was found, what is allowed, and what to do.
    pub words: String,
}

impl Problem {
    /// Of this field.
    pub fn new(field: impl Into<String>, words: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            words: words.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, words } = self;
        write!(f, "{field}: {words}")
    }
}

/// All that is wrong with a spec, in the order in which it was found. As an error it is never empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one, unless it is known already: what both roles share is looked at twice.
    pub fn add(&mut self, problem: Problem) {
        if !self.0.contains(&problem) {
            self.0.push(problem);
        }
    }

    /// The value of a check; if there is none, its default, and what is wrong is added.
    pub fn collect<T: Default>(&mut self, checked: Result<T, impl Into<Self>>) -> T {
        checked.unwrap_or_else(|problems| {
            problems.into().0.into_iter().for_each(|it| self.add(it));
            T::default()
        })
    }

    /// The value, if nothing is wrong.
    ///
    /// # Errors
    /// When something is.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        let mut all = Self::default();
        problems.into_iter().for_each(|problem| all.add(problem));
        all
    }
}

/// In one line: tables of kubectl end at the first line break.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = &self.0[..] {
            return only.fmt(f);
        }
        write!(f, "{} problems:", self.0.len())?;
        let mut numbered = (1..).zip(&self.0);
        numbered.try_for_each(|(number, problem)| write!(f, " ({number}) {problem}"))
    }
}

impl std::error::Error for Problems {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_kept_once_and_said_in_one_line() {
        let problem = |field: &str| Problem::new(field, "is wrong");
        let mut all = Problems::default();
        assert_eq!(all.collect(Ok::<_, Problems>(5)), 5);
        assert_eq!(all.clone().or("fine"), Ok("fine"));
        assert_eq!(all.collect(Err::<u8, _>(problem("spec.a"))), 0);
        assert_eq!(all.to_string(), "spec.a: is wrong");
        let more = Problems::from_iter([problem("spec.a"), problem("spec.b")]);
        let () = all.collect(Err(more));
        assert_eq!(
            all.to_string(),
            "2 problems: (1) spec.a: is wrong (2) spec.b: is wrong"
        );
        assert_eq!(all.clone().or(()), Err(all));
    }
}
