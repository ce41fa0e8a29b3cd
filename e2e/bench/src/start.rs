//! From the start of the process to readiness.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use e2e_tests::Operator;

use crate::bare::Process;
use crate::cluster::Cluster;

/// Starts of each.
const STARTS: usize = 11;
/// How often readiness is asked for.
const POLL: Duration = Duration::from_micros(500);
const LIMIT: Duration = Duration::from_secs(30);

/// Medians, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// A process that makes the same lists and ends.
    pub bare: f64,
    /// The operator, until `/readyz` is 200.
    pub ours: f64,
}

/// Starts both in turn. No operator may run.
pub fn measure(cluster: &Cluster) -> Result<Start> {
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        bare.push(lists(cluster)?);
        ours.push(operator(cluster)?);
    }
    Ok(Start {
        bare: median(bare),
        ours: median(ours),
    })
}

fn lists(cluster: &Cluster) -> Result<f64> {
    let begin = Instant::now();
    Process::start(cluster, &cluster.user.kubeconfig, &["lists"])?.end()?;
    Ok(milliseconds(begin))
}

fn operator(cluster: &Cluster) -> Result<f64> {
    let log = cluster.file("logs/operator.log");
    let begin = Instant::now();
    let mut operator = Operator::start(&cluster.user.kubeconfig, &log, &[])?;
    while !matches!(operator.get("/readyz"), Ok(answer) if answer.code == 200) {
        ensure!(
            begin.elapsed() < LIMIT,
            "not ready in {LIMIT:?}: {}",
            operator.log()
        );
        std::thread::sleep(POLL);
    }
    let took = milliseconds(begin);
    operator.terminate(LIMIT)?;
    Ok(took)
}

fn milliseconds(begin: Instant) -> f64 {
    begin.elapsed().as_secs_f64() * 1000.0
}

/// The middle of an odd number of values.
pub fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The value that so many percent of the values do not exceed.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert!((median(vec![900.0, 3.0, 1.0]) - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        for (percent, value) in [(50, 100.0), (99, 198.0), (100, 200.0)] {
            let found = percentile(values.clone(), percent);
            assert!((found - value).abs() < f64::EPSILON, "{percent}: {found}");
        }
    }
}
