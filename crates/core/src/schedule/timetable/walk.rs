//! From instant to instant: the clock of a time zone, in stretches over which it runs evenly.
//!
//! Cron lines are about a wall clock, so each stretch is searched as days and minutes of that clock, and only what
//! happens at its beginning needs care: the clock leapt forward, or it was put back and repeats itself.

use std::collections::BTreeMap;

use jiff::{Timestamp, tz::TimeZone};

use super::{
    calendar::{Day, MINUTES_OF_DAY, Minutes},
    line::Line,
};

/// Cron lines on the clock of a time zone. Instants are in seconds since 1970.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub lines: &'a [Line],
    pub zone: &'a TimeZone,
}

/// Instants `begin..end` between which the wall clock shows instant + `offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    begin: i64,
    end: i64,
    offset: i64,
    start: Start,
}

/// What the wall clock did where a stretch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// It ran on.
    Even,
    /// It leapt forward by so many seconds.
    Leap(i64),
    /// It was put back, and shows in this stretch what it has shown before.
    Repeat,
}

/// What is due in a part of a stretch.
struct Part<'a> {
    /// The lines that are followed there.
    lines: Vec<&'a Line>,
    /// Minutes of the wall clock since 1970.
    from: i64,
    until: i64,
    offset: i64,
    /// The instant at which something is due because its time was leapt over.
    leapt: Option<i64>,
}

impl<'a> Walk<'a> {
    /// The first occurrence in `from..until`.
    pub fn first(self, from: i64, until: i64) -> Option<i64> {
        let mut at = from;
        while at < until {
            let stretch = self.stretch(at);
            if let Some(first) = self.part(stretch, at, until).first() {
                return Some(first);
            }
            at = stretch.end;
        }
        None
    }

    /// The last occurrence in `from..until`.
    pub fn last(self, from: i64, until: i64) -> Option<i64> {
        let mut at = until;
        while at > from {
            let stretch = self.stretch(at - 1);
            if let Some(last) = self.part(stretch, from, at).last() {
                return Some(last);
            }
            at = stretch.begin;
        }
        None
    }

    /// How many occurrences there are in `from..until`.
    pub fn count(self, from: i64, until: i64) -> u64 {
        let mut at = from;
        let mut count = 0;
        while at < until {
            let stretch = self.stretch(at);
            count += self.part(stretch, at, until).count();
            at = stretch.end;
        }
        count
    }

    /// The stretch around an instant.
    fn stretch(self, second: i64) -> Stretch {
        let (here, next) = (instant(second), instant(second.saturating_add(1)));
        let end = self.zone.following(here).next();
        let end = end.map_or(i64::MAX, |change| change.timestamp().as_second());
        let offset = self.offset(here);
        let Some(change) = self.zone.preceding(next).next() else {
            return Stretch {
                begin: i64::MIN,
                end,
                offset,
                start: Start::Even,
            };
        };
        let begin = change.timestamp().as_second();
        let forward = offset - self.offset(instant(begin - 1));
        let even = Stretch {
            begin,
            end,
            offset,
            start: Start::Even,
        };
        let repeated = begin - forward;
        match forward {
            0 => even,
            1.. => Stretch {
                start: Start::Leap(forward),
                ..even
            },
            _ if second < repeated => Stretch {
                end: end.min(repeated),
                start: Start::Repeat,
                ..even
            },
            _ => Stretch {
                begin: repeated,
                ..even
            },
        }
    }

    fn offset(self, at: Timestamp) -> i64 {
        i64::from(self.zone.to_offset(at).seconds())
    }

    /// Of a stretch what is in `from..until`.
    fn part(self, stretch: Stretch, from: i64, until: i64) -> Part<'a> {
        let Stretch {
            begin,
            end,
            offset,
            start,
        } = stretch;
        let leapt = match start {
            Start::Leap(forward) if (from..until).contains(&begin) => {
                let shown = begin + offset;
                let fixed = self.lines.iter().filter(|line| line.is_fixed()).collect();
                let gap = Part {
                    lines: fixed,
                    from: minute_from(shown - forward),
                    until: minute_from(shown),
                    offset,
                    leapt: None,
                };
                gap.first().map(|_| begin)
            }
            Start::Leap(_) | Start::Even | Start::Repeat => None,
        };
        let followed = |line: &&Line| start != Start::Repeat || !line.is_fixed();
        Part {
            lines: self.lines.iter().filter(followed).collect(),
            from: minute_from(begin.max(from).saturating_add(offset)),
            until: minute_from(end.min(until).saturating_add(offset)),
            offset,
            leapt,
        }
    }
}

impl Part<'_> {
    fn first(&self) -> Option<i64> {
        // What was leapt over is due as the stretch begins: before all else.
        self.leapt.or_else(|| self.first_shown())
    }

    /// The first occurrence whose time the wall clock shows.
    fn first_shown(&self) -> Option<i64> {
        let mut days = self.days();
        let minute = days.find_map(|day| Some(day * MINUTES_OF_DAY + self.on(day).first()?));
        minute.map(|minute| self.at(minute))
    }

    fn last(&self) -> Option<i64> {
        let mut days = self.days().rev();
        let minute = days.find_map(|day| Some(day * MINUTES_OF_DAY + self.on(day).last()?));
        minute.map(|minute| self.at(minute)).or(self.leapt)
    }

    fn count(&self) -> u64 {
        // Whole days on which the same lines come up are alike.
        let mut counts = BTreeMap::new();
        let mut count = 0;
        for number in self.days() {
            let (from, until) = self.within(number);
            count += if (from, until) == (0, MINUTES_OF_DAY) {
                let day = Day::numbered(number);
                let met = |set: u64, line: &&Line| set << 1 | u64::from(line.meets(day));
                let set = self.lines.iter().fold(0, met);
                *counts.entry(set).or_insert_with(|| self.on(number).count())
            } else {
                self.on(number).count()
            };
        }
        // What comes up just then is no second occurrence.
        let apart = |leapt| self.first_shown() != Some(leapt);
        count + u64::from(self.leapt.is_some_and(apart))
    }

    fn days(&self) -> impl DoubleEndedIterator<Item = i64> {
        let until = self.until + MINUTES_OF_DAY - 1;
        let empty = self.from >= self.until;
        let until = if empty { self.from } else { until };
        self.from.div_euclid(MINUTES_OF_DAY)..until.div_euclid(MINUTES_OF_DAY)
    }

    /// Minutes of a day of this part.
    fn within(&self, day: i64) -> (i64, i64) {
        let midnight = day * MINUTES_OF_DAY;
        let from = (self.from - midnight).max(0);
        (from, (self.until - midnight).min(MINUTES_OF_DAY))
    }

    /// The minutes of a day of this part that are due.
    fn on(&self, number: i64) -> Minutes {
        let day = Day::numbered(number);
        let mut minutes = Minutes::default();
        let met = self.lines.iter().filter(|line| line.meets(day));
        met.for_each(|line| line.add_to(&mut minutes));
        let (from, until) = self.within(number);
        minutes.within(from, until)
    }

    /// The instant at which the wall clock shows a minute.
    const fn at(&self, minute: i64) -> i64 {
        minute * 60 - self.offset
    }
}

/// The first whole minute that is not before a second.
fn minute_from(second: i64) -> i64 {
    second.div_euclid(60) + i64::from(second.rem_euclid(60) != 0)
}

/// The nearest instant that the calendar has.
fn instant(second: i64) -> Timestamp {
    let end = if second < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(second).unwrap_or(end)
}
