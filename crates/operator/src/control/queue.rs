//! Which object is looked at next: the one that has waited longest.
//!
//! `kube`'s applier picks any of those that wait, the same ones again and again: while more are due than may be looked at at
//! once, some are never looked at.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    hash::Hash,
};

use tokio::time::Instant;

/// The place of a key; those without one are not asked for.
enum Place {
    /// In the line.
    Waits,
    /// Not in the line before that time. The number keeps keys of the same time apart.
    Later(Instant, u64),
    /// It is looked at. It goes to the end of the line afterwards, if it was asked for since.
    Busy { asked_again: bool },
}

/// Keys in the order in which they were asked for, each once. None is taken while it is busy.
pub(super) struct Queue<K> {
    line: VecDeque<K>,
    later: BTreeMap<(Instant, u64), K>,
    places: HashMap<K, Place>,
    count: u64,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            line: VecDeque::new(),
            later: BTreeMap::new(),
            places: HashMap::new(),
            count: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// Asks for a key, as soon as it is its turn.
    pub fn ask(&mut self, key: K) {
        match self.places.get_mut(&key) {
            Some(Place::Waits) => return,
            Some(Place::Busy { asked_again }) => {
                *asked_again = true;
                return;
            }
            Some(Place::Later(time, number)) => drop(self.later.remove(&(*time, *number))),
            None => {}
        }
        self.places.insert(key.clone(), Place::Waits);
        self.line.push_back(key);
    }

    /// Takes the key whose turn it is.
    pub fn next(&mut self, now: Instant) -> Option<K> {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.remove();
            self.places.insert(key.clone(), Place::Waits);
            self.line.push_back(key);
        }
        let key = self.line.pop_front()?;
        let busy = Place::Busy { asked_again: false };
        self.places.insert(key.clone(), busy);
        Some(key)
    }

    /// A key that was taken is not busy any more, and is due `again` at that time if nobody asks before.
    pub fn done(&mut self, key: K, again: Option<Instant>) {
        let place = self.places.remove(&key);
        if matches!(place, Some(Place::Busy { asked_again: true })) {
            self.ask(key);
        } else if let Some(time) = again {
            self.count += 1;
            let place = Place::Later(time, self.count);
            self.places.insert(key.clone(), place);
            self.later.insert((time, self.count), key);
        }
    }

    /// When the next key is due of those that are due later.
    pub fn next_due(&self) -> Option<Instant> {
        let ((time, _), _) = self.later.first_key_value()?;
        Some(*time)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn all(queue: &mut Queue<char>, now: Instant) -> String {
        std::iter::from_fn(|| queue.next(now)).collect()
    }

    #[test]
    fn each_is_taken_once_in_the_order_in_which_it_was_asked_for() {
        let mut queue = Queue::default();
        "cabac".chars().for_each(|key| queue.ask(key));
        assert_eq!(all(&mut queue, Instant::now()), "cab");
    }

    #[test]
    fn what_is_busy_waits_at_the_end_of_the_line_until_it_is_done() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.ask('a');
        assert_eq!(queue.next(now), Some('a'));
        "abc".chars().for_each(|key| queue.ask(key));
        assert_eq!(all(&mut queue, now), "bc");
        // it is due at once, whatever it asked for itself
        queue.done('a', Some(now + Duration::from_secs(60)));
        assert_eq!((queue.next_due(), all(&mut queue, now)), (None, "a".into()));
    }

    #[test]
    fn what_is_due_later_comes_then_or_when_it_is_asked_for() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        let (soon, late) = (now + Duration::from_secs(1), now + Duration::from_secs(9));
        "abcd".chars().for_each(|key| queue.ask(key));
        assert_eq!(all(&mut queue, now), "abcd");
        for (key, again) in [
            ('a', Some(late)),
            ('b', Some(soon)),
            ('c', Some(soon)),
            ('d', None),
        ] {
            queue.done(key, again);
        }
        assert_eq!((queue.next_due(), queue.next(now)), (Some(soon), None));
        queue.ask('a');
        assert_eq!(all(&mut queue, soon), "abc");
        assert_eq!(
            (queue.next_due(), all(&mut queue, late)),
            (None, String::new())
        );
    }
}
