//! What the rule for regressions promises, on a few seeds: the example `regression` prints it in full.

#[path = "../examples/regression/simulation.rs"]
mod simulation;

use simulation::{Model, Random, alarms, alarms_when_cut, detection};

#[test]
fn steps_beyond_the_noise_are_found_within_three_nights_and_located() {
    for (noise, step, three, five) in [(0.02, 0.1, 0.9, 0.95), (0.05, 0.2, 0.85, 0.95)] {
        let mut random = Random::new(1, 1);
        let found = detection(&mut random, &Model::of_noise(noise), step, 200);
        assert!(
            found.within[2] >= three && found.within[4] >= five,
            "{noise}: {found:?}"
        );
        assert!(found.located >= 0.9, "{noise}: {found:?}");
    }
}

#[test]
fn a_step_within_the_noise_is_not_pretended_to_be_found() {
    let mut random = Random::new(2, 1);
    let found = detection(&mut random, &Model::of_noise(0.08), 0.1, 100);
    assert!(found.within[2] < 0.2, "{found:?}");
}

#[test]
fn a_service_that_does_not_change_raises_hardly_any_alarm() {
    for (noise, correlation, outliers, most) in [
        (0.03, 0.0, 0.0, 0.5),
        (0.05, 0.0, 0.03, 1.0),
        (0.1, 0.3, 0.03, 1.5),
    ] {
        let model = Model {
            correlation,
            outliers,
            ..Model::of_noise(noise)
        };
        let mut random = Random::new(3, 1);
        let seen = alarms(&mut random, &model, 150);
        assert!(
            seen.confirmed <= most && seen.drifts <= 0.5,
            "{model:?}: {seen:?}"
        );
        // Runs that are suspected page nobody, and are still to be rare.
        assert!(seen.suspected <= 12.0, "{model:?}: {seen:?}");
        let cut = alarms_when_cut(&mut random, &model, 10);
        assert!(cut.confirmed <= most + 0.5, "{model:?}: {cut:?}");
    }
}
