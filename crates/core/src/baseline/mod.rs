//! Holds a run that has ended against the series of those before it.
//!
//! The series is stored before the verdict is: who compares again after a crash finds the run in it already, and says
//! the same, since only runs up to this one count.

mod changes;
mod words;

use std::collections::BTreeMap;

use locust_api::{
    names, reasons,
    v2::{
        Baseline, Comparison, ComparisonNote, ComparisonState, LocustTest, LocustTestStatus,
        Metric, OnRegression, Verdict,
    },
};

use crate::{
    claim::hex,
    problems::Problem,
    regression::{CompareWith, Judgement},
    series::{Appended, End, Key, Point, Series, Track},
};

/// Longest message that is stored, in characters.
const MESSAGE_LIMIT: usize = 1000;
/// The step of a test that is none of a suite.
const NO_SUITE: &str = "test";

/// A run that is over, and what it is to be held against.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Its test; if it has a template, with the spec that this gave.
    pub test: &'a LocustTest,
    /// Its status, with the verdict that its own numbers give.
    pub status: &'a LocustTestStatus,
    /// What it is held against.
    pub baseline: &'a Baseline,
    /// Name of the series; `None` when it names none and no schedule made it.
    pub series: Option<&'a str>,
}

/// The ConfigMap of the series, as it was found.
#[derive(Clone, Copy, Debug)]
pub enum Stored<'a> {
    /// There is none.
    Missing,
    /// It has this data.
    Found(&'a BTreeMap<String, String>),
    /// There is one of this name, and it is no series.
    Foreign,
    /// It cannot be used, for the reason that the words give.
    Refused(&'a str),
}

/// Checks that there is a series for the test's numbers.
///
/// # Errors
/// When the test stands on its own and names none.
pub fn check(test: &LocustTest) -> Result<(), Problem> {
    let has_series = match &test.spec.baseline {
        None => true,
        Some(baseline) => baseline.series.is_some(),
    };
    let mut owners = test.metadata.owner_references.iter().flatten();
    if has_series || owners.any(|owner| owner.controller == Some(true)) {
        return Ok(());
    }
    Err(Problem::new(
        "spec.baseline.series",
        "it is missing, and no schedule made the test, whose series it could be; name a series, such as \"checkout\"",
    ))
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// For the status.
    pub comparison: Comparison,
    /// The data of the ConfigMap, if that is to change.
    pub data: Option<BTreeMap<String, String>>,
}

/// The name of the ConfigMap that keeps a series.
pub fn config_map_name(series: &str) -> String {
    format!("{series}-series")
}

/// Whether the status is one that just came to its end and whose test asks for a comparison.
pub fn is_due(test: &LocustTest, status: &LocustTestStatus) -> bool {
    let is_over = status.phase.is_some_and(locust_api::v2::Phase::is_terminal);
    test.spec.baseline.is_some() && is_over && status.comparison.is_none()
}

/// Whether the run is to fail by what the series says of it.
pub fn fails(baseline: &Baseline, verdict: Option<Verdict>, comparison: &Comparison) -> bool {
    baseline.on_regression == Some(OnRegression::Fail)
        && verdict == Some(Verdict::Passed)
        && comparison.state.is_regression() == Some(true)
}

/// Lets the run enter its series, and says what that shows.
pub fn compare(ended: &Ended<'_>, stored: Stored<'_>) -> Compared {
    let Some(name) = ended.series else {
        return nothing(
            None,
            None,
            "there is no series to compare with: name one in spec.baseline.series".to_owned(),
        );
    };
    let key = key(ended);
    let none = |words: String| nothing(Some(name), Some(&key), words);
    let map = config_map_name(name);
    let data = match stored {
        Stored::Missing => BTreeMap::new(),
        Stored::Found(data) => data.clone(),
        Stored::Foreign => {
            return none(format!(
                "ConfigMap {map:?} has no label {}={name}, so it is no series and is left alone; give spec.baseline.series another name",
                names::LABEL_SERIES
            ));
        }
        Stored::Refused(words) => {
            return none(format!("ConfigMap {map:?} cannot be used: {words}"));
        }
    };
    let (mut series, unreadable) = Series::parse(&data);
    let point = match point(ended) {
        Ok(point) => point,
        Err(words) => return none(format!("the run is no measure for others: {words}")),
    };
    let uid = point.uid.clone();
    let mut asides = Vec::new();
    if !unreadable.is_empty() {
        asides.push(words::unreadable(&map, &unreadable));
    }
    asides.extend(changes::of_key(&series, &key));
    match series.append(&key, point) {
        Appended::Added | Appended::Known => {}
        Appended::TooOld => {
            return none("the run is older than all that its series keeps".to_owned());
        }
        Appended::NoRoom => {
            return none(format!(
                "ConfigMap {map:?} has no room left; remove what does not belong there"
            ));
        }
    }
    if let Some(run) = &ended.baseline.pinned_run
        && let Err(error) = series.pin(&key, run)
    {
        asides.push(error.words(run));
    }
    let comparison = match series.track(&key).and_then(|track| track.until(&uid)) {
        Some(track) => judged(ended, name, &key, &track, asides),
        None => none(asides.join("; ")).comparison,
    };
    let new = series.data();
    Compared {
        comparison,
        data: (new != data).then_some(new),
    }
}

fn nothing(series: Option<&str>, key: Option<&Key>, message: String) -> Compared {
    Compared {
        comparison: Comparison {
            series: series.map(str::to_owned),
            key: key.map(Key::to_string),
            state: ComparisonState::NotJudged,
            message: cut(&message),
            metrics: Vec::new(),
        },
        data: None,
    }
}

/// What all metrics say together.
fn judged(
    ended: &Ended<'_>,
    series: &str,
    key: &Key,
    track: &Track,
    asides: Vec<String>,
) -> Comparison {
    let baseline = ended.baseline;
    let metrics = baseline.effective_metrics();
    let judgements: Vec<(Metric, Judgement)> = metrics
        .iter()
        .map(|metric| (*metric, judge(baseline, track, *metric)))
        .collect();
    let mut sentences: Vec<(ComparisonState, String)> = judgements
        .iter()
        .map(|(metric, judgement)| {
            let words = judgement.words(metric.as_str(), &words::shown(*metric));
            (judgement.state.into(), words)
        })
        .collect();
    // What people must not miss comes first.
    sentences.sort_by_key(|(state, _)| std::cmp::Reverse(weight(*state)));
    let state = sentences
        .first()
        .map_or(ComparisonState::NotJudged, |(state, _)| *state);
    let shifts = judgements
        .iter()
        .filter_map(|(_, judgement)| judgement.shift.as_ref());
    let images = changes::of_image(track, shifts.map(|shift| shift.run.as_str()));
    let sentences = sentences.into_iter().map(|(_, words)| words);
    let message: Vec<String> = sentences.chain(images).chain(asides).collect();
    Comparison {
        series: Some(series.to_owned()),
        key: Some(key.to_string()),
        state,
        message: cut(&message.join("; ")),
        metrics: judgements.iter().map(words::metric).collect(),
    }
}

fn judge(baseline: &Baseline, track: &Track, metric: Metric) -> Judgement {
    let mut options = track.options(metric);
    if let Some(runs) = baseline
        .min_runs
        .and_then(|runs| usize::try_from(runs).ok())
    {
        options.min_runs = runs;
    }
    if let Some(percent) = baseline.min_change_percent {
        let part = f64::from(percent) / 100.0;
        match metric {
            Metric::ErrorRatio => options.floor = part,
            _ => options.min_effect = part,
        }
    }
    let with: CompareWith = baseline.compare_with.unwrap_or_default();
    track.judge(metric, with, &options)
}

/// What the series said of a test, in short.
pub fn note(test: &LocustTest) -> Option<ComparisonNote> {
    let comparison = test.status.as_ref()?.comparison.as_ref()?;
    Some(ComparisonNote {
        run: test.metadata.name.clone().unwrap_or_default(),
        state: comparison.state,
        message: comparison.message.clone(),
    })
}

/// The note in a line.
pub fn in_a_line(note: &ComparisonNote) -> String {
    let ComparisonNote {
        run,
        state: _,
        message,
    } = note;
    format!("{run}: {message}")
}

/// Status and reason of the condition `Regression`.
pub const fn condition(state: ComparisonState) -> (&'static str, &'static str) {
    match state.is_regression() {
        Some(true) => ("True", reasons::REGRESSION),
        Some(false) => ("False", reasons::NO_REGRESSION),
        None => ("Unknown", reasons::NOT_COMPARED),
    }
}

/// The one that says most, to speak for all; of several that say as much, the first.
pub fn heaviest<'a>(notes: impl Iterator<Item = &'a ComparisonNote>) -> Option<&'a ComparisonNote> {
    notes.reduce(|most, note| {
        if weight(note.state) > weight(most.state) {
            note
        } else {
            most
        }
    })
}

/// How much a state says: the heaviest speaks for the run.
const fn weight(state: ComparisonState) -> u8 {
    match state {
        ComparisonState::Regressed => 10,
        ComparisonState::Drift => 9,
        ComparisonState::Worse => 8,
        ComparisonState::ImprovedButStillRegressed => 7,
        ComparisonState::Suspected => 6,
        ComparisonState::Recovered => 5,
        ComparisonState::Improved => 4,
        ComparisonState::Better => 3,
        ComparisonState::Stable => 2,
        ComparisonState::Collecting => 1,
        ComparisonState::NotJudged => 0,
    }
}

fn key(ended: &Ended<'_>) -> Key {
    let labels = ended.test.metadata.labels.as_ref();
    let step = labels.and_then(|labels| labels.get(names::LABEL_STEP));
    let spec = ended.status.run.as_ref().map(|run| run.spec_hash.as_str());
    let pin = ended.status.pin.as_ref();
    let files: String = pin
        .into_iter()
        .flat_map(|pin| &pin.files)
        .map(|(name, hash)| format!("{name} {hash}\n"))
        .collect();
    let files = if files.is_empty() {
        files
    } else {
        hex(files.as_bytes())
    };
    Key::new(
        step.map_or(NO_SUITE, String::as_str),
        spec.unwrap_or_default(),
        &files,
    )
}

fn point(ended: &Ended<'_>) -> Result<Point, &'static str> {
    let status = ended.status;
    let verdict = status.verdict.ok_or("it has no verdict")?;
    let start = status.start_time.as_ref().ok_or("its load never started")?;
    let workers = status.workers.as_ref();
    let end = End {
        verdict,
        reason: status.reason.as_deref().unwrap_or_default(),
        is_scaled: workers.is_some_and(|workers| workers.scaled == Some(true)),
    };
    let pin = status.pin.as_ref();
    let image = pin.and_then(|pin| pin.image_id.as_deref().or(pin.image.as_deref()));
    let metadata = &ended.test.metadata;
    let [name, uid] =
        [&metadata.name, &metadata.uid].map(|text| text.as_deref().unwrap_or_default());
    let summary = status.summary.as_ref();
    Point::new(name, uid, start.0, image, summary, end).map_err(|reason| reason.words())
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_LIMIT).collect()
}

#[cfg(test)]
mod tests;
