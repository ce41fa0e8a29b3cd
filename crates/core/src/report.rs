//! What the plugin in the Locust master says: JSON Lines, in the termination message and at its listener.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Everything that could be read of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The run as a whole.
    pub run: RunLine,
    /// What really ran.
    pub pin: Option<PinLine>,
    /// Endpoints, the busiest first.
    pub endpoints: Vec<EndpointLine>,
    /// Errors, the most frequent first.
    pub errors: Vec<ErrorLine>,
    /// What the thresholds are about, in the order of the spec.
    pub actuals: Vec<Option<Actual>>,
}

/// What was measured for one threshold.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "(Option<f64>, i64)")]
pub struct Actual {
    /// The value in the metric's base unit, if there is one.
    pub value: Option<f64>,
    /// The requests it is about.
    pub requests: i64,
}

impl From<(Option<f64>, i64)> for Actual {
    fn from((value, requests): (Option<f64>, i64)) -> Self {
        Self { value, requests }
    }
}

/// The first line: the run as a whole. Times are milliseconds since 1970, durations milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunLine {
    /// The run's id.
    pub run: String,
    /// Whether the load is over and these are the numbers of the whole run.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Locust's state, in the plugin's words.
    pub state: String,
    /// Why the load ended.
    pub reason: Option<String>,
    /// Exit code of the master, when it is known.
    pub exit: Option<i32>,
    /// Who set it: `locust`, `user` or `plugin`.
    pub exit_by: Option<String>,
    /// When load started.
    pub start: Option<i64>,
    /// When load ended.
    pub end: Option<i64>,
    /// When this was written.
    pub now: i64,
    /// Users running.
    pub users: i64,
    /// Most users at once.
    pub peak_users: i64,
    /// Users asked for, if that is known.
    pub target_users: Option<i64>,
    /// Workers connected.
    pub workers: i32,
    /// Most workers at once.
    pub peak_workers: i32,
    /// Fewest workers during the load.
    pub min_workers: Option<i32>,
    /// Workers that left during the load.
    pub lost: i32,
    /// Workers connected, on average over the load.
    pub avg_workers: Option<f64>,
    /// Workers that the plugin expects.
    pub wanted: Option<i32>,
    /// Workers expected, on average over a load during which their number was changed.
    pub avg_wanted: Option<f64>,
    /// Workers that ran out of processor time.
    pub cpu_workers: i32,
    /// The most that any worker used of what it may, in percent.
    pub cpu_max: Option<f64>,
    /// The threshold that ended the load.
    pub abort: Option<usize>,
    /// Requests.
    pub n: i64,
    /// Failed requests.
    pub f: i64,
    /// Uncaught exceptions of user code.
    pub exc: i64,
    /// Endpoints there are; not all may have found a line.
    pub eps: i64,
    /// Kinds of failure there are; not all may have found a line.
    pub errs: i64,
    /// Requests per second.
    pub rps: Option<f64>,
    /// Average response time.
    pub avg: Option<f64>,
    /// Longest response time.
    pub max: Option<f64>,
    /// Median response time.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Significant digits of the percentiles.
    pub res: i32,
    /// The last 10 s.
    pub cur: CurrentNumbers,
}

/// Numbers of the last 10 s.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct CurrentNumbers {
    /// Requests per second.
    pub rps: Option<f64>,
    /// Failed requests per second.
    pub fps: Option<f64>,
    /// 95th percentile, in milliseconds.
    pub p95: Option<f64>,
}

/// What really ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PinLine {
    /// Locust's version.
    pub locust: Option<String>,
    /// Python's version.
    pub python: Option<String>,
    /// SHA-256 by file name.
    pub files: BTreeMap<String, String>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct EndpointLine {
    /// Method.
    pub m: String,
    /// Name.
    pub name: String,
    /// Requests.
    pub n: i64,
    /// Failed requests.
    pub f: i64,
    /// Requests per second.
    pub rps: Option<f64>,
    /// Median response time, in milliseconds; termination messages have no room for it.
    pub p50: Option<f64>,
    /// 95th percentile, in milliseconds.
    pub p95: Option<f64>,
    /// 99th percentile, in milliseconds.
    pub p99: Option<f64>,
}

/// One kind of failure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ErrorLine {
    /// Method.
    pub m: String,
    /// Name.
    pub name: String,
    /// What went wrong.
    pub msg: String,
    /// How often.
    pub n: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThresholdLine {
    a: Vec<Option<Actual>>,
}

#[derive(Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
enum Line {
    Run(Box<RunLine>),
    Pin(PinLine),
    Ep(EndpointLine),
    Err(ErrorLine),
    Th(ThresholdLine),
    #[serde(other)]
    Unknown,
}

impl Report {
    /// Reads every complete line of `text` that is ours; `None` when there is no line about the run `id`.
    ///
    /// A kubelet cuts long messages in the middle of a line, and user code may write to the same file.
    pub fn parse(text: &str, id: &str) -> Option<Self> {
        let mut report = Self::default();
        let mut found = false;
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(Line::Run(run)) if run.run == id => {
                    report.run = *run;
                    found = true;
                }
                Ok(Line::Pin(pin)) => report.pin = Some(pin),
                Ok(Line::Ep(endpoint)) => report.endpoints.push(endpoint),
                Ok(Line::Err(error)) => report.errors.push(error),
                Ok(Line::Th(thresholds)) => report.actuals = thresholds.a,
                Ok(Line::Run(_) | Line::Unknown) | Err(_) => {}
            }
        }
        found.then_some(report)
    }

    /// Whether load has started.
    pub fn load_started(&self) -> bool {
        self.run.start.is_some()
    }

    /// Whether the load has ended and all of it is counted, be the master still up or not.
    pub fn load_is_over(&self) -> bool {
        self.run.is_final || (self.run.end.is_some() && self.run.state == "stopped")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RUN: &str = r#"{"k":"run","v":1,"run":"id-1","final":true,"state":"stopped","reason":"RunTimeReached","exit":1,"exitBy":"locust","start":1000,"end":9000,"now":9001,"users":0,"peakUsers":4,"targetUsers":4,"workers":2,"peakWorkers":2,"minWorkers":2,"lost":0,"n":70,"f":9,"exc":0,"eps":4,"errs":2,"rps":11.7,"avg":10.9,"min":1.0,"max":63.8,"p50":2,"p95":43,"p99":64,"res":3,"cur":{"rps":0.0,"fps":0.0,"p95":null}}"#;

    fn full() -> String {
        format!(
            "{RUN}\n{}\n{}\n{}\n{}\n",
            r#"{"k":"pin","locust":"2.47.0","python":"3.11.2","files":{"locustfile.py":"ab"}}"#,
            r#"{"k":"th","a":[[623,400],null,[null,0]]}"#,
            r#"{"k":"ep","m":"GET","name":"/","n":31,"f":0,"rps":1.5,"avg":2.0,"p95":5,"p99":16}"#,
            r#"{"k":"err","m":"POST","name":"/f","msg":"500","n":9}"#
        )
    }

    #[test]
    fn reads_every_line() {
        let report = Report::parse(&full(), "id-1").unwrap();
        assert_eq!(
            (report.run.n, report.run.f, report.run.exit),
            (70, 9, Some(1))
        );
        assert_eq!(report.run.p95, Some(43.0));
        assert_eq!(report.pin.unwrap().files["locustfile.py"], "ab");
        assert_eq!(report.endpoints[0].name, "/");
        assert_eq!(report.errors[0].n, 9);
        assert_eq!((report.run.eps, report.run.errs), (4, 2));
        let actual = |value, requests| Some(Actual { value, requests });
        assert_eq!(
            report.actuals,
            [actual(Some(623.0), 400), None, actual(None, 0)]
        );
    }

    #[test]
    fn a_report_of_another_run_is_none() {
        assert_eq!(Report::parse(&full(), "id-2"), None);
    }

    #[test]
    fn a_traceback_is_none() {
        assert_eq!(
            Report::parse("Traceback (most recent call last):\n  File", "id-1"),
            None
        );
    }

    proptest! {
        #[test]
        fn a_cut_loses_only_what_is_cut(length in 0usize..900) {
            let text = full();
            let cut = &text[..length.min(text.len())];
            prop_assert_eq!(Report::parse(cut, "id-1").is_some(), cut.len() >= RUN.len());
        }
    }
}
