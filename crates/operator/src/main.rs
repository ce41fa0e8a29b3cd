//! `locust-operator`: see `--help`.

use std::process::ExitCode;

use clap::Parser;
use locust_operator::{
    app,
    settings::{Args, Command},
};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.command {
        Some(Command::ReleaseDefinition { webhook_hosts }) => {
            app::release_definition(webhook_hosts)
        }
        None => match args.check() {
            Ok(settings) => app::run(settings),
            Err(wrong) => {
                eprintln!("{wrong}");
                return ExitCode::from(2);
            }
        },
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("locust-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}
