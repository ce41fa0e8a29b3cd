//! A series as the data of a ConfigMap: a key each, in which each line is the JSON of a point.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::{Key, Point, Series, Track};

/// Bytes of a line that is read; a point takes less than a quarter of that.
const LINE: usize = 8 << 10;

/// Something in a series that is not to be understood, and therefore counts for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The key in the ConfigMap's data.
    pub key: String,
    /// Which of its lines, from 1; `None` when it is the key itself.
    pub line: Option<usize>,
    /// What was found.
    pub words: String,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, line, words } = self;
        match line {
            Some(line) => write!(f, "key {key:?}, line {line}: {words}"),
            None => write!(f, "key {key:?}: {words}"),
        }
    }
}

/// The line of a pinned run.
#[derive(Serialize, Deserialize)]
struct Pinned {
    pinned: Point,
}

impl Series {
    /// The series in a ConfigMap's data, and what of it cannot be read.
    ///
    /// Whole keys that are none of a series are kept as they are; lines that cannot be read are not, so their words are
    /// to be shown before the series is written again.
    pub fn parse(data: &BTreeMap<String, String>) -> (Self, Vec<Unreadable>) {
        let mut series = Self::default();
        let mut unreadable = Vec::new();
        for (name, text) in data {
            let Some(key) = Key::parse(name) else {
                series.foreign.insert(name.clone(), text.clone());
                unreadable.push(Unreadable {
                    key: name.clone(),
                    line: None,
                    words:
                        "it is no key of a series: <step>.<hash of the spec>.<hash of the files>"
                            .to_owned(),
                });
                continue;
            };
            let mut track = Track::default();
            for (index, line) in text.lines().enumerate() {
                if let Err(words) = track.read(line) {
                    unreadable.push(Unreadable {
                        key: name.clone(),
                        line: Some(index + 1),
                        words,
                    });
                }
            }
            track.points.sort_by_key(|point| point.time);
            if !track.is_empty() {
                series.tracks.insert(key, track);
            }
        }
        (series, unreadable)
    }

    /// The series as a ConfigMap's data.
    pub fn data(&self) -> BTreeMap<String, String> {
        let ours = self
            .tracks
            .iter()
            .map(|(key, track)| (key.to_string(), track.text()));
        self.foreign.clone().into_iter().chain(ours).collect()
    }
}

impl Track {
    fn read(&mut self, line: &str) -> Result<(), String> {
        let line = line.trim();
        if line.is_empty() {
            return Ok(());
        }
        if line.len() > LINE {
            return Err(format!(
                "it has {} bytes, and at most {LINE} are read",
                line.len()
            ));
        }
        if line.starts_with("{\"pinned\"") {
            let Pinned { pinned } = serde_json::from_str(line).map_err(words)?;
            if self.pinned.is_some() {
                return Err("there is a pinned run already".to_owned());
            }
            self.pinned = Some(pinned);
            return Ok(());
        }
        let point: Point = serde_json::from_str(line).map_err(words)?;
        if self.has(&point.uid) {
            return Err(format!("the run {:?} is there already", point.run));
        }
        self.points.push(point);
        Ok(())
    }

    /// The lines, the pinned run first.
    pub(super) fn text(&self) -> String {
        let pinned = self.pinned.as_ref().map(|point| {
            let pinned = point.clone();
            line(&Pinned { pinned })
        });
        pinned
            .into_iter()
            .chain(self.points.iter().map(line))
            .collect()
    }
}

fn line(value: &impl Serialize) -> String {
    // Names, numbers and a time always have JSON.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}

fn words(error: serde_json::Error) -> String {
    format!("it is not the JSON of a run: {error}")
}
