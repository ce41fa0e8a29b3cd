//! A small test harness: cases share what is dear to set up, run at the same
//! time, and what they shared ends with them.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;

/// A case: its name, and what it does with what all share.
pub type Case<W> = (&'static str, fn(&W) -> Result<()>);

/// The cases whose names contain one of the words on the command line; all
/// when there is none. Words that begin with a dash are for other harnesses.
pub fn selected<W>(cases: &[Case<W>]) -> Vec<Case<W>> {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    cases
        .iter()
        .filter(|(name, _)| chosen(name))
        .copied()
        .collect()
}

/// Whether only the names of the cases are asked for.
pub fn only_list() -> bool {
    std::env::args().any(|word| word == "--list")
}

/// Runs the cases, `at_once` at a time; returns the names of those that failed.
pub fn run<W: Sync>(cases: &[Case<W>], world: &W, at_once: usize) -> Vec<&'static str> {
    let queue: Mutex<VecDeque<Case<W>>> = Mutex::new(cases.iter().copied().collect());
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).pop_front();
                    let Some((name, case)) = next else { break };
                    let begin = Instant::now();
                    let result = catch_unwind(AssertUnwindSafe(|| case(world)));
                    let took = begin.elapsed();
                    if !report(name, took, result) {
                        lock(&failed).push(name);
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The last line, as cargo's own harness writes it, and the exit code.
pub fn conclude(cases: usize, failed: &[&str], took: Duration) -> ExitCode {
    let (word, code) = if failed.is_empty() {
        ("ok", ExitCode::SUCCESS)
    } else {
        println!("\nfailures: {}", failed.join(", "));
        ("FAILED", ExitCode::FAILURE)
    };
    println!(
        "\ntest result: {word}. {} passed; {} failed; finished in {:.1}s",
        cases - failed.len(),
        failed.len(),
        took.as_secs_f64()
    );
    code
}

fn report(name: &str, took: Duration, result: std::thread::Result<Result<()>>) -> bool {
    let took = took.as_secs_f64();
    match result {
        Ok(Ok(())) => {
            println!("ok      {name} ({took:.1}s)");
            true
        }
        Ok(Err(error)) => {
            println!("FAILED  {name} ({took:.1}s): {error:#}");
            false
        }
        // The panic has printed its own message.
        Err(_) => {
            println!("FAILED  {name} ({took:.1}s): it panicked, see above");
            false
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
