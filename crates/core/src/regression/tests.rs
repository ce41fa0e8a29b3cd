use locust_api::v2::Metric;
use proptest::prelude::*;

use super::*;

mod cases;

/// A run each, `r0` the first.
pub(super) struct Runs {
    names: Vec<String>,
    values: Vec<f64>,
}

impl Runs {
    pub(super) fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let names = (0..values.len()).map(|index| format!("r{index}"));
        Self {
            names: names.collect(),
            values,
        }
    }

    pub(super) fn points(&self) -> Vec<Point<'_>> {
        let both = self.names.iter().zip(&self.values);
        both.map(|(run, value)| Point { run, value: *value })
            .collect()
    }
}

pub(super) fn exact() -> Options {
    Options {
        rounding: Rounding::Exact,
        ..Options::of(Metric::P95, false)
    }
}

pub(super) fn rolling(values: &[f64], options: &Options) -> Judgement {
    let runs = Runs::new(values.iter().copied());
    judge(&runs.points(), Against::Rolling, options)
}

/// As many runs about a level: 2 % noise without chance.
pub(super) fn about(level: f64, runs: usize) -> Vec<f64> {
    const PARTS: [f64; 7] = [0.01, -0.02, 0.0, 0.03, -0.01, 0.02, -0.03];
    let parts = PARTS.iter().cycle().take(runs);
    parts.map(|part| level * (1.0 + part)).collect()
}

#[test]
fn previous_and_pinned_are_one_run_against_one_other() {
    let runs = Runs::new([200.0, 100.0, 110.0]);
    let points = runs.points();
    let pinned = Point {
        run: "golden",
        value: 120.0,
    };
    let options = exact();
    let rate = Options {
        rounding: Rounding::Exact,
        ..Options::of(Metric::Rps, false)
    };
    let floor = Options {
        floor: 11.0,
        ..options
    };
    for (against, options, state, other, change) in [
        (Against::Previous, options, State::Worse, "r1", 10.0),
        (Against::Previous, rate, State::Better, "r1", 10.0),
        (Against::Previous, floor, State::Stable, "r1", 10.0),
        (
            Against::Pinned(Some(pinned)),
            options,
            State::Better,
            "golden",
            -8.333,
        ),
        (
            Against::Pinned(Some(pinned)),
            rate,
            State::Worse,
            "golden",
            -8.333,
        ),
    ] {
        let judgement = judge(&points, against, &options);
        assert_eq!(judgement.state, state, "{against:?}");
        assert!(!judgement.state.is_confirmed());
        assert_eq!(judgement.other.as_deref(), Some(other));
        assert_eq!(judgement.run.as_deref(), Some("r2"));
        assert!((judgement.change.unwrap() - change).abs() < 0.001);
        let words = judgement.words("p95", &|value| format!("{value}ms"));
        assert!(words.contains("not confirmed by statistics"), "{words}");
        assert!(words.contains(&format!("{other:?}")), "{words}");
    }
    let nothing = State::NotJudged(NotJudged::NothingToCompare);
    for (points, against) in [
        (&points[..1], Against::Previous),
        (&points[..0], Against::Pinned(Some(pinned))),
        (&points, Against::Pinned(None)),
        (
            &points,
            Against::Pinned(Some(Point {
                run: "zero",
                value: 0.0,
            })),
        ),
    ] {
        assert_eq!(
            judge(points, against, &options).state,
            nothing,
            "{against:?}"
        );
    }
}

#[test]
fn error_ratios_are_compared_by_their_difference_and_only_one_to_one() {
    let options = Options::of(Metric::ErrorRatio, false);
    for (values, state) in [
        ([0.0, 0.0], State::Stable),
        ([0.0, 0.009], State::Stable),
        ([0.0, 0.01], State::Worse),
        ([0.03, 0.0], State::Better),
    ] {
        let runs = Runs::new(values);
        let judgement = judge(&runs.points(), Against::Previous, &options);
        assert_eq!(
            (judgement.state, judgement.change),
            (state, None),
            "{values:?}"
        );
        let judgement = judge(&runs.points(), Against::Rolling, &options);
        assert_eq!(judgement.state, State::NotJudged(NotJudged::NotRolling));
        assert_eq!(replay(&runs.points(), &options), []);
    }
}

#[test]
fn words_say_what_was_found() {
    let shown =
        |values: &[f64]| rolling(values, &exact()).words("p95", &|value| format!("{value:.0}ms"));
    let steady = about(200.0, 35);
    assert_eq!(
        shown(&steady[..3]),
        "p95: too few runs to confirm anything, 4 more needed"
    );
    assert_eq!(
        shown(&steady),
        "p95 is stable: 200ms before, 194ms now (-3.0 %); its runs differ by 2.1 %, so the smallest step it shows \
         within 3 runs is 9 %, within 5 8 %"
    );
    let slower = [steady, about(240.0, 3)].concat();
    assert_eq!(
        shown(&slower),
        "p95 regressed by +20.1 % since run \"r35\": 200ms before, 240ms now; confirmed by statistics"
    );
}

fn any_rounding() -> impl Strategy<Value = Rounding> {
    prop_oneof![
        Just(Rounding::Exact),
        any::<f64>().prop_map(Rounding::Step),
        (0_u8..5, any::<f64>()).prop_map(|(digits, least)| Rounding::Digits { digits, least }),
    ]
}

fn any_options() -> impl Strategy<Value = Options> {
    let metric = prop::sample::select(Metric::ALL.to_vec());
    (
        metric,
        any_rounding(),
        any::<f64>(),
        any::<f64>(),
        0_usize..40,
    )
        .prop_map(|(metric, rounding, min_effect, floor, min_runs)| Options {
            rounding,
            min_effect,
            floor,
            min_runs,
            ..Options::of(metric, false)
        })
}

/// Levels with their lengths, and a noise for each run.
fn any_series() -> impl Strategy<Value = Vec<f64>> {
    let levels = prop::collection::vec((50.0..500.0, 1_usize..30), 1..4);
    let noise = prop::collection::vec(-0.05..0.05, 90);
    (levels, noise).prop_map(|(levels, noise)| {
        let levels = levels
            .into_iter()
            .flat_map(|(level, runs)| vec![level; runs]);
        let both = levels.zip(noise);
        both.map(|(level, noise): (f64, f64)| level * (1.0 + noise))
            .collect()
    })
}

proptest! {
    #[test]
    fn never_panics(values in prop::collection::vec(any::<f64>(), 0..40), options in any_options(), pinned: f64) {
        let runs = Runs::new(values);
        let points = runs.points();
        let pinned = Some(Point { run: "pinned", value: pinned });
        for against in [Against::Rolling, Against::Previous, Against::Pinned(pinned)] {
            let judgement = judge(&points, against, &options);
            prop_assert_eq!(judgement.runs + judgement.refused.len(), points.len());
            judgement.words("p95", &|value| value.to_string());
        }
    }

    #[test]
    fn a_state_does_not_depend_on_later_runs(values in any_series(), end in 0_usize..90) {
        let runs = Runs::new(values);
        let points = runs.points();
        let all = replay(&points, &exact());
        let end = end.min(points.len());
        prop_assert_eq!(&replay(&points[..end], &exact())[..], &all[..end]);
        if let Some((_, state)) = end.checked_sub(1).and_then(|last| all.get(last)) {
            let judgement = judge(&points[..end], Against::Rolling, &exact());
            prop_assert_eq!(judgement.state, *state);
        }
    }

    #[test]
    fn the_unit_does_not_matter(values in any_series(), factor in 0.001..1000.0) {
        let scaled = Runs::new(values.iter().map(|value| value * factor));
        let runs = Runs::new(values);
        prop_assert_eq!(replay(&scaled.points(), &exact()), replay(&runs.points(), &exact()));
        let shift = |runs: &Runs| judge(&runs.points(), Against::Rolling, &exact()).shift;
        prop_assert_eq!(shift(&scaled), shift(&runs));
    }
}
