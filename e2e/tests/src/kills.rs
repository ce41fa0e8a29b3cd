//! Where operators are killed: at every write of a run, before and after it, and at random.
//!
//! A run for each kill costs minutes of processor time. So tests take a part of the kills, and all with `KILLS=all` in the
//! environment, as `make soak` does.

use anyhow::{Context, Result, ensure};

use crate::audit::Request;
use crate::harness;
use crate::proxy::{KillPoint, Launch, Life, Succession, When, Writes};
use crate::remains;

/// Before and after each write of a run whose operator lived, which are counted as `of` says; events apart, as they
/// come whenever they come. How many there are is what the audit log says, and the proxy must have counted as many.
pub fn points(of: Writes, audited: &remains::Writes, calm: &[Life]) -> Result<Vec<KillPoint>> {
    let remains::Writes { objects, events } = audited;
    let passed = calm.iter().flat_map(|life| &life.calls);
    let passed = passed.filter(|seen| Writes::Objects.counts(&seen.call));
    let passed = passed.count();
    ensure!(
        passed == objects.len(),
        "the audit log shows {} writes, the proxy {passed}",
        objects.len()
    );
    let objects = objects.iter().enumerate().map(|(index, write)| {
        let verdict = of == Writes::ObjectsToVerdict && is_verdict(write);
        (
            if verdict {
                (Writes::Verdict, 1)
            } else {
                (of, index + 1)
            },
            write,
        )
    });
    let events = events.iter().enumerate();
    let events = events.map(|(index, write)| ((Writes::Events, index + 1), write));
    let mut points = Vec::new();
    for ((of, number), write) in objects.chain(events) {
        println!("        {of} {number}: {}", write.line());
        points.extend([When::Before, When::After].map(|when| KillPoint { of, number, when }));
    }
    Ok(points)
}

/// Whether no kill is left out.
pub fn all() -> bool {
    std::env::var("KILLS").is_ok_and(|which| which == "all")
}

/// Those of [`points`] that are tried: of every second write the point before or the one after, in turn.
pub fn tried(points: Vec<KillPoint>) -> Vec<KillPoint> {
    if all() {
        return points;
    }
    let in_turn = |(index, point)| (index % 8 == 0 || index % 8 == 5).then_some(point);
    points.into_iter().enumerate().filter_map(in_turn).collect()
}

fn is_verdict(write: &Request) -> bool {
    write.event["requestObject"]["status"]["verdict"].is_string()
}

/// Pairs of points that are both reached: the second operator has at least those writes left that the first has not
/// done. Without `KILLS=all` they are a third as many.
pub fn pairs(of: Writes, writes: usize, count: usize, seed: u64) -> Vec<Vec<KillPoint>> {
    let count = if all() { count } else { count.div_ceil(3) };
    println!("        {count} pairs of kills from seed {seed}");
    let mut generator = fastrand::Rng::with_seed(seed);
    let mut pair = || {
        let first = generator.usize(1..writes);
        let second = generator.usize(1..=writes - first);
        let mut point = |number| KillPoint {
            of,
            number,
            when: if generator.bool() {
                When::Before
            } else {
                When::After
            },
        };
        vec![point(first), point(second)]
    };
    (0..count).map(|_| pair()).collect()
}

/// Plays with operators that are killed at these points, one after the other.
pub fn play(
    launch: Launch,
    points: &[KillPoint],
    play: impl FnOnce() -> Result<()>,
) -> Result<Vec<Life>> {
    let operators = Succession::start(launch, points.to_vec());
    let played = play();
    // Why the operators did not do their part explains the rest.
    let lives = operators.end()?;
    played?;
    Ok(lives)
}

/// A run in each place with operators that are killed at these points; all must come out well. Prints where each was
/// killed and how many came out well.
pub fn run_all<P: Sync>(
    places: &[P],
    kills: &[Vec<KillPoint>],
    at_once: usize,
    run: impl Fn(&P, &[KillPoint]) -> Result<Vec<Life>> + Sync,
) -> Result<()> {
    let runs: Vec<_> = places.iter().zip(kills).collect();
    ensure!(runs.len() == kills.len(), "a place for each");
    let results = harness::each(&runs, at_once, |(place, points)| {
        let lives = run(place, points).with_context(|| format!("killed {}", words(points)))?;
        Ok(killed(&lives))
    });
    conclude(results)
}

fn words(points: &[KillPoint]) -> String {
    let points: Vec<String> = points.iter().map(KillPoint::to_string).collect();
    points.join(", then ")
}

fn killed(lives: &[Life]) -> String {
    let killed = lives.iter().filter_map(|life| life.killed.as_ref());
    let lines: Vec<String> = killed
        .map(|(point, call)| format!("{point}: {call}"))
        .collect();
    lines.join(", then ")
}

fn conclude(results: Vec<Result<String>>) -> Result<()> {
    let all = results.len();
    let mut wrong = Vec::new();
    for result in results {
        match result {
            Ok(line) => println!("        killed {line}"),
            Err(error) => wrong.push(format!("{error:#}")),
        }
    }
    let well = all - wrong.len();
    println!("        {well}/{all} ended as if nobody had been killed");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_and_after_have_their_turn() {
        let points = [1, 2, 3].map(|number| {
            [When::Before, When::After].map(|when| KillPoint {
                of: Writes::Objects,
                number,
                when,
            })
        });
        let tried: Vec<String> = tried(points.concat())
            .iter()
            .map(KillPoint::to_string)
            .collect();
        let all: Vec<String> = points.concat().iter().map(KillPoint::to_string).collect();
        assert_eq!(tried, [0, 5].map(|index: usize| all[index].clone()));
    }

    #[test]
    fn pairs_are_within_what_there_is_and_the_same_each_time() {
        let first = pairs(Writes::Objects, 10, 50, 7);
        assert_eq!(first, pairs(Writes::Objects, 10, 50, 7));
        for pair in first {
            let sum: usize = pair.iter().map(|point| point.number).sum();
            assert!(pair.len() == 2 && sum <= 10, "{pair:?}");
        }
    }
}
