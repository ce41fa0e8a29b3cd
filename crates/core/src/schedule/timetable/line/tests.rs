use proptest::prelude::*;

use super::*;

fn values(field: Field) -> Vec<u8> {
    (0..64).filter(|value| field.has(*value)).collect()
}

#[test]
fn fields_are_read_as_robfig_reads_them() {
    // robfig/cron's own parser_test.go, and more.
    for (kind, text, expected, any) in [
        (&MINUTE, "5", vec![5], false),
        (&MINUTE, "5,6", vec![5, 6], false),
        (&MINUTE, "5,6,7", vec![5, 6, 7], false),
        (&MINUTE, "1,5-7/2,3", vec![1, 3, 5, 7], false),
        (&MINUTE, "5-5", vec![5], false),
        (&MINUTE, "5-6", vec![5, 6], false),
        (&MINUTE, "5-6/2", vec![5], false),
        (&MINUTE, "5-7/2", vec![5, 7], false),
        (&MINUTE, "5-7/1", vec![5, 6, 7], false),
        (&MINUTE, "45/5", vec![45, 50, 55], false),
        (&MINUTE, "*/20", vec![0, 20, 40], false),
        (&MINUTE, "*/100", vec![0], false),
        (&MINUTE, "+5", vec![5], false),
        (&MINUTE, "05", vec![5], false),
        (&MINUTE, ",5,,6,", vec![5, 6], false),
        (&HOUR, "*", (0..24).collect(), true),
        (&HOUR, "?", (0..24).collect(), true),
        (&HOUR, "*/1", (0..24).collect(), true),
        (&HOUR, "?/12", vec![0, 12], false),
        (&HOUR, "*/2,*", (0..24).collect(), true),
        (&DAY_OF_MONTH, "*/10", vec![1, 11, 21, 31], false),
        (&MONTH, "JAN-mar,Dec", vec![1, 2, 3, 12], false),
        (&MONTH, "*/6", vec![1, 7], false),
        (&DAY_OF_WEEK, "sun,MON-Fri/2", vec![0, 1, 3, 5], false),
        (&DAY_OF_WEEK, "*/9223372036854775807", vec![0], false),
    ] {
        let field = kind.parse(text).unwrap();
        assert_eq!((values(field), field.any), (expected, any), "{text}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_words() {
    for (line, words) in [
        ("", "has 0 fields; five are needed"),
        ("* * * *", "has 4 fields"),
        ("0 * * * * *", "has 6 fields"),
        ("0 0 0 1 1 ? 2027", "none for seconds and years"),
        (
            "60 * * * *",
            "the minute \"60\" makes no sense: \"60\" is not a number from 0 to 59",
        ),
        ("* 24 * * *", "a number from 0 to 23"),
        ("* * 0 * *", "a number from 1 to 31"),
        ("* * 32 * *", "a number from 1 to 31"),
        ("* * * 0 *", "a number from 1 to 12 or JAN to DEC"),
        ("* * * 13 *", "a number from 1 to 12 or JAN to DEC"),
        ("* * * january *", "a number from 1 to 12 or JAN to DEC"),
        ("* * * * 7", "a number from 0 to 6 or SUN to SAT"),
        ("* * * * fri-mon", "\"fri-mon\" ends before it begins"),
        ("5-1 * * * *", "ends before it begins"),
        ("1-2-3 * * * *", "\"2-3\" is not a number"),
        ("*/2/3 * * * *", "the step \"2/3\" is not"),
        ("*/0 * * * *", "the step \"0\" is not"),
        ("*/-1 * * * *", "the step \"-1\" is not"),
        ("*/ * * * *", "the step \"\" is not"),
        (
            "*/9223372036854775808 * * * *",
            "the step \"9223372036854775808\" is not",
        ),
        ("-1 * * * *", "\"\" is not a number"),
        ("*-5 * * * *", "\"*\" is not a number"),
        ("1- * * * *", "\"\" is not a number"),
        ("5.5 * * * *", "\"5.5\" is not a number"),
        (", * * * *", "the minute \",\" names no value"),
        ("0 0 L * *", "the day of month \"L\" makes no sense"),
        ("0 0 15W * *", "the day of month \"15W\" makes no sense"),
        ("0 0 * * 5#2", "the day of week \"5#2\" makes no sense"),
        ("0 0 * * 5L", "the day of week \"5L\" makes no sense"),
        ("H 0 * * *", "the minute \"H\" makes no sense"),
        ("@every 1h", "such as \"*/30 * * * *\""),
        ("@every", "such as \"*/30 * * * *\""),
        ("@reboot", "is none of @yearly, @annually, @monthly"),
        ("@Daily", "is none of"),
        ("@daily ", "is none of"),
        (" @daily", "has 1 fields"),
        ("TZ=Europe/Berlin 0 0 * * *", "set spec.timeZone instead"),
        ("CRON_TZ=UTC 0 0 * * *", "set spec.timeZone instead"),
        ("TZ=", "set spec.timeZone instead"),
        ("30 2 31 2 *", "never comes up"),
        ("59 23 31 2 *", "never comes up"),
        ("0 0 30 2 ?", "never comes up"),
        ("0 0 31 2,4,6,9,11 *", "never comes up"),
    ] {
        let error = Line::parse(line).unwrap_err();
        assert!(error.contains(words), "{line:?}: {error}");
        assert!(!error.contains('\n'), "{line:?}: {error}");
    }
    let long = format!("{} * * * *", "1,".repeat(130));
    assert!(Line::parse(&long).unwrap_err().contains("256 are allowed"));
}

#[test]
fn lines_that_come_up_now_and_then_are_not_refused() {
    for line in [
        "0 0 29 2 *",
        "0 0 31 2,3 *",
        // Either day will do.
        "0 0 31 2 1",
        "0 0 30 2 */2",
        "0\t0  1 1 0",
    ] {
        assert!(Line::parse(line).is_ok(), "{line}");
    }
}

#[test]
fn days_are_met_as_robfig_meets_them() {
    let saturday = |of_month| Day {
        month: 6,
        of_month,
        of_week: 6,
    };
    for (line, of_month, meets) in [
        ("0 0 13 * *", 13, true),
        ("0 0 13 * *", 14, false),
        ("0 0 * * 6", 14, true),
        ("0 0 13 * 5", 13, true),
        ("0 0 13 * 6", 14, true),
        ("0 0 13 * 5", 14, false),
        ("0 0 13 7 6", 13, false),
        ("0 0 ? * 5", 13, false),
        // A step restricts.
        ("0 0 */2 * 6", 14, true),
        ("0 0 */2 * 5", 14, false),
        ("0 0 */1 * 5", 14, false),
        ("0 0 1-31 * 5", 14, true),
    ] {
        assert_eq!(
            Line::parse(line).unwrap().meets(saturday(of_month)),
            meets,
            "{line} on {of_month}"
        );
    }
}

#[test]
fn times_of_day_are_told_from_intervals() {
    for (line, fixed) in [
        ("30 2 * * *", true),
        ("0,30 2,14 * * *", true),
        ("0-10 9-17 * * *", true),
        ("0 2 */2 * *", true),
        ("@daily", true),
        ("@hourly", false),
        ("*/30 2 * * *", false),
        ("0/30 2 * * *", false),
        ("? 2 * * *", false),
        ("0 */2 * * *", false),
        ("0 8-18/2 * * *", false),
        ("0 0-23 * * *", false),
        ("0,*/20 2 * * *", false),
    ] {
        assert_eq!(Line::parse(line).unwrap().is_fixed(), fixed, "{line}");
    }
}

proptest! {
    #[test]
    fn anything_is_read_or_refused(line in ".{0,60}") {
        let _ = Line::parse(&line);
    }

    #[test]
    fn what_looks_like_cron_is_read_or_refused(
        line in "[-0-9*?/,@a-zL#W ]{1,3}( [-0-9*?/,]{1,5}){3,5}",
    ) {
        if let Ok(line) = Line::parse(&line) {
            for kind in [line.minute, line.hour, line.day_of_month, line.month, line.day_of_week] {
                prop_assert_ne!(kind.values, 0);
            }
        }
    }
}
