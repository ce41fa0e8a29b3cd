//! `make bench`: measures the operator beside a baseline, and prints one table.

mod admission;
mod bare;
mod burst;
mod client;
mod cluster;
mod crowd;
mod first_test;
mod http;
mod lifecycle;
mod machine;
mod memory;
mod page;
mod parts;
mod proc;
mod rendered;
mod requests;
mod rest;
mod running;
mod schedules;
mod start;
mod suites;
mod table;
mod workers;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use e2e_node::report;
use e2e_tests::operator;
use tokio::runtime::{Builder, Runtime};

use bare::Bare;
use parts::Part;
use table::Table;

/// Measures the operator beside a baseline.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these parts; the page of results is left alone then.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A baseline, in a process of its own.
    #[command(subcommand, hide = true)]
    Bare(Bare),
}

fn main() -> ExitCode {
    let Arguments { only, command } = Arguments::parse();
    let result = match command {
        Some(Command::Bare(bare)) => bare.run(),
        None => measure(&only),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(only: &[Part]) -> Result<()> {
    // Said at once, not after minutes.
    operator::binary()?;
    let parts = if only.is_empty() { Part::all() } else { only };
    let mut table = Table::default();
    for part in parts {
        let name = part.name();
        // What went wrong is told at the end; the others are measured all the same.
        table.add(
            &name,
            report::step(&format!("measured: {name}"), || Ok(part.run()))?,
        );
    }
    println!("\n{}\n{}", table.markdown(), table.notes());
    table.check()?;
    if only.is_empty() {
        page::write(&table)?;
    }
    Ok(())
}

/// A runtime as the operator has it, with the same cryptography.
fn runtime() -> Result<Runtime> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Builder::new_current_thread().enable_all().build()?)
}
