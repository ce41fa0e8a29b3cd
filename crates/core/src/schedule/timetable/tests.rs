use std::time::Duration;

use jiff::ToSpan;
use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};

use super::*;

mod changes;

fn timetable(lines: &[&str], zone: &str) -> Timetable {
    Timetable::parse(lines, zone).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// What comes up in `from..until`, as the clock shows it.
fn between(line: &str, zone: &str, from: &str, until: &str) -> Vec<String> {
    let timetable = timetable(&[line], zone);
    let just_before = at(from).checked_sub(1.second()).unwrap();
    let all = timetable.upcoming(just_before);
    all.take_while(|next| *next < at(until))
        .map(|next| {
            timetable
                .on_clock(next)
                .strftime("%m-%d %H:%M%:z")
                .to_string()
        })
        .collect()
}

#[test]
fn either_day_will_do_and_lines_that_meet_are_one() {
    let line = between(
        "0 0 13 * 5",
        "Etc/UTC",
        "2026-03-01T00:00Z",
        "2026-03-21T00:00Z",
    );
    assert_eq!(
        line,
        [
            "03-06 00:00+00:00",
            "03-13 00:00+00:00",
            "03-20 00:00+00:00"
        ]
    );
    let two = timetable(&["0 * * * *", "30 6,7 * * *", "0 6 * * *"], "Etc/UTC");
    assert_eq!(
        two.next_three(at("2026-03-30T05:30Z")),
        [
            "Mon 2026-03-30 06:00 +00:00",
            "Mon 2026-03-30 06:30 +00:00",
            "Mon 2026-03-30 07:00 +00:00"
        ]
    );
    assert_eq!(
        two.due(at("2026-03-30T05:00Z"), at("2026-03-30T07:00Z")),
        Due {
            latest: Some(at("2026-03-30T07:00Z")),
            missed: 2
        }
    );
    // What was leapt over in one meets what comes up in the other.
    let leapt = timetable(&["30 2 * * *", "0 3 * * *", "0 * * * *"], "Europe/Berlin");
    assert_eq!(
        leapt.due(at("2025-03-30T00:30Z"), at("2025-03-30T01:59:59Z")),
        Due {
            latest: Some(at("2025-03-30T01:00Z")),
            missed: 0
        }
    );
}

#[test]
fn without_lines_nothing_is_due() {
    let none = Timetable::parse(&[] as &[&str], "Etc/UTC").unwrap();
    assert_eq!(none.next_after(at("2026-01-01T00:00Z")), None);
    assert_eq!(none.due(Timestamp::MIN, Timestamp::MAX), Due::default());
    assert_eq!(none.words(), "on demand only");
}

#[test]
fn the_cursor_is_left_out_and_now_is_not() {
    let hourly = timetable(&["0 * * * *"], "Etc/UTC");
    for (cursor, now, latest, missed) in [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:59:59.999Z", None, 0),
        (
            "2025-12-31T23:59:59.999Z",
            "2026-01-01T00:00:00Z",
            Some("2026-01-01T00:00Z"),
            0,
        ),
        (
            "2026-01-01T00:00:00Z",
            "2026-01-01T01:00:00Z",
            Some("2026-01-01T01:00Z"),
            0,
        ),
        (
            "2026-01-01T00:00:00.001Z",
            "2026-01-01T03:00:00.001Z",
            Some("2026-01-01T03:00Z"),
            2,
        ),
        // The clock was put back.
        ("2026-01-01T03:00:00Z", "2026-01-01T01:00:00Z", None, 0),
        (
            "1969-12-31T22:59:59.5Z",
            "1969-12-31T23:59:59.5Z",
            Some("1969-12-31T23:00Z"),
            0,
        ),
    ] {
        let due = Due {
            latest: latest.map(at),
            missed,
        };
        assert_eq!(hourly.due(at(cursor), at(now)), due, "{cursor} to {now}");
    }
}

#[test]
fn all_that_makes_no_sense_is_said_at_once() {
    let problems = Timetable::parse(&["* * * *", "@daily", "0 0 L * *"], "Local").unwrap_err();
    let fields: Vec<_> = problems.iter().map(|it| it.field.as_str()).collect();
    assert_eq!(
        fields,
        ["spec.schedules[0]", "spec.schedules[2]", "spec.timeZone"]
    );
    let many = Timetable::parse(&["@daily"; 17], "Etc/UTC").unwrap_err();
    assert_eq!(
        many.to_string(),
        "spec.schedules: 17 lines are too many; 16 are allowed"
    );
}

#[test]
fn the_calendar_ends() {
    let leap_days = timetable(&["0 0 29 2 *"], "Etc/UTC");
    let next = |from: &str| leap_days.next_after(at(from)).map(|next| next.to_string());
    // robfig gives up after five years.
    assert_eq!(
        next("2097-01-01T00:00Z").as_deref(),
        Some("2104-02-29T00:00:00Z")
    );
    assert_eq!(next("9997-01-01T00:00Z"), None);
    assert_eq!(leap_days.next_after(Timestamp::MAX), None);
    assert!(leap_days.next_after(Timestamp::MIN).is_some());
    for zone in ["Europe/Berlin", "America/New_York", "Pacific/Apia"] {
        let minutely = timetable(&["* * * * *"], zone);
        assert_eq!(minutely.due(Timestamp::MIN, Timestamp::MIN), Due::default());
        assert!(
            minutely
                .due(Timestamp::MIN, Timestamp::MAX)
                .latest
                .is_some()
        );
    }
}

/// However rare the lines and however long the time, the work is small. Far more is allowed than is needed, as nothing
/// is optimized here; and only the processor's time counts, as other work goes on beside.
#[test]
fn however_much_was_missed_the_work_is_small() {
    let quick = |what: &str, work: &dyn Fn()| {
        let begun = clock_gettime(ClockId::ThreadCPUTime);
        work();
        let took = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime) - begun).unwrap();
        assert!(took < Duration::from_millis(500), "{what}: {took:?}");
    };
    let minutely = timetable(&["* * * * *"], "America/New_York");
    quick("years of minutes", &|| {
        let due = minutely.due(at("2006-03-01T00:00:30Z"), at("2026-03-01T00:00:30Z"));
        assert_eq!(
            due,
            Due {
                latest: Some(at("2026-03-01T00:00Z")),
                missed: 7305 * 1440 - 1
            }
        );
    });
    let rare: Vec<_> = (0..16).map(|minute| format!("{minute} 0 29 2 *")).collect();
    let rare = Timetable::parse(&rare, "Africa/Casablanca").unwrap();
    quick("leap days", &|| {
        let due = rare.due(at("1990-03-01T00:00Z"), at("2028-02-28T00:00Z"));
        assert_eq!(
            (due.latest, due.missed),
            (Some(at("2024-02-28T23:15Z")), 9 * 16 - 1)
        );
        assert!(rare.next_after(at("2096-03-01T00:00Z")).is_some());
    });
    quick("lines that never come up", &|| {
        let long = format!("0 0 {}31 2,4,6,9,11 *", "31,".repeat(70));
        for line in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", &long] {
            assert!(Timetable::parse(&[line; 16], "Etc/UTC").is_err());
        }
    });
}

prop_compose! {
    fn any_timetable()(
        lines in prop::collection::vec(
            "([0-9]|[0-5][0-9]|\\*|\\*/7|0,30) ([0-3]|2[0-3]|\\*|\\*/2|1-3) (\\*|[1-9]|\\*/2|1-9) (\\*|[1-9]) (\\*|[0-6])",
            1..4,
        ),
        zone in prop::sample::select(vec![
            "Etc/UTC", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Asia/Gaza",
            "America/Scoresbysund", "Antarctica/Troll", "Pacific/Apia",
        ]),
    ) -> Timetable {
        Timetable::parse(&lines, zone).unwrap()
    }
}

proptest! {
    /// What is due is what came up one by one.
    #[test]
    fn due_is_the_last_of_all_that_came_up(
        timetable in any_timetable(),
        from in 1_300_000_000i64..2_100_000_000,
        length in 0i64..40_000_000,
    ) {
        let cursor = Timestamp::from_second(from).unwrap();
        let all: Vec<_> = timetable.upcoming(cursor).take(300).collect();
        let now = Timestamp::from_second(from + length).unwrap();
        // No further than what was listed.
        let now = now.min(all.last().copied().unwrap_or(now));
        let passed = all.iter().filter(|next| **next <= now).count();
        let due = timetable.due(cursor, now);
        prop_assert_eq!(due.latest, passed.checked_sub(1).map(|index| all[index]));
        prop_assert_eq!(due.missed, passed.saturating_sub(1) as u64);
    }

    #[test]
    fn instants_only_go_up(timetable in any_timetable(), from in -2_000_000_000i64..9_000_000_000) {
        let mut last = Timestamp::from_second(from).unwrap();
        for next in timetable.upcoming(last).take(50) {
            prop_assert!(next > last);
            last = next;
        }
    }
}
