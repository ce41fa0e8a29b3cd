//! Prints what the rule for regressions finds in series that are made for it, and how often it is wrong:
//!
//! `cargo run --release -p locust-core --example regression -- --seed 7 --series 1000`

mod simulation;

use locust_core::regression::Rounding;
use simulation::{Model, Random, alarms, alarms_when_cut, detection};

const NOISES: [f64; 9] = [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.15];
const STEPS: [f64; 7] = [0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u64| {
        let at = arguments.iter().position(|it| it == name);
        let value = at.and_then(|at| arguments.get(at + 1));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    };
    let seed = number("--seed", 1);
    let series = usize::try_from(number("--series", 1000)).unwrap_or(1000);
    println!(
        "Seed {seed}, {series} series a cell, values rounded to two digits unless said otherwise."
    );

    println!("\nConfirmed within 1/2/3/5 nights (located within one run), independent runs:");
    steps(seed, series, Model::of_noise);
    println!("\nThe same without rounding:");
    steps(seed, series, |noise| Model {
        rounding: Rounding::Exact,
        ..Model::of_noise(noise)
    });
    println!("\nThe same, rounded, correlation 0.3 and 3 % outliers:");
    steps(seed, series, |noise| Model {
        correlation: 0.3,
        outliers: 0.03,
        ..Model::of_noise(noise)
    });

    println!("\nSmallest step in % confirmed with a probability of 0.9 within 3 (5) nights:");
    for (index, noise) in NOISES.iter().enumerate() {
        let model = Model::of_noise(*noise);
        let smallest = |nights: usize| {
            let is_found = |step: &u32| {
                let mut random = Random::new(seed, 7000 + index as u64);
                let found = detection(&mut random, &model, f64::from(*step) / 100.0, series);
                found.within[nights - 1] >= 0.9
            };
            // Coarsely first: most of the time goes into what is not found.
            let coarse = (5..=90).step_by(6).find(is_found)?;
            (coarse.saturating_sub(5).max(5)..=coarse).find(is_found)
        };
        println!(
            "  noise {:>2.0} %: {} ({})",
            100.0 * noise,
            shown(smallest(3)),
            shown(smallest(5))
        );
    }

    println!(
        "\nIn 200 nights without a change: confirmed/suspected/drift; then confirmed in a track that was cut:"
    );
    let kinds: [(&str, f64, f64, f64); 6] = [
        ("independent", 0.0, 0.0, 0.0),
        ("3 % outliers", 0.0, 0.03, 0.0),
        ("weekend 3 % faster", 0.0, 0.0, 0.03),
        ("correlation 0.3", 0.3, 0.0, 0.0),
        ("correlation 0.3, outliers", 0.3, 0.03, 0.0),
        ("correlation 0.5", 0.5, 0.0, 0.0),
    ];
    for (kind, (name, correlation, outliers, weekend)) in kinds.into_iter().enumerate() {
        print!("  {name:<26}");
        for (index, noise) in NOISES.iter().enumerate() {
            let model = Model {
                correlation,
                outliers,
                weekend,
                ..Model::of_noise(*noise)
            };
            let mut random = Random::new(seed, (100 * kind + index) as u64);
            let seen = alarms(&mut random, &model, series);
            let cut = alarms_when_cut(&mut random, &model, series.div_ceil(10));
            let percent = 100.0 * noise;
            print!(
                " {percent:.0}%: {:.2}/{:.1}/{:.2} {:.2}",
                seen.confirmed, seen.suspected, seen.drifts, cut.confirmed
            );
        }
        println!();
    }
}

fn steps(seed: u64, series: usize, model: impl Fn(f64) -> Model) {
    print!("  noise ");
    for step in STEPS {
        print!("  {:>22}", format!("step {:.0} %", 100.0 * step));
    }
    println!();
    for (row, noise) in NOISES.iter().enumerate() {
        print!("  {:>4.0} %", 100.0 * noise);
        for (column, step) in STEPS.iter().enumerate() {
            let mut random = Random::new(seed, (5000 + 10 * row + column) as u64);
            let found = detection(&mut random, &model(*noise), *step, series);
            let [one, two, three, _, five] = found.within;
            print!(
                "  {one:.2}/{two:.2}/{three:.2}/{five:.2} ({:.2})",
                found.located
            );
        }
        println!();
    }
}

fn shown(step: Option<u32>) -> String {
    step.map_or_else(|| ">90".to_owned(), |step| step.to_string())
}
