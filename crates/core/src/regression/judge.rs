//! The judgement over a series.

use super::{
    Against, CompareWith, Judgement, NotJudged, Point, Refused, Sensitivity, Shift, State,
    fold::{Fold, NEWEST_AT_LEAST},
    options::{Options, Scale, Worse, reaches},
};

/// What the series, the oldest run first, says of its newest run.
pub fn judge(points: &[Point<'_>], against: Against<'_>, options: &Options) -> Judgement {
    let (judged, refused) = sift(points, options);
    let judgement = match against {
        Against::Rolling => rolling(&judged, options),
        Against::Previous => {
            let previous = judged.len().checked_sub(2).and_then(|at| judged.get(at));
            let previous = previous.map(|(_, point)| *point);
            one(&judged, previous, CompareWith::Previous, options)
        }
        Against::Pinned(pinned) => {
            let pinned = pinned.filter(|pinned| is_fit(pinned.value, options));
            one(&judged, pinned, CompareWith::Pinned, options)
        }
    };
    Judgement {
        refused,
        ..judgement
    }
}

/// The state after each run that can be judged, with the place of that run. The last is that of [`judge`] against the
/// runs before, and none depends on later runs.
pub fn replay(points: &[Point<'_>], options: &Options) -> Vec<(usize, State)> {
    if options.scale == Scale::Absolute {
        return Vec::new();
    }
    let (judged, _) = sift(points, options);
    let mut fold = Fold::new(options);
    let each = judged.iter();
    each.map(|(index, point)| (*index, fold.push(options.level(point.value))))
        .collect()
}

/// The runs that can be judged with their places, and those that cannot.
fn sift<'a>(points: &[Point<'a>], options: &Options) -> (Vec<(usize, Point<'a>)>, Vec<Refused>) {
    let (mut judged, mut refused) = (Vec::with_capacity(points.len()), Vec::new());
    for (index, point) in points.iter().enumerate() {
        if is_fit(point.value, options) {
            judged.push((index, *point));
        } else {
            let Point { run, value } = *point;
            let run = run.to_owned();
            refused.push(Refused { index, run, value });
        }
    }
    (judged, refused)
}

fn is_fit(value: f64, options: &Options) -> bool {
    let is_in_range = match options.scale {
        Scale::Relative => value > 0.0,
        Scale::Absolute => value >= 0.0,
    };
    is_in_range && value.is_finite()
}

fn rolling(judged: &[(usize, Point<'_>)], options: &Options) -> Judgement {
    if options.scale == Scale::Absolute {
        return nothing(judged, CompareWith::Rolling, NotJudged::NotRolling);
    }
    let mut fold = Fold::new(options);
    for (_, point) in judged {
        fold.push(options.level(point.value));
    }
    let levels = fold.levels();
    let change = levels.baseline.zip(levels.newest);
    let shift = levels.shift.and_then(|shift| judged.get(shift));
    let needed = options.least_runs() + NEWEST_AT_LEAST;
    Judgement {
        state: fold.state(),
        missing: needed.saturating_sub(judged.len()),
        baseline: levels.baseline.map(|level| options.value(level)),
        newest: levels.newest.map(|level| options.value(level)),
        change: change.map(|(from, to)| 100.0 * options.change(from, to)),
        shift: shift.map(|(index, point)| Shift {
            index: *index,
            run: point.run.to_owned(),
        }),
        sensitivity: levels
            .recent
            .map(|baseline| Sensitivity::of(&baseline, options)),
        ..empty(judged, CompareWith::Rolling)
    }
}

/// One run against one other.
fn one(
    judged: &[(usize, Point<'_>)],
    other: Option<Point<'_>>,
    compare_with: CompareWith,
    options: &Options,
) -> Judgement {
    let newest = judged.last().map(|(_, point)| *point);
    let Some((newest, other)) = newest.zip(other) else {
        return nothing(judged, compare_with, NotJudged::NothingToCompare);
    };
    let difference = newest.value - other.value;
    let change = match options.scale {
        Scale::Relative => Some(difference / other.value),
        Scale::Absolute => None,
    };
    let matters = difference != 0.0
        && reaches(difference.abs(), options.floor)
        && change.is_none_or(|change| reaches(change.abs(), options.min_effect));
    let is_worse = match options.worse {
        Worse::Larger => difference > 0.0,
        Worse::Smaller => difference < 0.0,
    };
    let state = match (matters, is_worse) {
        (false, _) => State::Stable,
        (true, true) => State::Worse,
        (true, false) => State::Better,
    };
    Judgement {
        state,
        other: Some(other.run.to_owned()),
        baseline: Some(other.value),
        newest: Some(newest.value),
        change: change.map(|change| 100.0 * change),
        ..empty(judged, compare_with)
    }
}

fn nothing(judged: &[(usize, Point<'_>)], compare_with: CompareWith, why: NotJudged) -> Judgement {
    Judgement {
        state: State::NotJudged(why),
        ..empty(judged, compare_with)
    }
}

fn empty(judged: &[(usize, Point<'_>)], compare_with: CompareWith) -> Judgement {
    Judgement {
        state: State::Collecting,
        compare_with,
        run: judged.last().map(|(_, point)| point.run.to_owned()),
        other: None,
        runs: judged.len(),
        missing: 0,
        baseline: None,
        newest: None,
        change: None,
        shift: None,
        sensitivity: None,
        refused: Vec::new(),
    }
}
