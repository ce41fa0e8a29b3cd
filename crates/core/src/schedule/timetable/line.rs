//! One cron line: what it says, read as `ParseStandard` of robfig/cron v3 reads it.

use super::calendar::{Day, Minutes, longest};

/// The most bytes of a line.
const LONGEST: usize = 256;

/// A cron line that comes up now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub minute: Field,
    pub hour: Field,
    pub day_of_month: Field,
    pub month: Field,
    pub day_of_week: Field,
}

/// The values of one field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    /// A bit for each value.
    pub values: u64,
    /// Whether a `*` or `?` without a step says "whatever it is".
    pub any: bool,
    /// Whether it was said with `*`, `?` or a step, or names every value.
    pub interval: bool,
}

/// What a field may hold.
struct Kind {
    name: &'static str,
    least: u32,
    most: u32,
    /// The names of the values from `least` on.
    names: &'static [&'static str],
}

const MINUTE: Kind = Kind {
    name: "minute",
    least: 0,
    most: 59,
    names: &[],
};
const HOUR: Kind = Kind {
    name: "hour",
    least: 0,
    most: 23,
    names: &[],
};
const DAY_OF_MONTH: Kind = Kind {
    name: "day of month",
    least: 1,
    most: 31,
    names: &[],
};
const MONTH: Kind = Kind {
    name: "month",
    least: 1,
    most: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
const DAY_OF_WEEK: Kind = Kind {
    name: "day of week",
    least: 0,
    most: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// What stands for a line.
const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

impl Line {
    /// Reads a line, else says what was found and what is allowed.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!(
                "{} bytes are too many; {LONGEST} are allowed. Use several lines",
                text.len()
            ));
        }
        if text.starts_with("TZ=") || text.starts_with("CRON_TZ=") {
            return Err(format!(
                "{text:?} names a time zone; set spec.timeZone instead"
            ));
        }
        let text = if text.starts_with('@') {
            nicknamed(text)?
        } else {
            text
        };
        let fields: Vec<_> = text.split_whitespace().collect();
        let &[minute, hour, day_of_month, month, day_of_week] = &fields[..] else {
            let more = if fields.len() > 5 {
                ". There are none for seconds and years"
            } else {
                ""
            };
            return Err(format!(
                "{text:?} has {} fields; five are needed, minute, hour, day of month, month and day of week, \
                 such as \"30 2 * * 1-5\"{more}",
                fields.len()
            ));
        };
        let line = Self {
            minute: MINUTE.parse(minute)?,
            hour: HOUR.parse(hour)?,
            day_of_month: DAY_OF_MONTH.parse(day_of_month)?,
            month: MONTH.parse(month)?,
            day_of_week: DAY_OF_WEEK.parse(day_of_week)?,
        };
        if line.comes_up() {
            Ok(line)
        } else {
            Err(format!(
                "{text:?} never comes up: no such month has such a day"
            ))
        }
    }

    /// Whether the calendar has such a day at all.
    fn comes_up(&self) -> bool {
        // Every day of the week comes up in every month.
        !self.needs_day_of_month()
            || (1..=12).any(|month| {
                let days = (2u64 << longest(month)) - 1;
                self.month.has(month) && self.day_of_month.values & days != 0
            })
    }

    /// Whether a day is only meant if its number is.
    pub const fn needs_day_of_month(&self) -> bool {
        self.day_of_month.any || self.day_of_week.any
    }

    /// Whether the line says times of day, rather than every so often.
    pub const fn is_fixed(&self) -> bool {
        !(self.minute.interval || self.hour.interval)
    }

    /// Whether it comes up on this day.
    pub fn meets(&self, day: Day) -> bool {
        let of_month = self.day_of_month.has(day.of_month);
        let of_week = self.day_of_week.has(day.of_week);
        // Both are restricted: either will do.
        let meets = if self.needs_day_of_month() {
            of_month && of_week
        } else {
            of_month || of_week
        };
        meets && self.month.has(day.month)
    }

    /// Adds the minutes of the days on which it comes up.
    pub fn add_to(&self, minutes: &mut Minutes) {
        let hours = u32::try_from(self.hour.values).unwrap_or_default();
        minutes.add(hours, self.minute.values);
    }
}

fn nicknamed(text: &str) -> Result<&'static str, String> {
    if let Some((_, line)) = NICKNAMES.iter().find(|(name, _)| *name == text) {
        return Ok(line);
    }
    if text.starts_with("@every") {
        return Err(format!(
            "{text:?} would drift; say it with a step, such as \"*/30 * * * *\" for every 30 minutes"
        ));
    }
    let known: Vec<_> = NICKNAMES.iter().map(|(name, _)| *name).collect();
    Err(format!("{text:?} is none of {}", known.join(", ")))
}

impl Field {
    pub const fn has(&self, value: u8) -> bool {
        self.values >> value & 1 == 1
    }
}

impl Kind {
    fn parse(&self, text: &str) -> Result<Field, String> {
        let mut field = Field::default();
        // Empty items are passed over, as robfig does it.
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let one = self
                .item(item)
                .map_err(|words| format!("the {} {text:?} makes no sense: {words}", self.name))?;
            field.values |= one.values;
            field.any |= one.any;
            field.interval |= one.interval;
        }
        if field.values == 0 {
            return Err(format!("the {} {text:?} names no value", self.name));
        }
        field.interval |= field.values == self.all();
        Ok(field)
    }

    /// An item of a list: `*`, `?`, `5`, `1-5`, each with or without a step.
    fn item(&self, item: &str) -> Result<Field, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let stepped = step.is_some();
        let any = matches!(range, "*" | "?");
        let (first, last) = match range.split_once('-') {
            _ if any => (self.least, self.most),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            // `5/15` goes on to the end.
            None if stepped => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        if first > last {
            return Err(format!("{range:?} ends before it begins"));
        }
        let step = step.unwrap_or(1);
        Ok(Field {
            values: (first..=last)
                .step_by(step)
                .fold(0, |all, it| all | 1 << it),
            // `*/2` restricts: a day field with it is met in the one or the other way, as in robfig's.
            any: any && step == 1,
            interval: any || stepped,
        })
    }

    fn step(&self, text: &str) -> Result<usize, String> {
        match number(text) {
            Some(0) | None => Err(format!(
                "the step {text:?} is not a whole number greater than zero"
            )),
            Some(step) => Ok(usize::try_from(step).unwrap_or(usize::MAX)),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let value = match self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text))
        {
            Some(index) => u32::try_from(index).ok().map(|index| self.least + index),
            None => number(text).and_then(|number| u32::try_from(number).ok()),
        };
        let allowed = self.least..=self.most;
        value.filter(|value| allowed.contains(value)).ok_or_else(|| {
            let Self { least, most, .. } = self;
            let names = match self.names {
                [first, .., last] => format!(" or {} to {}", first.to_uppercase(), last.to_uppercase()),
                _ => String::new(),
            };
            format!(
                "{text:?} is not a number from {least} to {most}{names}. Allowed are also *, ranges (1-5), \
                 lists (1,3) and steps (*/2)"
            )
        })
    }

    const fn all(&self) -> u64 {
        (2 << self.most) - (1 << self.least)
    }
}

/// As Go's `Atoi` reads what is not negative.
fn number(text: &str) -> Option<u64> {
    let number: i64 = text.parse().ok()?;
    u64::try_from(number).ok()
}

#[cfg(test)]
mod tests;
