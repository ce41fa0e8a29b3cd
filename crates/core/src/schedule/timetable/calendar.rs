//! Days and minutes of a wall clock, as numbers: searching them needs no time zone.

/// Minutes of a day on a wall clock.
pub(super) const MINUTES_OF_DAY: i64 = 24 * 60;

/// A day, as cron lines see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Day {
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub of_month: u8,
    /// 0, Sunday, to 6.
    pub of_week: u8,
}

impl Day {
    /// The day with this number; 1970-01-01 has 0.
    ///
    /// Howard Hinnant's `civil_from_days`: years that begin in March have their odd day at the end.
    pub fn numbered(number: i64) -> Self {
        let since_year_zero = number + 719_468;
        let day_of_era = since_year_zero.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let of_month = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = (from_march + 2) % 12 + 1;
        // 1970-01-01 was a Thursday.
        let of_week = (number + 4).rem_euclid(7);
        Self {
            month: small(month),
            of_month: small(of_month),
            of_week: small(of_week),
        }
    }
}

/// How many days a month has at most.
pub(super) const fn longest(month: u8) -> u8 {
    match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn small(number: i64) -> u8 {
    u8::try_from(number).unwrap_or_default()
}

/// The minutes of a day, a word for each hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Minutes([u64; 24]);

impl Minutes {
    /// Adds these minutes of these hours.
    pub fn add(&mut self, hours: u32, minutes: u64) {
        for (hour, word) in self.0.iter_mut().enumerate() {
            if hours >> hour & 1 == 1 {
                *word |= minutes;
            }
        }
    }

    /// Without those before `from` and those from `until` on.
    pub fn within(mut self, from: i64, until: i64) -> Self {
        for (start, word) in (0..).step_by(60).zip(&mut self.0) {
            *word &= below(until - start) & !below(from - start);
        }
        self
    }

    pub fn first(&self) -> Option<i64> {
        let (start, word) = (0..)
            .step_by(60)
            .zip(&self.0)
            .find(|(_, word)| **word != 0)?;
        Some(start + i64::from(word.trailing_zeros()))
    }

    pub fn last(&self) -> Option<i64> {
        let mut backwards = (0..24).rev().zip(self.0.iter().rev());
        let (hour, word) = backwards.find(|(_, word)| **word != 0)?;
        Some(hour * 60 + 63 - i64::from(word.leading_zeros()))
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// The bits below this one.
fn below(bit: i64) -> u64 {
    match u32::try_from(bit) {
        Ok(bit) => !u64::MAX.checked_shl(bit).unwrap_or(0),
        Err(_) if bit < 0 => 0,
        Err(_) => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::{ToSpan, civil::date};
    use proptest::prelude::*;

    #[test]
    fn a_month_is_as_long_as_its_longest() {
        for month in 1..=12 {
            let longest_seen = (2023..=2024)
                .map(|year| date(year, i8::try_from(month).unwrap(), 1).days_in_month())
                .max();
            assert_eq!(longest_seen, i8::try_from(longest(month)).ok());
        }
    }

    #[test]
    fn minutes_are_found_from_both_ends() {
        let mut minutes = Minutes::default();
        assert_eq!(
            (minutes.first(), minutes.last(), minutes.count()),
            (None, None, 0)
        );
        minutes.add(1 | 1 << 23, 1 | 1 << 59);
        assert_eq!((minutes.first(), minutes.last()), (Some(0), Some(1439)));
        for (from, until, first, last, count) in [
            (0, 1440, Some(0), Some(1439), 4),
            (1, 1440, Some(59), Some(1439), 3),
            (59, 60, Some(59), Some(59), 1),
            (60, 1380, None, None, 0),
            (60, 1439, Some(1380), Some(1380), 1),
            (-90, 2000, Some(0), Some(1439), 4),
        ] {
            let clipped = minutes.within(from, until);
            assert_eq!(
                (clipped.first(), clipped.last(), clipped.count()),
                (first, last, count),
                "{from} to {until}"
            );
        }
    }

    proptest! {
        #[test]
        fn days_are_those_of_the_calendar(number in -700_000i64..2_900_000) {
            let date = date(1970, 1, 1).checked_add(number.days()).unwrap();
            let expected = Day {
                month: date.month().unsigned_abs(),
                of_month: date.day().unsigned_abs(),
                of_week: date.weekday().to_sunday_zero_offset().unsigned_abs(),
            };
            prop_assert_eq!(Day::numbered(number), expected);
        }
    }
}
