//! When a schedule is due: cron lines on the clock of a time zone.
//!
//! A line means what it means in a Kubernetes CronJob, whose reader is `ParseStandard` of robfig/cron v3. There are
//! five fields or a nickname (`@yearly`, `@annually`, `@monthly`, `@weekly`, `@daily`, `@midnight`, `@hourly`); Sunday
//! is 0 and not 7; `5/15` is `5-59/15`; `?` is `*`; if both the day of month and the day of week are restricted, either
//! will do, and `*/2` restricts. The intended differences:
//!
//! * **A time of day comes once a day**, also when the clock is changed. If it was leapt over, it is due at the first
//!   instant after the leap; if it is shown twice, the first counts. A CronJob runs not at all, and twice. A line says
//!   times of day unless its minute or hour has `*`, `?` or a step, or names every value. Such lines are followed in
//!   real time, as a CronJob's are: `*/15 * * * *` is due every 15 minutes whatever the clock does.
//! * Where midnight is leapt over, as in Cairo, Beirut and Santiago, robfig's walk leaves out a day or a month, or takes
//!   one day for the next; where a clock is changed by half an hour (Lord Howe) it leaves out a week; where it is put
//!   back by two hours (Troll), what is shown again.
//! * robfig looks no further than the end of the fifth year. This looks forty years ahead.
//! * `@every` (it drifts), `TZ=` and `CRON_TZ=` (there is a field for it; CronJob refuses them too), `*-5` (robfig
//!   takes it for `*`) and lines that can never come up are refused.
//!
//! Two lines that come up at the same instant are one occurrence.

mod calendar;
mod line;
mod walk;
mod words;
mod zone;

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::problems::{Problem, Problems};
use line::Line;
use walk::Walk;

/// The most cron lines of a timetable.
const MOST_LINES: usize = 16;

/// How far is looked for an occurrence, in seconds: 40 years. 29 February comes every eight at the least.
const HORIZON: i64 = 40 * 366 * 24 * 3600;

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    lines: Vec<Line>,
    zone: TimeZone,
}

/// What came up in a time that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The latest occurrence.
    pub latest: Option<Timestamp>,
    /// How many came up before it. Those of more than 40 years ago are not counted.
    pub missed: u64,
}

impl Timetable {
    /// Reads `spec.schedules` and `spec.timeZone`. Without a line nothing is ever due: it is run on demand.
    ///
    /// # Errors
    /// When something makes no sense: all that does not.
    pub fn parse(lines: &[impl AsRef<str>], zone: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        if lines.len() > MOST_LINES {
            problems.add(Problem::new(
                "spec.schedules",
                format!(
                    "{} lines are too many; {MOST_LINES} are allowed",
                    lines.len()
                ),
            ));
        }
        let mut read = Vec::new();
        for (index, line) in lines.iter().take(MOST_LINES).enumerate() {
            let line = Line::parse(line.as_ref())
                .map_err(|words| Problem::new(format!("spec.schedules[{index}]"), words));
            read.extend(problems.collect(line.map(Some)));
        }
        let zone = zone::named(zone).map_err(|words| Problem::new("spec.timeZone", words));
        let zone = problems.collect(zone.map(Some)).unwrap_or(TimeZone::UTC);
        problems.or(Self { lines: read, zone })
    }

    /// The first occurrence after an instant; `None` without lines, and at the end of time.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let from = whole(instant).saturating_add(1);
        let until = from.saturating_add(HORIZON);
        occurrence(self.walk().first(from, until))
    }

    /// All occurrences after an instant, in order.
    pub fn upcoming(&self, instant: Timestamp) -> impl Iterator<Item = Timestamp> {
        std::iter::successors(self.next_after(instant), |last| self.next_after(*last))
    }

    /// What came up after `cursor`, until and with `now`. However much it is, the work is that of looking at each day.
    pub fn due(&self, cursor: Timestamp, now: Timestamp) -> Due {
        let until = whole(now).saturating_add(1);
        let from = (whole(cursor).saturating_add(1)).max(until.saturating_sub(HORIZON));
        let Some(latest) = self.walk().last(from, until) else {
            return Due::default();
        };
        Due {
            latest: occurrence(Some(latest)),
            missed: self.walk().count(from, latest),
        }
    }

    /// An instant on the clock of the time zone.
    pub fn on_clock(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(self.zone.clone())
    }

    /// The next three occurrences after an instant, for people: `Mon 2026-03-30 02:30 +02:00`.
    pub fn next_three(&self, instant: Timestamp) -> Vec<String> {
        let next = self.upcoming(instant).take(3);
        next.map(|next| words::shown(&self.on_clock(next)))
            .collect()
    }

    /// What the lines say, for people: `at 02:30 from Monday to Friday, Europe/Berlin`.
    pub fn words(&self) -> String {
        words::of(&self.lines, &self.zone)
    }

    fn walk(&self) -> Walk<'_> {
        Walk {
            lines: &self.lines,
            zone: &self.zone,
        }
    }
}

/// The last whole second that is not after an instant.
fn whole(instant: Timestamp) -> i64 {
    instant.as_second() - i64::from(instant.subsec_nanosecond() < 0)
}

fn occurrence(second: Option<i64>) -> Option<Timestamp> {
    second.and_then(|second| Timestamp::from_second(second).ok())
}

#[cfg(test)]
mod tests;
