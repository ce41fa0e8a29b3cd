//! The numbers of earlier runs, kept in a ConfigMap so that people can read them: a key for what may be compared, in
//! which each line is the JSON of a run, the oldest first. A first line `{"pinned": …}` is a copy of the numbers of a run
//! that was pinned; it stays when the run is long gone.
//!
//! Nothing grows without end. A key that has more than [`MOST_POINTS`] runs is cut to the newest [`KEPT_POINTS`]: not
//! to one less, since each cut is a new start for who judges the series, and chance gets another try with every start.
//! Of more than [`MOST_KEYS`] keys those go that were used longest ago, but for what is pinned in them.

mod key;
mod point;
mod text;

use std::collections::BTreeMap;

pub use key::{Difference, Key};
pub use point::{End, NoMeasure, Numbers, Point};
pub use text::Unreadable;

use locust_api::v2::Metric;

use crate::regression::{self, Against, CompareWith, Judgement, Options};

/// Runs of a key at most.
pub const MOST_POINTS: usize = 60;
/// Runs of a key that are left when they were more than that.
pub const KEPT_POINTS: usize = 40;
/// Keys with runs at most; as many again may have nothing but a pinned run.
pub const MOST_KEYS: usize = 16;
/// Bytes of all keys and values at most. A ConfigMap may have 1 MiB.
pub const MOST_BYTES: usize = 512 << 10;

/// A series: what was measured, by what may be compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    tracks: BTreeMap<Key, Track>,
    /// What somebody else put into the ConfigMap.
    foreign: BTreeMap<String, String>,
}

/// The runs that may be compared with each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Track {
    pinned: Option<Point>,
    points: Vec<Point>,
}

/// What became of a run that was to enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// It is there now.
    Added,
    /// It was there before, and nothing has changed.
    Known,
    /// It is older than all that is kept, and nothing has changed.
    TooOld,
    /// What else is in the ConfigMap leaves no room, and nothing has changed.
    NoRoom,
}

/// Why a run was not pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinError {
    /// The series has no such run under this key.
    NoSuchRun,
    /// [`MOST_KEYS`] keys have a pinned run already.
    TooMany,
}

impl PinError {
    /// The reason in words.
    pub fn words(self, run: &str) -> String {
        match self {
            Self::NoSuchRun => format!(
                "the series has no run {run:?} of this step, spec and test files: it was no measure, or is older than the \
                 {KEPT_POINTS} to {MOST_POINTS} runs that are kept"
            ),
            Self::TooMany => {
                format!("{MOST_KEYS} steps or specs have a pinned run already; unpin one of them")
            }
        }
    }
}

impl Series {
    /// What is kept under a key.
    pub fn track(&self, key: &Key) -> Option<&Track> {
        self.tracks.get(key)
    }

    /// All that is kept, by key.
    pub fn tracks(&self) -> impl Iterator<Item = (&Key, &Track)> {
        self.tracks.iter()
    }

    /// The newest run of the key's step under another key, and what differs.
    pub fn latest_of_step(&self, key: &Key) -> Option<(&str, Difference)> {
        let others = self.tracks.iter().filter_map(|(other, track)| {
            let difference = key.difference(other)?;
            Some((track.points.last()?, difference))
        });
        let (point, difference) = others.max_by_key(|(point, _)| point.time)?;
        Some((&point.run, difference))
    }

    /// Lets a run enter, at its place in time. Doing it again changes nothing.
    pub fn append(&mut self, key: &Key, point: Point) -> Appended {
        let mut next = self.clone();
        let uid = point.uid.clone();
        let track = next.tracks.entry(key.clone()).or_default();
        if track.has(&uid) {
            return Appended::Known;
        }
        track.add(point);
        if !track.has(&uid) {
            return Appended::TooOld;
        }
        next.trim(key);
        if next.size() > MOST_BYTES {
            return Appended::NoRoom;
        }
        *self = next;
        Appended::Added
    }

    /// Copies the numbers of a run, so that others can be held against them for as long as it takes. Whether anything
    /// has changed.
    ///
    /// # Errors
    /// When there is no such run, or there are too many pinned already.
    pub fn pin(&mut self, key: &Key, run: &str) -> Result<bool, PinError> {
        let pinned = self.tracks.values().filter(|track| track.pinned.is_some());
        let is_full = pinned.count() >= MOST_KEYS;
        let track = self.tracks.get_mut(key).ok_or(PinError::NoSuchRun)?;
        if track.pinned.as_ref().is_some_and(|point| point.run == run) {
            return Ok(false);
        }
        let point = track.points.iter().rev().find(|point| point.run == run);
        let point = point.ok_or(PinError::NoSuchRun)?.clone();
        if is_full && track.pinned.is_none() {
            return Err(PinError::TooMany);
        }
        track.pinned = Some(point);
        Ok(true)
    }

    /// Forgets the pinned run of a key. Whether there was one.
    pub fn unpin(&mut self, key: &Key) -> bool {
        let Some(track) = self.tracks.get_mut(key) else {
            return false;
        };
        let had = track.pinned.take().is_some();
        if track.is_empty() {
            self.tracks.remove(key);
        }
        had
    }

    /// Bytes of all keys and values.
    fn size(&self) -> usize {
        self.data()
            .iter()
            .map(|(key, text)| key.len() + text.len())
            .sum()
    }

    /// Takes runs away until all has its bounds, but none of this key.
    fn trim(&mut self, used: &Key) {
        while self.in_use().count() > MOST_KEYS || self.size() > MOST_BYTES {
            let others = self.in_use().filter(|(key, _)| *key != used);
            let oldest =
                others.min_by_key(|(_, track)| track.points.last().map(|point| point.time));
            let Some(key) = oldest.map(|(key, _)| key.clone()) else {
                return;
            };
            let Some(track) = self.tracks.get_mut(&key) else {
                return;
            };
            track.points.clear();
            if track.is_empty() {
                self.tracks.remove(&key);
            }
        }
    }

    fn in_use(&self) -> impl Iterator<Item = (&Key, &Track)> {
        self.tracks
            .iter()
            .filter(|(_, track)| !track.points.is_empty())
    }
}

impl Track {
    /// The runs, the oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// What there was when the run with this UID was the newest; `None` when it is not among them.
    pub fn until(&self, uid: &str) -> Option<Self> {
        let at = self.points.iter().position(|point| point.uid == uid)?;
        Some(Self {
            pinned: self.pinned.clone(),
            points: self.points.iter().take(at + 1).cloned().collect(),
        })
    }

    /// The run that was pinned.
    pub fn pinned(&self) -> Option<&Point> {
        self.pinned.as_ref()
    }

    /// The defaults to judge a metric of these runs with. Percentiles of two digits among others make all count as such.
    pub fn options(&self, metric: Metric) -> Options {
        let has_two_digits = self.points.iter().any(|point| point.numbers.two_digits);
        Options::of(metric, has_two_digits)
    }

    /// What these runs say of a metric. Runs that have no such number are passed over.
    pub fn judge(&self, metric: Metric, compare_with: CompareWith, options: &Options) -> Judgement {
        let point = |point| of_metric(point, metric);
        let points: Vec<_> = self.points.iter().filter_map(point).collect();
        let against = match compare_with {
            CompareWith::Rolling => Against::Rolling,
            CompareWith::Previous => Against::Previous,
            CompareWith::Pinned => Against::Pinned(self.pinned.as_ref().and_then(point)),
        };
        regression::judge(&points, against, options)
    }

    fn has(&self, uid: &str) -> bool {
        self.points.iter().any(|point| point.uid == uid)
    }

    fn is_empty(&self) -> bool {
        self.pinned.is_none() && self.points.is_empty()
    }

    fn add(&mut self, point: Point) {
        let at = self
            .points
            .partition_point(|earlier| earlier.time <= point.time);
        let is_before_all = at == 0 && self.points.len() >= KEPT_POINTS;
        if is_before_all {
            return;
        }
        self.points.insert(at, point);
        if self.points.len() > MOST_POINTS {
            self.points.drain(..self.points.len() - KEPT_POINTS);
        }
    }
}

fn of_metric(point: &Point, metric: Metric) -> Option<regression::Point<'_>> {
    let value = point.numbers.get(metric)?;
    let run = &point.run;
    Some(regression::Point { run, value })
}

#[cfg(test)]
mod tests;
