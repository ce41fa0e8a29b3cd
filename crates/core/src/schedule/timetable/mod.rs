//! A stand-in: when a schedule is due.

use jiff::{Timestamp, Zoned, tz::TimeZone};

use crate::problems::{Problem, Problems};

/// When a schedule is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timetable {
    lines: Vec<(Option<i64>, Option<i64>)>,
}

/// What came up in a time that has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The latest occurrence.
    pub latest: Option<Timestamp>,
    /// How many came up before it.
    pub missed: u64,
}

impl Timetable {
    /// Reads `spec.schedules` and `spec.timeZone`.
    ///
    /// # Errors
    /// When something makes no sense.
    pub fn parse(lines: &[impl AsRef<str>], _zone: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut read = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let fields: Vec<&str> = line.as_ref().split(' ').collect();
            let number = |text: &str| match text {
                "*" => Some(None),
                text => text.parse::<i64>().ok().map(Some),
            };
            match &fields[..] {
                [minute, hour, "*", "*", "*"]
                    if number(minute).is_some() && number(hour).is_some() =>
                {
                    read.push((number(minute).flatten(), number(hour).flatten()));
                }
                _ => problems.add(Problem::new(
                    format!("spec.schedules[{index}]"),
                    "makes no sense",
                )),
            }
        }
        problems.or(Self { lines: read })
    }

    fn is_due(&self, minute: i64) -> bool {
        let (of_hour, of_day) = (minute.rem_euclid(60), minute.div_euclid(60).rem_euclid(24));
        let mut lines = self.lines.iter();
        lines.any(|(m, h)| m.is_none_or(|m| m == of_hour) && h.is_none_or(|h| h == of_day))
    }

    /// The first occurrence after an instant.
    pub fn next_after(&self, instant: Timestamp) -> Option<Timestamp> {
        let first = instant.as_second().div_euclid(60) + 1;
        let mut minutes = first..first + 1500;
        let minute = minutes.find(|minute| self.is_due(*minute))?;
        Timestamp::from_second(minute * 60).ok()
    }

    /// What came up after `cursor`, until and with `now`.
    pub fn due(&self, cursor: Timestamp, now: Timestamp) -> Due {
        let first = cursor.as_second().div_euclid(60) + 1;
        let minutes = first..=now.as_second().div_euclid(60);
        let found: Vec<i64> = minutes.filter(|minute| self.is_due(*minute)).collect();
        Due {
            latest: found
                .last()
                .and_then(|minute| Timestamp::from_second(minute * 60).ok()),
            missed: found.len().saturating_sub(1) as u64,
        }
    }

    /// An instant on the clock of the time zone.
    pub fn on_clock(&self, instant: Timestamp) -> Zoned {
        instant.to_zoned(TimeZone::UTC)
    }

    /// The next three occurrences after an instant, for people.
    pub fn next_three(&self, instant: Timestamp) -> Vec<String> {
        let next = std::iter::successors(self.next_after(instant), |last| self.next_after(*last));
        next.take(3)
            .map(|it| {
                self.on_clock(it)
                    .strftime("%a %Y-%m-%d %H:%M %:z")
                    .to_string()
            })
            .collect()
    }

    /// What the lines say, for people.
    pub fn words(&self) -> String {
        "on demand only".to_owned()
    }
}
