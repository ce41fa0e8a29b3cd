//! What else changed where the numbers did.

use crate::series::{Difference, Key, Point, Series, Track};

/// Digits of an image's digest that are shown.
const DIGEST: usize = 12;

/// Why a run that is the first of its key has nothing before it, if its step has other keys.
pub(super) fn of_key(series: &Series, key: &Key) -> Option<String> {
    if series.track(key).is_some() {
        return None;
    }
    let (run, difference) = series.latest_of_step(key)?;
    let what = match difference {
        Difference::Files => "the test files are not those",
        Difference::Spec => "the spec is not that",
        Difference::Both => "spec and test files are not those",
    };
    Some(format!("{what} of run {run:?}: a new series begins"))
}

/// Which images changed at these runs, and at the newest.
pub(super) fn of_image<'a>(track: &'a Track, runs: impl Iterator<Item = &'a str>) -> Vec<String> {
    let points = track.points();
    let newest = points.last().map(|point| point.run.as_str());
    let mut runs: Vec<&str> = runs.chain(newest).collect();
    runs.sort_unstable();
    runs.dedup();
    let pairs = points.windows(2).filter_map(|pair| match pair {
        [before, after] => Some((before, after)),
        _ => None,
    });
    pairs
        .filter(|(_, after)| runs.contains(&after.run.as_str()))
        .filter_map(|(before, after)| image(before, after))
        .collect()
}

fn image(before: &Point, after: &Point) -> Option<String> {
    let (old, new) = (before.image.as_deref()?, after.image.as_deref()?);
    (old != new).then(|| {
        format!(
            "the image changed with run {:?}, from {} to {}",
            after.run,
            short(old),
            short(new)
        )
    })
}

/// An image with the beginning of its digest.
fn short(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) => {
            let digest: String = digest.chars().take(DIGEST).collect();
            format!("{name}@sha256:{digest}")
        }
        None => image.to_owned(),
    }
}
