//! When cron lines are due, held against what a look at a wall clock minute by minute found (`oracle/oracle.py`).

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader},
};

use jiff::{Timestamp, ToSpan};
use locust_core::schedule::timetable::{Due, Timetable};
use serde::Deserialize;

/// Cases about one timetable, or about what is accepted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default)]
    crons: Vec<String>,
    #[serde(default)]
    zone: String,
    /// An instant, and the seconds until the next.
    #[serde(default)]
    next: Vec<(i64, i64)>,
    /// A cursor; the seconds until now; until the latest; how many were before it.
    #[serde(default)]
    due: Vec<(i64, i64, Option<i64>, u64)>,
    #[serde(default)]
    accepted: Vec<(String, String)>,
}

/// How many cases there were, and those that went another way.
#[derive(Default)]
struct Tally {
    cases: u64,
    mismatches: Vec<String>,
}

impl Tally {
    fn hold<T: PartialEq + std::fmt::Debug>(
        &mut self,
        found: &T,
        expected: &T,
        what: impl Fn() -> String,
    ) {
        self.cases += 1;
        if found != expected {
            self.mismatches
                .push(format!("{}: {found:?}, and not {expected:?}", what()));
        }
    }

    fn group(&mut self, group: &Group) -> Result<(), Box<dyn Error>> {
        let Group {
            crons,
            zone,
            next,
            due,
            accepted,
        } = group;
        for (line, verdict) in accepted {
            let parsed = Timetable::parse(&[line], "Etc/UTC");
            self.hold(&parsed.is_ok(), &(verdict == "ok"), || {
                format!("{line:?} accepted")
            });
        }
        if crons.is_empty() {
            return Ok(());
        }
        let timetable = Timetable::parse(crons, zone)?;
        let named = |what| format!("{crons:?} in {zone} {what}");
        for (at, until_next) in next {
            let at = Timestamp::from_second(*at)?;
            let expected = at.checked_add(until_next.seconds())?;
            self.hold(&timetable.next_after(at), &Some(expected), || {
                named(format!("after {at}"))
            });
        }
        for (cursor, until_now, until_latest, missed) in due {
            let cursor = Timestamp::from_second(*cursor)?;
            let now = cursor.checked_add(until_now.seconds())?;
            let latest = until_latest.map(|it| cursor.checked_add(it.seconds()));
            let expected = Due {
                latest: latest.transpose()?,
                missed: *missed,
            };
            self.hold(&timetable.due(cursor, now), &expected, || {
                named(format!("from {cursor} to {now}"))
            });
        }
        Ok(())
    }
}

/// Holds all of a file; says how many cases it had.
fn hold(lines: impl BufRead) -> Result<u64, Box<dyn Error>> {
    let mut tally = Tally::default();
    for line in lines.lines() {
        tally.group(&serde_json::from_str(&line?)?)?;
    }
    let Tally { cases, mismatches } = tally;
    println!("{cases} cases, {} mismatches", mismatches.len());
    if mismatches.is_empty() {
        return Ok(cases);
    }
    let first: Vec<_> = mismatches.into_iter().take(20).collect();
    Err(first.join("\n").into())
}

#[test]
fn a_sample_is_due_when_the_oracle_says() {
    let sample = include_bytes!("oracle/sample.jsonl");
    let cases = hold(&sample[..]).unwrap();
    assert!(cases >= 10_000, "{cases} cases");
}

/// For `e2e/soak/cron.sh`, which makes the cases.
#[test]
#[ignore = "needs the cases that ORACLE_CASES names"]
fn all_cases_are_due_when_the_oracle_says() {
    let path = std::env::var("ORACLE_CASES").unwrap();
    let cases = hold(BufReader::new(File::open(path).unwrap())).unwrap();
    assert!(cases > 0);
}
