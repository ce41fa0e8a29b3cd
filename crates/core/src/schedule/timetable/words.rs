//! Cron lines and instants as people read them.

use jiff::{Zoned, tz::TimeZone};

use super::line::{Field, Line};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The most times of day that are listed.
const MOST_TIMES: usize = 6;

/// An instant on its clock.
pub(super) fn shown(instant: &Zoned) -> String {
    instant.strftime("%a %Y-%m-%d %H:%M %:z").to_string()
}

/// What all lines say together.
pub(super) fn of(lines: &[Line], zone: &TimeZone) -> String {
    if lines.is_empty() {
        return "on demand only".to_owned();
    }
    let lines: Vec<_> = lines.iter().map(line).collect();
    let zone = zone.iana_name().unwrap_or("UTC");
    format!("{}, {zone}", lines.join("; also "))
}

fn line(line: &Line) -> String {
    let (times, daily) = times(line);
    let days = days(line);
    match (&days[..], daily) {
        ("", true) => format!("{times} every day"),
        ("", false) => times,
        (_, _) => format!("{times} {days}"),
    }
}

/// When on a day, and whether the days need to be said.
fn times(line: &Line) -> (String, bool) {
    let (minutes, hours) = (values(line.minute, 0..60), values(line.hour, 0..24));
    let every = match &minutes[..] {
        [_] => None,
        all if all.len() == 60 => Some("every minute".to_owned()),
        [0, step, ..] if line.minute == stepped(line.minute, *step) => {
            Some(format!("every {step} minutes"))
        }
        _ => None,
    };
    let at = every.unwrap_or_else(|| match &minutes[..] {
        [only] => format!("at minute {only}"),
        _ => format!("at the minutes {}", listed(&minutes, |it| it.to_string())),
    });
    if hours.len() == 24 {
        let hourly = if at.starts_with("at") {
            " of every hour"
        } else {
            ""
        };
        return (format!("{at}{hourly}"), false);
    }
    if minutes.len() * hours.len() <= MOST_TIMES {
        let of_hour = |hour: &u8| {
            let hour = *hour;
            minutes
                .iter()
                .map(move |minute| format!("{hour:02}:{minute:02}"))
        };
        let times: Vec<_> = hours.iter().flat_map(of_hour).collect();
        return (format!("at {}", joined(&times)), true);
    }
    let hours = listed(&hours, |hour| format!("{hour:02}"));
    (format!("{at} of the hours {hours}"), true)
}

/// On which days; empty is on all.
fn days(line: &Line) -> String {
    let of_month = values(line.day_of_month, 1..32);
    // A week begins on Monday here.
    let of_week = values(line.day_of_week, (1..7).chain([0]));
    let months = values(line.month, 1..13);
    let of_month = (of_month.len() < 31).then(|| {
        let word = if of_month.len() == 1 { "day" } else { "days" };
        format!("{word} {}", listed(&of_month, |day| day.to_string()))
    });
    let of_week = (of_week.len() < 7).then(|| listed(&of_week, |day| named(&DAYS, day)));
    let months = (months.len() < 12).then(|| listed(&months, |month| named(&MONTHS, month - 1)));
    let every_day = of_month.is_none() || of_week.is_none();
    let (of_month, of_week) = if every_day && !line.needs_day_of_month() {
        (None, None)
    } else {
        (of_month, of_week)
    };
    let days = match (&of_month, &of_week) {
        (None, None) => {
            return months.map_or_else(String::new, |it| format!("on every day of {it}"));
        }
        (Some(of_month), None) => format!("on {of_month}"),
        (None, Some(of_week)) => format!("on {of_week}"),
        (Some(of_month), Some(of_week)) => format!("on {of_month} and also on {of_week}"),
    };
    match months {
        Some(months) => format!("{days} of {months}"),
        None if of_week.is_none() => format!("{days} of every month"),
        None => days,
    }
}

fn named(names: &[&str], index: u8) -> String {
    let name = names.get(usize::from(index));
    name.map_or_else(String::new, |name| (*name).to_owned())
}

fn values(field: Field, all: impl IntoIterator<Item = u8>) -> Vec<u8> {
    all.into_iter().filter(|value| field.has(*value)).collect()
}

/// The same field, with every `step`th minute of an hour.
fn stepped(field: Field, step: u8) -> Field {
    let whole = step > 0 && 60 % step == 0;
    let minutes = (0..60).step_by(usize::from(step.max(1)));
    Field {
        values: if whole {
            minutes.fold(0, |all, it| all | 1 << it)
        } else {
            0
        },
        ..field
    }
}

/// `1, 3 and 5 to 9`.
fn listed(values: &[u8], show: impl Fn(u8) -> String) -> String {
    let mut runs: Vec<(u8, u8, usize)> = Vec::new();
    for value in values {
        match runs.last_mut() {
            // After Saturday comes Sunday.
            Some((_, last, length)) if *last + 1 == *value || (*last, *value) == (6, 0) => {
                (*last, *length) = (*value, *length + 1);
            }
            _ => runs.push((*value, *value, 1)),
        }
    }
    let shown = runs
        .into_iter()
        .flat_map(|(first, last, length)| match length {
            1 => vec![show(first)],
            2 => vec![show(first), show(last)],
            _ => vec![format!("{} to {}", show(first), show(last))],
        });
    joined(&shown.collect::<Vec<_>>())
}

fn joined(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_said_in_words() {
        for (written, words) in [
            ("* * * * *", "every minute"),
            ("*/15 * * * *", "every 15 minutes"),
            ("0,30 * * * *", "every 30 minutes"),
            (
                "*/7 * * * *",
                "at the minutes 0, 7, 14, 21, 28, 35, 42, 49 and 56 of every hour",
            ),
            ("@hourly", "at minute 0 of every hour"),
            ("5,10 * * * *", "at the minutes 5 and 10 of every hour"),
            ("@daily", "at 00:00 every day"),
            ("30 2 * * 1-5", "at 02:30 on Monday to Friday"),
            ("30 2,14 * * *", "at 02:30 and 14:30 every day"),
            ("0 */6 * * *", "at 00:00, 06:00, 12:00 and 18:00 every day"),
            (
                "*/5 9-17 * * MON,WED,fri",
                "every 5 minutes of the hours 09 to 17 on Monday, Wednesday and Friday",
            ),
            ("0 4 * * 0,6", "at 04:00 on Saturday and Sunday"),
            ("0 4 * * 5,6,0", "at 04:00 on Friday to Sunday"),
            ("@weekly", "at 00:00 on Sunday"),
            ("@monthly", "at 00:00 on day 1 of every month"),
            ("@yearly", "at 00:00 on day 1 of January"),
            ("0 0 1,15 * *", "at 00:00 on days 1 and 15 of every month"),
            ("0 0 13 * 5", "at 00:00 on day 13 and also on Friday"),
            (
                "0 0 13 6-8 5",
                "at 00:00 on day 13 and also on Friday of June to August",
            ),
            ("0 0 * 6 *", "at 00:00 on every day of June"),
            ("0 0 1-31 * 1", "at 00:00 every day"),
            ("0 0 1-31 * *", "at 00:00 every day"),
        ] {
            assert_eq!(line(&Line::parse(written).unwrap()), words, "{written}");
        }
    }

    #[test]
    fn lines_are_said_together() {
        let lines: Vec<_> = ["0 6 * * *", "@hourly"]
            .map(|it| Line::parse(it).unwrap())
            .into();
        let zone = TimeZone::UTC;
        assert_eq!(
            of(&lines, &zone),
            "at 06:00 every day; also at minute 0 of every hour, UTC"
        );
        assert_eq!(of(&[], &zone), "on demand only");
    }
}
