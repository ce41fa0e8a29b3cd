//! The numbers of running tests: bounded, and gone when a test is.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use locust_core::live_metrics::{FAMILIES, Family, Kind, Sample};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet},
    metrics::{MetricType, counter::Counter},
};
use tokio::time::Instant;

/// Tests whose numbers are shown at once. With all endpoints and percentiles that is at most about 13000 lines.
pub const TESTS: usize = 100;

/// Numbers that were read longer ago say nothing of now.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// Labels that every metric of a running test has before its own.
pub const LABELS: [&str; 2] = ["namespace", "test"];

/// Namespace and name of a test.
type Key = (String, String);

struct Numbers {
    read_at: Instant,
    samples: Vec<Sample>,
}

/// The last numbers of running tests.
#[derive(Default)]
pub(super) struct LiveNumbers {
    tests: Mutex<BTreeMap<Key, Numbers>>,
    left_out: Counter,
}

impl LiveNumbers {
    /// Counts reports that found no place.
    pub fn left_out(&self) -> &Counter {
        &self.left_out
    }

    /// Replaces the numbers of a test; none of them forgets it.
    pub fn set(&self, namespace: &str, test: &str, samples: Vec<Sample>) {
        if samples.is_empty() {
            return self.forget(namespace, test);
        }
        let read_at = Instant::now();
        let key = (namespace.to_owned(), test.to_owned());
        let mut tests = self.tests();
        if tests.len() >= TESTS && !tests.contains_key(&key) {
            tests.retain(|_, numbers| numbers.are_fresh());
        }
        if tests.len() >= TESTS && !tests.contains_key(&key) {
            self.left_out.inc();
            return;
        }
        tests.insert(key, Numbers { read_at, samples });
    }

    /// Drops the numbers of a test.
    pub fn forget(&self, namespace: &str, test: &str) {
        let key = (namespace.to_owned(), test.to_owned());
        self.tests().remove(&key);
    }

    /// Drops all numbers.
    pub fn forget_all(&self) {
        self.tests().clear();
    }

    fn tests(&self) -> MutexGuard<'_, BTreeMap<Key, Numbers>> {
        self.tests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Numbers {
    fn are_fresh(&self) -> bool {
        self.read_at.elapsed() < FRESH_FOR
    }
}

// What was read of users' tests is no matter for logs.
impl std::fmt::Debug for LiveNumbers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("LiveNumbers")
            .finish_non_exhaustive()
    }
}

impl Collector for LiveNumbers {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let tests = self.tests();
        for family in FAMILIES {
            let samples: Vec<(&Key, &Sample)> = tests
                .iter()
                .filter(|(_, numbers)| numbers.are_fresh())
                .flat_map(|(key, numbers)| numbers.samples.iter().map(move |one| (key, one)))
                .filter(|(_, sample)| std::ptr::eq(sample.family, *family))
                .collect();
            if !samples.is_empty() {
                encode_family(family, &samples, &mut encoder)?;
            }
        }
        Ok(())
    }
}

fn encode_family(
    family: &Family,
    samples: &[(&Key, &Sample)],
    encoder: &mut DescriptorEncoder,
) -> Result<(), std::fmt::Error> {
    let kind = match family.kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
    };
    let mut metric = encoder.encode_descriptor(family.name, family.help, None, kind)?;
    for ((namespace, test), sample) in samples {
        let own = sample.labels.iter().map(String::as_str);
        let labels: Vec<(&str, &str)> = LABELS
            .into_iter()
            .chain(family.labels.iter().copied())
            .zip([namespace.as_str(), test.as_str()].into_iter().chain(own))
            .collect();
        let mut one = metric.encode_family(&labels)?;
        match family.kind {
            Kind::Counter => one.encode_counter::<NoLabelSet, _, f64>(&sample.value, None)?,
            Kind::Gauge => one.encode_gauge(&sample.value)?,
        }
    }
    Ok(())
}
