//! What keeps this process from acting although it is well, for `/readyz`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A list that all who know an obstacle write to.
#[derive(Clone, Default)]
pub(crate) struct Obstacles(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Obstacles {
    /// Notes what is in the way as far as `about` goes; `None`: nothing any more. Says whether this is news.
    pub fn set(&self, about: &'static str, words: Option<String>) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = match words.clone() {
            Some(words) => all.insert(about, words),
            None => all.remove(about),
        };
        before != words
    }

    /// One line for each.
    pub fn lines(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|(about, words)| format!("{about}: {words}\n"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn obstacles_come_and_go() {
        let obstacles = Obstacles::default();
        assert_eq!(obstacles.lines(), "");
        assert!(obstacles.set("b", Some("is old".to_owned())));
        assert!(!obstacles.set("b", Some("is old".to_owned())));
        assert!(obstacles.set("a", Some("is not there".to_owned())));
        assert_eq!(obstacles.lines(), "a: is not there\nb: is old\n");
        assert!(obstacles.set("b", Some("is new".to_owned())));
        assert!(obstacles.set("b", None));
        assert!(!obstacles.set("b", None));
        assert_eq!(obstacles.lines(), "a: is not there\n");
    }
}
