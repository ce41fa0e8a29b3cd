//! Thresholds: what a run must hold to pass.
//!
//! The plugin in the master has the histograms and says what was measured; here it is judged. [`parse`] turns the spec
//! into [`Limit`]s once, for the plugin's settings as for the judgement.

mod judge;
mod pattern;
mod value;

use locust_api::{
    Duration,
    v2::{AbortRule, EndpointSelector, Metric, OnNoData, Operator, Severity, Threshold},
};

pub use judge::{Judgement, judge};
use value::Unit;
pub(crate) use value::response_millis;

use crate::problems::{Problem, Problems};

/// A threshold that makes sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit<'a> {
    /// Its name.
    pub name: &'a str,
    /// What is measured.
    pub metric: Metric,
    /// Which requests; `None` is all.
    pub endpoint: Option<Endpoint<'a>>,
    /// How the measured must compare.
    pub op: Operator,
    /// The limit in the metric's base unit: milliseconds, failed per made, per second, or a count.
    pub value: f64,
    /// The limit as it was written.
    pub written: &'a str,
    /// What a breach means.
    pub severity: Severity,
    /// Requests below which nothing is judged.
    pub min_requests: i64,
    /// What it means when nothing is judged.
    pub on_no_data: OnNoData,
    /// When a breach ends the load.
    pub abort: Option<Abort>,
}

/// Which requests a threshold is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// Their method; `None` is any.
    pub method: Option<&'a str>,
    /// Their name.
    pub name: Name<'a>,
}

/// How requests are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// This name.
    Exact(&'a str),
    /// Every name that this regular expression matches anywhere.
    Regex(&'a str),
}

/// When a breach ends the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort {
    /// From the start of load until the first look.
    pub delay: Duration,
    /// For how long the breach must last.
    pub sustained: Duration,
}

impl Limit<'_> {
    /// What must hold, for people: `p95 of GET /checkout < 500ms`.
    pub fn words(&self) -> String {
        let Self {
            metric,
            endpoint,
            op,
            written,
            ..
        } = self;
        let of = endpoint.map_or_else(String::new, |Endpoint { method, name }| {
            let method = method.map_or_else(String::new, |method| format!("{method} "));
            match name {
                Name::Exact(name) => format!(" of {method}{name}"),
                Name::Regex(regex) => format!(" of {method}~ {regex}"),
            }
        });
        format!("{}{of} {} {written}", metric.as_str(), op.sign())
    }

    /// A measured value, for people.
    pub fn shown(&self, actual: f64) -> String {
        Unit::of(self.metric).show(actual)
    }
}

/// The limits of a spec.
///
/// # Errors
/// When one makes no sense: all that is wrong with them.
pub fn parse(thresholds: &[Threshold]) -> Result<Vec<Limit<'_>>, Problems> {
    let mut problems = Problems::default();
    let mut limits = Vec::with_capacity(thresholds.len());
    for (index, threshold) in thresholds.iter().enumerate() {
        let limit = parse_one(threshold, &format!("spec.thresholds[{index}]"));
        limits.extend(problems.collect(limit.map(Some)));
    }
    problems.or(limits)
}

fn parse_one<'a>(threshold: &'a Threshold, path: &str) -> Result<Limit<'a>, Problems> {
    let Threshold {
        name,
        metric,
        endpoint,
        op,
        value: written,
        severity: _,
        min_requests,
        on_no_data: _,
        abort,
    } = threshold;
    let mut problems = Problems::default();
    let value = problems.collect(
        Unit::of(*metric)
            .parse(written)
            .map_err(|words| Problem::new(format!("{path}.value"), words)),
    );
    let endpoint = problems.collect(
        endpoint
            .as_ref()
            .map(|selector| select(selector, path))
            .transpose(),
    );
    if min_requests.is_some() && matches!(metric, Metric::Rps | Metric::Requests) {
        problems.add(Problem::new(
            format!("{path}.minRequests"),
            format!(
                "{} is judged however few requests there are; leave it out",
                metric.as_str()
            ),
        ));
    }
    let grows = *metric == Metric::Requests && matches!(op, Operator::Gt | Operator::Gte);
    if abort.is_some() && grows {
        problems.add(Problem::new(
            format!("{path}.abort"),
            "the number of requests only grows, so a lower limit can only be judged at the end; leave it out",
        ));
    }
    problems.or(Limit {
        name,
        metric: *metric,
        endpoint,
        op: *op,
        value,
        written,
        severity: threshold.effective_severity(),
        min_requests: threshold.effective_min_requests(),
        on_no_data: threshold.effective_on_no_data(),
        abort: abort.as_ref().map(of_rule),
    })
}

fn of_rule(rule: &AbortRule) -> Abort {
    Abort {
        delay: rule.effective_delay(),
        sustained: rule.effective_sustained(),
    }
}

fn select<'a>(selector: &'a EndpointSelector, path: &str) -> Result<Endpoint<'a>, Problem> {
    let EndpointSelector {
        method,
        name,
        name_regex,
    } = selector;
    let name = match (name.as_deref(), name_regex.as_deref()) {
        (Some(name), None) => Name::Exact(name),
        (None, Some(regex)) => {
            pattern::check(regex)
                .map_err(|words| Problem::new(format!("{path}.endpoint.nameRegex"), words))?;
            Name::Regex(regex)
        }
        (Some(_), Some(_)) | (None, None) => {
            return Err(Problem::new(
                format!("{path}.endpoint"),
                "name or nameRegex, one of the two",
            ));
        }
    };
    Ok(Endpoint {
        method: method.as_deref(),
        name,
    })
}

#[cfg(test)]
mod tests;
