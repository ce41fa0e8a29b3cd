//! What an OpenTelemetry collector received, read from what its debug exporter prints.

use anyhow::{Context, Result};

/// What arrives in the collector's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Numbers.
    Metrics,
    /// One for each request.
    Spans,
    /// Lines of a log.
    Logs,
}

/// What one process sent at one time.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// What it is.
    pub signal: Signal,
    text: &'a str,
}

/// A histogram, all of its series together.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// Its unit.
    pub unit: String,
    /// How its buckets are cut.
    pub kind: String,
    /// Number of values.
    pub count: u64,
    /// Lower and upper bounds of the buckets that hold values.
    pub buckets: Vec<(f64, f64)>,
}

const BEGINNINGS: [(&str, Signal); 3] = [
    ("ResourceMetrics #", Signal::Metrics),
    ("ResourceSpans #", Signal::Spans),
    ("ResourceLog #", Signal::Logs),
];

/// The reports in a collector's log, the oldest first.
pub fn reports(log: &str) -> Vec<Report<'_>> {
    let mut begins = Vec::new();
    let mut at = 0;
    for line in log.split_inclusive('\n') {
        let signal = BEGINNINGS
            .iter()
            .find(|(beginning, _)| line.starts_with(beginning));
        begins.extend(signal.map(|(_, signal)| (at, *signal)));
        at += line.len();
    }
    let ends = begins.iter().skip(1).map(|(at, _)| *at).chain([log.len()]);
    begins
        .iter()
        .zip(ends)
        .map(|((begin, signal), end)| Report {
            signal: *signal,
            text: &log[*begin..end],
        })
        .collect()
}

impl Report<'_> {
    /// An attribute of the process that sent it.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let resource = self.text.split("\nScope").next()?;
        let value = field(resource, name)?;
        value.strip_prefix("Str(")?.strip_suffix(')')
    }

    /// How many metrics or spans of this name are in it.
    pub fn count(&self, name: &str) -> usize {
        let named = |line: &&str| {
            let line = line.trim_start().trim_start_matches("-> ");
            line.strip_prefix("Name").is_some_and(|rest| {
                rest.trim_start()
                    .strip_prefix(':')
                    .is_some_and(|found| found.trim() == name)
            })
        };
        self.text.lines().filter(named).count()
    }

    /// The histogram of this name, if it is in it.
    pub fn histogram(&self, name: &str) -> Result<Option<Histogram>> {
        let mut metrics = self.text.split("\nMetric #");
        let Some(metric) = metrics.find(|metric| field(metric, "Name") == Some(name)) else {
            return Ok(None);
        };
        let text = |name: &str| {
            let found = field(metric, name).with_context(|| format!("no {name}: {metric}"));
            found.map(str::to_owned)
        };
        let mut histogram = Histogram {
            unit: text("Unit")?,
            kind: text("DataType")?,
            count: 0,
            buckets: Vec::new(),
        };
        for line in metric.lines() {
            if let Some(count) = line.strip_prefix("Count: ") {
                histogram.count += count.parse::<u64>()?;
            } else if let Some(bucket) = line.strip_prefix("Bucket (") {
                histogram.buckets.extend(filled(bucket)?);
            }
        }
        Ok(Some(histogram))
    }
}

/// The value in the first line `-> NAME: VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("-> "))
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The bounds in `LOWER, UPPER], Count: N`, if the bucket holds anything.
fn filled(bucket: &str) -> Result<Option<(f64, f64)>> {
    let parts = || {
        let (bounds, count) = bucket.split_once("], Count: ")?;
        let (lower, upper) = bounds.split_once(", ")?;
        Some((lower, upper, count))
    };
    let (lower, upper, count) = parts().with_context(|| format!("not a bucket: {bucket}"))?;
    Ok(if count.trim() == "0" {
        None
    } else {
        Some((lower.parse()?, upper.parse()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"{"level":"info","msg":"Everything is ready."}
Metrics	{"resource metrics": 1, "metrics": 2, "data points": 3}
ResourceMetrics #0
Resource attributes:
     -> locust.run.id: Str(1)
     -> locust.role: Str(worker)
ScopeMetrics #0
InstrumentationScope locust 
Metric #0
Descriptor:
     -> Name: http.client.duration
     -> Unit: ms
     -> DataType: ExponentialHistogram
Count: 9
Metric #1
Descriptor:
     -> Name: locust.client.duration
     -> Unit: s
     -> DataType: ExponentialHistogram
ExponentialHistogramDataPoints #0
Data point attributes:
     -> name: Str(/)
Count: 2
Bucket [-1.021897, -1.000000), Count: 0
Bucket (0.006860, 0.007011], Count: 1
Bucket (0.007011, 0.007164], Count: 0
Bucket (0.007164, 0.007321], Count: 1
ExponentialHistogramDataPoints #1
Count: 3
Bucket (0.100000, 0.103000], Count: 3

Traces	{"resource spans": 1, "spans": 2}
ResourceSpans #0
Resource attributes:
     -> locust.run.id: Str(2)
ScopeSpans #0
Span #0
    Name           : GET /
Attributes:
     -> locust.role: Str(nobody)
Span #1
    Name           : GET /
"#;

    #[test]
    fn reports_are_told_apart() {
        let reports = reports(LOG);
        let runs: Vec<_> = reports
            .iter()
            .map(|it| (it.signal, it.attribute("locust.run.id")))
            .collect();
        assert_eq!(
            runs,
            [(Signal::Metrics, Some("1")), (Signal::Spans, Some("2"))]
        );
        assert_eq!(reports[0].attribute("locust.role"), Some("worker"));
        // That of a span is not one of the process.
        assert_eq!(reports[1].attribute("locust.role"), None);
        assert_eq!(reports[0].count("locust.client.duration"), 1);
        assert_eq!(reports[1].count("GET /"), 2);
    }

    #[test]
    fn a_histogram_has_the_values_of_all_its_series() {
        let reports = reports(LOG);
        let histogram = reports[0].histogram("locust.client.duration").unwrap();
        assert_eq!(
            histogram,
            Some(Histogram {
                unit: "s".to_owned(),
                kind: "ExponentialHistogram".to_owned(),
                count: 5,
                buckets: vec![(0.006_86, 0.007_011), (0.007_164, 0.007_321), (0.1, 0.103)],
            })
        );
        assert_eq!(reports[0].histogram("locust.users.count").unwrap(), None);
    }
}
