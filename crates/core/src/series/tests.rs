use locust_api::{reasons, v2::Verdict};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::regression::State;

fn key(spec: usize) -> Key {
    Key::new("checkout", &format!("{spec:016x}"), "fedcba9876543210")
}

/// The run of a night: `run-7` in night 7.
fn point(night: i64, p95: f64) -> Point {
    Point {
        run: format!("run-{night}"),
        uid: format!("uid-{night}"),
        time: jiff::Timestamp::from_second(86_400 * night).unwrap(),
        image: Some("shop-test@sha256:1".to_owned()),
        numbers: Numbers {
            requests: 1000,
            p95_ms: Some(p95),
            ..Numbers::default()
        },
    }
}

fn filled(nights: std::ops::Range<i64>) -> Series {
    let mut series = Series::default();
    for night in nights {
        assert_eq!(series.append(&key(0), point(night, 200.0)), Appended::Added);
    }
    series
}

fn runs(track: &Track) -> Vec<&str> {
    track
        .points()
        .iter()
        .map(|point| point.run.as_str())
        .collect()
}

fn reread(series: &Series) -> Series {
    let (read, unreadable) = Series::parse(&series.data());
    assert_eq!(unreadable, []);
    read
}

const SUMMARY: &str = "{requests: 1200, failures: 3, errorRatio: '0.0025', rps: '812.4', avg: 0.85ms, p50: 110ms, p95: 320ms, p99: 1.13s, max: 2m, resolution: TwoDigits, final: true}";

#[test]
fn a_line_is_to_be_read_by_people() {
    let summary = serde_saphyr::from_str(SUMMARY).unwrap();
    let end = End {
        verdict: Verdict::Passed,
        reason: reasons::PASSED,
        is_scaled: false,
    };
    let time = "2026-04-12T02:30:00Z".parse().unwrap();
    let point = Point::new(
        "nightly-1",
        "u-1",
        time,
        Some("shop:1"),
        Some(&summary),
        end,
    )
    .unwrap();
    let mut series = Series::default();
    series.append(&key(0), point);
    series.pin(&key(0), "nightly-1").unwrap();
    let line = r#"{"run":"nightly-1","uid":"u-1","time":"2026-04-12T02:30:00Z","image":"shop:1","numbers":{"requests":1200,"failures":3,"errorRatio":0.0025,"rps":812.4,"avgMs":0.85,"p50Ms":110.0,"p95Ms":320.0,"p99Ms":1130.0,"maxMs":120000.0,"twoDigits":true}}"#;
    let data = series.data();
    let name = "checkout.0000000000000000.fedcba9876543210";
    assert_eq!(data[name], format!("{{\"pinned\":{line}}}\n{line}\n"));
    assert_eq!(reread(&series), series);
}

#[test]
fn only_a_valid_run_is_a_measure() {
    let summary: locust_api::v2::Summary = serde_saphyr::from_str(SUMMARY).unwrap();
    let none = locust_api::v2::Summary::default();
    use Verdict::{Aborted, Error, Failed, Inconclusive, Passed};
    for (verdict, reason, is_scaled, summary, refused) in [
        (Passed, reasons::PASSED, false, Some(&summary), None),
        (
            Failed,
            reasons::THRESHOLD_BREACHED,
            false,
            Some(&summary),
            None,
        ),
        (
            Failed,
            reasons::REQUESTS_FAILED,
            false,
            Some(&summary),
            None,
        ),
        (Failed, reasons::REGRESSION, false, Some(&summary), None),
        (
            Failed,
            reasons::THRESHOLD_ABORT,
            false,
            Some(&summary),
            Some(NoMeasure::EndedEarly),
        ),
        (
            Failed,
            reasons::EXIT_CODE,
            false,
            Some(&summary),
            Some(NoMeasure::FailedOtherwise),
        ),
        (
            Inconclusive,
            reasons::WORKERS_LOST,
            false,
            Some(&summary),
            Some(NoMeasure::Inconclusive),
        ),
        (
            Error,
            reasons::NEVER_STARTED,
            false,
            None,
            Some(NoMeasure::Error),
        ),
        (
            Aborted,
            reasons::STOPPED,
            false,
            Some(&summary),
            Some(NoMeasure::Aborted),
        ),
        (
            Passed,
            reasons::PASSED,
            true,
            Some(&summary),
            Some(NoMeasure::Scaled),
        ),
        (
            Passed,
            reasons::PASSED,
            false,
            None,
            Some(NoMeasure::NoNumbers),
        ),
        (
            Passed,
            reasons::PASSED,
            false,
            Some(&none),
            Some(NoMeasure::NoNumbers),
        ),
    ] {
        let end = End {
            verdict,
            reason,
            is_scaled,
        };
        let point = Point::new("r", "u", jiff::Timestamp::UNIX_EPOCH, None, summary, end);
        assert_eq!(point.err(), refused, "{end:?}");
    }
}

#[test]
fn the_same_run_enters_once_and_at_its_place() {
    let mut series = filled(0..5);
    let before = series.clone();
    assert_eq!(series.append(&key(0), point(3, 999.0)), Appended::Known);
    assert_eq!(series, before);
    let mut late = filled(0..2);
    late.append(&key(0), point(4, 200.0));
    late.append(&key(0), point(2, 200.0));
    late.append(&key(0), point(3, 200.0));
    assert_eq!(late, before);
}

#[test]
fn a_full_track_is_cut_once_in_a_while() {
    let mut series = filled(0..60);
    assert_eq!(series.track(&key(0)).unwrap().points().len(), 60);
    series.append(&key(0), point(60, 200.0));
    let track = series.track(&key(0)).unwrap();
    assert_eq!(
        (track.points().len(), runs(track)[0]),
        (KEPT_POINTS, "run-21")
    );
    let cut = series.clone();
    assert_eq!(series.append(&key(0), point(5, 200.0)), Appended::TooOld);
    assert_eq!(series, cut);
}

#[test]
fn a_pinned_run_outlives_its_point() {
    let mut series = filled(0..10);
    assert_eq!(series.pin(&key(0), "run-3"), Ok(true));
    assert_eq!(series.pin(&key(0), "run-3"), Ok(false));
    for night in 10..100 {
        series.append(&key(0), point(night, 200.0));
    }
    let track = series.track(&key(0)).unwrap();
    assert!(!runs(track).contains(&"run-3"));
    assert_eq!(track.pinned(), Some(&point(3, 200.0)));
    assert_eq!(series.pin(&key(0), "run-3"), Ok(false));
    assert_eq!(series.pin(&key(0), "run-4"), Err(PinError::NoSuchRun));
    assert_eq!(series.pin(&key(1), "run-99"), Err(PinError::NoSuchRun));
    assert!(series.unpin(&key(0)) && !series.unpin(&key(0)));
}

#[test]
fn keys_used_longest_ago_go_but_not_what_is_pinned_in_them() {
    let mut series = Series::default();
    for spec in 0..40 {
        let night = i64::try_from(spec).unwrap();
        series.append(&key(spec), point(night, 200.0));
        if spec == 1 {
            series.pin(&key(1), "run-1").unwrap();
        }
    }
    let kept: Vec<_> = series.tracks().map(|(key, _)| key.clone()).collect();
    assert_eq!(kept.len(), MOST_KEYS + 1);
    assert_eq!((&kept[0], &kept[1]), (&key(1), &key(24)));
    assert_eq!(runs(series.track(&key(1)).unwrap()), Vec::<&str>::new());
    assert_eq!(reread(&series), series);
    for spec in 24..39 {
        series.pin(&key(spec), &format!("run-{spec}")).unwrap();
    }
    assert_eq!(series.pin(&key(39), "run-39"), Err(PinError::TooMany));
}

#[test]
fn a_series_never_outgrows_a_config_map() {
    let mut series = Series::default();
    let long = "x".repeat(300);
    let large = |night| Point {
        image: Some(long.clone()),
        run: format!("{long}-{night}"),
        ..point(night, 200.0)
    };
    for (spec, night) in (0..20).zip(0..) {
        let points = (60 * night..60 * night + 59).map(large).collect();
        let track = Track {
            pinned: None,
            points,
        };
        series.tracks.insert(key(spec), track);
    }
    assert!(series.size() > MOST_BYTES);
    assert_eq!(series.append(&key(19), large(1199)), Appended::Added);
    assert!(series.size() <= MOST_BYTES, "{}", series.size());
    assert_eq!(series.track(&key(19)).unwrap().points().len(), 60);
    series
        .foreign
        .insert("notes".to_owned(), "x".repeat(MOST_BYTES));
    let before = series.clone();
    assert_eq!(
        series.append(&key(19), point(9999, 200.0)),
        Appended::NoRoom
    );
    assert_eq!(series, before);
}

#[test]
fn what_cannot_be_read_is_named_and_counts_for_nothing() {
    let mut data = filled(0..3).data();
    let name = key(0).to_string();
    let text = data.get_mut(&name).unwrap();
    text.push_str("{\"run\":\"half\n\n");
    text.push_str(&filled(1..2).data()[&name]);
    text.push_str(&json!({"run": "a", "uid": "b", "time": "yesterday", "numbers": {}}).to_string());
    data.insert("notes".to_owned(), "mine".to_owned());
    let (series, unreadable) = Series::parse(&data);
    assert_eq!(
        runs(series.track(&key(0)).unwrap()),
        ["run-0", "run-1", "run-2"]
    );
    assert_eq!(series.data()["notes"], "mine");
    let words: Vec<_> = unreadable.iter().map(ToString::to_string).collect();
    for (words, part) in words.iter().zip([
        "key \"checkout.0000000000000000.fedcba9876543210\", line 4: it is not the JSON of a run: EOF",
        "line 6: the run \"run-1\" is there already",
        "line 7: it is not the JSON of a run:",
        "key \"notes\": it is no key of a series",
    ]) {
        assert!(words.contains(part), "{words} | {part}");
    }
    assert_eq!(words.len(), 4);
}

#[test]
fn missing_nights_make_no_difference() {
    let judged = |nights: &[i64]| {
        let mut series = Series::default();
        for (index, night) in nights.iter().enumerate() {
            let p95 = if index < 30 { 200.0 } else { 250.0 };
            series.append(&key(0), point(*night, p95));
        }
        let track = series.track(&key(0)).unwrap();
        let options = track.options(Metric::P95);
        let judgement = track.judge(Metric::P95, CompareWith::Rolling, &options);
        (judgement.state, judgement.shift.map(|shift| shift.index))
    };
    let nightly: Vec<i64> = (0..34).collect();
    let with_gaps: Vec<i64> = (0..34).map(|night| night * night).collect();
    assert_eq!(judged(&nightly), (State::Regressed, Some(30)));
    assert_eq!(judged(&with_gaps), judged(&nightly));
}

#[test]
fn a_track_is_judged_as_asked() {
    let mut series = filled(0..10);
    series.pin(&key(0), "run-3").unwrap();
    series.append(&key(0), point(10, 260.0));
    series.append(&key(0), point(11, 260.0));
    let track = series.track(&key(0)).unwrap();
    let judge = |metric, compare_with| {
        let options = track.options(metric);
        track.judge(metric, compare_with, &options)
    };
    assert_eq!(
        judge(Metric::P95, CompareWith::Rolling).state,
        State::Suspected
    );
    assert_eq!(
        judge(Metric::P95, CompareWith::Previous).state,
        State::Stable
    );
    let pinned = judge(Metric::P95, CompareWith::Pinned);
    assert_eq!(
        (pinned.state, pinned.other.as_deref()),
        (State::Worse, Some("run-3"))
    );
    assert_eq!(judge(Metric::P99, CompareWith::Rolling).runs, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_in_the_config_map_is_read_or_reported(
        text in "(\\{\"pinned\".{0,20}|.{0,30}|\n){0,6}",
        name in prop_oneof!["[a-z.]{0,9}", Just(key(0).to_string())],
    ) {
        let data = BTreeMap::from([(name, text.clone())]);
        let (series, unreadable) = Series::parse(&data);
        prop_assert_eq!(series.tracks().count(), 0);
        prop_assert!(!unreadable.is_empty() || text.trim().is_empty());
    }

    #[test]
    fn in_whatever_order_runs_enter(nights in Just((0_i64..30).collect::<Vec<_>>()).prop_shuffle()) {
        let mut series = Series::default();
        for night in nights {
            series.append(&key(0), point(night, 200.0));
        }
        prop_assert_eq!(&reread(&series), &series);
        prop_assert_eq!(series, filled(0..30));
    }
}
