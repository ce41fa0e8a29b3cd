//! The clock that leaderships are measured with.

use std::{sync::Arc, time::Duration};

use locust_core::lease::Moment;
use rustix::time::{ClockId, clock_gettime};

/// A clock that never goes back, and goes on while the process is stopped.
#[derive(Clone)]
pub(crate) struct Clock {
    now: Arc<dyn Fn() -> Moment + Send + Sync>,
}

impl Clock {
    /// The clock that this function reads.
    pub fn new(now: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self { now: Arc::new(now) }
    }

    /// The machine's time since its boot; unlike `Instant` it also counts while the whole machine sleeps.
    pub fn since_boot() -> Self {
        Self::new(|| {
            let time = clock_gettime(ClockId::Boottime);
            let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
            let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
            Moment(Duration::new(seconds, nanos))
        })
    }

    /// What it shows.
    pub fn now(&self) -> Moment {
        (self.now)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_since_boot_goes_on() {
        let clock = Clock::since_boot();
        let begin = clock.now();
        std::thread::sleep(Duration::from_millis(20));
        let passed = begin.until(clock.now());
        assert!(passed >= Duration::from_millis(20), "{passed:?}");
        assert!(begin > Moment(Duration::ZERO));
    }
}
