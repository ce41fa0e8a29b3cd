//! One series each for what happens to services.

use super::{super::*, Runs, about, exact, rolling};
use locust_api::v2::Metric;

/// The state after each run.
fn states(values: &[f64], options: &Options) -> Vec<State> {
    let runs = Runs::new(values.iter().copied());
    let all = replay(&runs.points(), options);
    all.into_iter().map(|(_, state)| state).collect()
}

/// The state after each run, from the first that can be judged, without repetitions.
fn story(values: &[f64], options: &Options) -> Vec<State> {
    let mut story = states(values, options);
    story.dedup();
    story
}

fn two_digits() -> Options {
    Options::of(Metric::P95, true)
}

use State::{
    Collecting, Drift, Improved, ImprovedButStillRegressed, Recovered, Regressed, Stable, Suspected,
};

#[test]
fn a_constant_series_is_stable() {
    let states = states(&[200.0; 60], &exact());
    assert_eq!(states[..6], [Collecting; 6]);
    assert_eq!(states[6..], [Stable; 54]);
}

#[test]
fn what_rounding_makes_equal_is_stable() {
    let rounded = |level: f64| -> Vec<f64> {
        let round = |value: f64| two_digits().rounding.round(value);
        about(level, 40).into_iter().map(round).collect()
    };
    assert_eq!(rounded(7.2), [7.0; 40]);
    for level in [7.2, 33.0, 104.0, 250.0, 9990.0] {
        assert_eq!(
            story(&rounded(level), &two_digits()),
            [Collecting, Stable],
            "{level}"
        );
    }
}

#[test]
fn one_outlier_is_suspected_and_no_more() {
    let values = [about(200.0, 30), vec![400.0], about(200.0, 20)].concat();
    let states = states(&values, &exact());
    assert_eq!(states[30], Suspected);
    assert_eq!(states[31..], [Stable; 20]);
}

#[test]
fn two_outliers_in_a_row_are_no_regression() {
    let values = [about(200.0, 30), vec![400.0, 900.0], about(200.0, 20)].concat();
    assert_eq!(
        story(&values, &exact()),
        [Collecting, Stable, Suspected, Stable]
    );
}

#[test]
fn a_step_up_is_confirmed_on_the_third_night_and_over_on_the_third_after() {
    let values = [about(200.0, 30), about(240.0, 14), about(200.0, 14)].concat();
    let states = states(&values, &exact());
    assert_eq!(states[30..33], [Suspected, Suspected, Regressed]);
    assert_eq!(states[33..46], [Regressed; 13]);
    assert_eq!(states[46..50], [Recovered; 4]);
    assert_eq!(states[50..], [Stable; 8]);

    let regressed = rolling(&values[..40], &exact());
    assert_eq!(
        regressed.shift,
        Some(Shift {
            index: 30,
            run: "r30".to_owned()
        })
    );
    let (before, now) = (regressed.baseline.unwrap(), regressed.newest.unwrap());
    assert!(
        (before - 200.0).abs() < 2.0 && (now - 240.0).abs() < 5.0,
        "{before} {now}"
    );
    assert!((regressed.change.unwrap() - 20.0).abs() < 3.0);

    let recovered = rolling(&values[..47], &exact());
    assert_eq!(recovered.shift.unwrap().index, 44);
    assert!(recovered.change.unwrap() < -14.0);
}

#[test]
fn a_partial_repair_is_no_recovery() {
    let values = [
        about(200.0, 30),
        about(300.0, 15),
        about(270.0, 10),
        about(205.0, 12),
    ]
    .concat();
    let story = story(&values, &exact());
    assert_eq!(
        story,
        [
            Collecting,
            Stable,
            Suspected,
            Regressed,
            ImprovedButStillRegressed,
            Recovered,
            Stable
        ]
    );
    let still = rolling(&values[..55], &exact());
    assert_eq!(still.state, ImprovedButStillRegressed);
    assert!((still.change.unwrap() - 35.0).abs() < 3.0, "{still:?}");
}

#[test]
fn a_regression_on_top_of_another_counts_from_the_first_level() {
    let values = [about(200.0, 30), about(240.0, 12), about(300.0, 8)].concat();
    let judgement = rolling(&values, &exact());
    assert_eq!(judgement.state, Regressed);
    assert_eq!(judgement.shift.unwrap().index, 42);
    assert!((judgement.change.unwrap() - 50.0).abs() < 3.0);
}

#[test]
fn a_slow_drift_is_found_in_the_end() {
    let nightly = |run: usize, value: f64| value * 1.0025_f64.powf(run as f64);
    let drifting = about(200.0, 60).into_iter().enumerate();
    let values: Vec<f64> = drifting.map(|(run, value)| nightly(run, value)).collect();
    assert_eq!(story(&values, &exact()), [Collecting, Stable, Drift]);
    let judgement = rolling(&values, &exact());
    assert!(judgement.change.unwrap() > 8.0, "{judgement:?}");
}

#[test]
fn an_improvement_is_no_regression_and_the_new_level() {
    let values = [about(200.0, 30), about(160.0, 20), about(200.0, 5)].concat();
    assert_eq!(
        story(&values, &exact()),
        [Collecting, Stable, Improved, Stable, Suspected, Regressed]
    );
    assert_eq!(rolling(&values[..34], &exact()).shift.unwrap().run, "r30");
}

#[test]
fn five_runs_are_too_few() {
    let judgement = rolling(&[200.0, 201.0, 199.0, 500.0, 900.0], &exact());
    assert_eq!((judgement.state, judgement.missing), (Collecting, 2));
    let careful = Options {
        min_runs: 12,
        ..exact()
    };
    let states = states(&about(200.0, 20), &careful);
    assert_eq!(states[13..15], [Collecting, Stable]);
}

#[test]
fn a_rate_is_worse_when_it_falls() {
    let options = Options::of(Metric::Rps, false);
    let falls = [about(800.0, 30), about(640.0, 4)].concat();
    let judgement = rolling(&falls, &options);
    assert_eq!(judgement.state, Regressed);
    assert!((judgement.change.unwrap() + 20.0).abs() < 2.0);
    let rises = [about(800.0, 30), about(960.0, 4)].concat();
    assert_eq!(rolling(&rises, &options).state, Improved);
}

#[test]
fn what_has_no_logarithm_is_left_out_and_named() {
    let odd = [0.0, -3.0, f64::NAN, f64::INFINITY];
    let values = [about(200.0, 30), odd.to_vec(), about(240.0, 3)].concat();
    let judgement = rolling(&values, &exact());
    assert_eq!(judgement.state, Regressed);
    assert_eq!(
        judgement.shift,
        Some(Shift {
            index: 34,
            run: "r34".to_owned()
        })
    );
    let refused: Vec<_> = judgement.refused.iter().map(|it| it.run.as_str()).collect();
    assert_eq!(refused, ["r30", "r31", "r32", "r33"]);
    assert_eq!(rolling(&odd, &exact()).state, Collecting);
}

#[test]
fn a_change_below_what_matters_is_none() {
    let values = [vec![200.0; 30], vec![209.0; 20]].concat();
    assert_eq!(story(&values, &exact()), [Collecting, Stable]);
    let floor = Options {
        floor: 50.0,
        ..exact()
    };
    let values = [vec![200.0; 30], vec![240.0; 20]].concat();
    assert_eq!(story(&values, &floor), [Collecting, Stable]);
}

#[test]
fn the_smallest_step_follows_the_noise() {
    let sensitivity = |values: &[f64], options: &Options| {
        rolling(values, options).sensitivity.map(|it| {
            let round = |step: f64| step.round();
            (
                it.runs,
                round(it.noise),
                it.in_three.map(round),
                it.in_five.map(round),
            )
        })
    };
    let spread = |factor: f64| -> Vec<f64> {
        let each = about(1.0, 42).into_iter();
        each.map(|value| 200.0 * (factor * value.ln()).exp())
            .collect()
    };
    assert_eq!(
        sensitivity(&spread(1.0), &exact()),
        Some((30, 2.0, Some(9.0), Some(8.0)))
    );
    assert_eq!(
        sensitivity(&spread(2.4), &exact()),
        Some((30, 5.0, Some(20.0), Some(16.0)))
    );
    assert_eq!(
        sensitivity(&spread(9.0), &exact()),
        Some((30, 19.0, None, None))
    );
    let rate = Options {
        worse: Worse::Smaller,
        ..exact()
    };
    assert_eq!(
        sensitivity(&spread(2.4), &rate),
        Some((30, 5.0, Some(17.0), Some(14.0)))
    );
    assert_eq!(
        sensitivity(&[5.0; 30], &two_digits()),
        Some((30, 0.0, Some(20.0), Some(20.0)))
    );
    let young = sensitivity(&spread(1.0)[..8], &exact()).unwrap();
    assert!(young.2.unwrap() > 12.0, "{young:?}");
    assert_eq!(sensitivity(&[200.0; 3], &exact()), None);
}
