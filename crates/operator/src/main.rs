//! `locust-operator`: see `--help`.

use std::process::ExitCode;

use clap::Parser;
use locust_operator::{app, settings::Args};

fn main() -> ExitCode {
    let settings = match Args::parse().check() {
        Ok(settings) => settings,
        Err(wrong) => {
            eprintln!("{wrong}");
            return ExitCode::from(2);
        }
    };
    match app::run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("locust-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}
