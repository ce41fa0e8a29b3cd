//! A small test harness: cases share what is dear to set up, run at the same
//! time, and what they shared ends with them.

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

/// The whole of a test target whose cases run one after the other: what they share is set up unless only their names
/// are asked for.
pub fn one_by_one<W: Sync>(cases: &[Case<W>], set_up: impl FnOnce() -> Result<W>) -> ExitCode {
    let cases = selected(cases);
    if only_list() {
        cases.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    let begin = Instant::now();
    match set_up() {
        Ok(world) => conclude(cases.len(), &run(&cases, &world, 1), begin.elapsed()),
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// How many failed cases get a second try: more are no accident.
const SECOND_TRIES: usize = 5;

/// Runs the cases, `at_once` at a time; returns the names of those that failed.
///
/// What waits for real processes fails now and then on a machine that stands still for seconds: Locust, for one, takes a
/// worker for lost that is silent for three. So the few cases that failed beside others are tried once more, alone, and
/// both tries are shown.
pub fn run<W: Sync>(cases: &[Case<W>], world: &W, at_once: usize) -> Vec<&'static str> {
    run_and_tidy(cases, world, at_once, |_| ())
}

/// The same, and tidies up after each case that went well, on its thread.
pub fn run_and_tidy<W: Sync>(
    cases: &[Case<W>],
    world: &W,
    at_once: usize,
    tidy: impl Fn(&W) + Sync,
) -> Vec<&'static str> {
    let try_once = |case: &Case<W>| {
        let (name, good) = try_once(case, world);
        if good {
            tidy(world);
        }
        (name, good)
    };
    let failed = failed(each(cases, at_once, try_once));
    if failed.is_empty() || failed.len() > SECOND_TRIES || failed.len() == cases.len() {
        return failed;
    }
    println!("again, alone: {}", failed.join(", "));
    let again = cases.iter().filter(|(name, _)| failed.contains(name));
    self::failed(again.map(try_once).collect())
}

fn failed(results: Vec<(&'static str, bool)>) -> Vec<&'static str> {
    let failed = results.into_iter().filter(|(_, good)| !good);
    failed.map(|(name, _)| name).collect()
}

fn try_once<W>((name, case): &Case<W>, world: &W) -> (&'static str, bool) {
    let begin = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| case(world)));
    (*name, report(name, begin.elapsed(), result))
}

/// Does this with each item, `at_once` at a time; the results are in the items' order.
pub fn each<I: Sync, T: Send>(
    items: &[I],
    at_once: usize,
    work: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let queue = Mutex::new(items.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_once.min(items.len()) {
            scope.spawn(|| {
                loop {
                    let next = lock(&queue).next();
                    let Some((number, item)) = next else { break };
                    let result = work(item);
                    lock(&done).push((number, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::{AtomicUsize, Ordering};

    type World = (AtomicUsize, AtomicUsize);

    fn fine(_: &World) -> Result<()> {
        Ok(())
    }

    fn fails_once((once, _): &World) -> Result<()> {
        match once.fetch_add(1, Ordering::Relaxed) {
            0 => bail!("the first time"),
            _ => Ok(()),
        }
    }

    fn fails((_, always): &World) -> Result<()> {
        always.fetch_add(1, Ordering::Relaxed);
        bail!("every time")
    }

    #[test]
    fn a_few_get_a_second_try_and_no_more() {
        let world = World::default();
        let cases: [Case<World>; 3] = [("fine", fine), ("once", fails_once), ("always", fails)];
        assert_eq!(run(&cases, &world, 2), ["always"]);
        assert_eq!(world.1.load(Ordering::Relaxed), 2);
        let many: [Case<World>; 7] = ["a", "b", "c", "d", "e", "f", "g"].map(|name| {
            (
                name,
                if name == "g" { fine } else { fails } as fn(&World) -> Result<()>,
            )
        });
        assert_eq!(run(&many, &world, 2), ["a", "b", "c", "d", "e", "f"]);
        assert_eq!(world.1.load(Ordering::Relaxed), 8);
    }
}
