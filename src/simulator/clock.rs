//! The clock of a simulated stack: it follows a source and can be moved, so that days pass in a moment.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use crate::record::time::Timestamp;

/// Where a clock takes its time from, before the offset that [`Clock::advance`] adds.
enum Source {
    Fixed(Timestamp),
    Ticking { from: Timestamp, since: Instant },
    Reading(Box<dyn Fn() -> Timestamp + Send + Sync>),
}

/// A movable clock. Clones share one time, so a drill can hold the clock that its stack lives by.
#[derive(Clone)]
pub struct Clock {
    source: Arc<Source>,
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// Stands still at `at` until it is moved.
    pub fn fixed(at: Timestamp) -> Self {
        Self::over(Source::Fixed(at))
    }

    /// Starts at `from` and runs at the pace of the machine's monotonic clock.
    pub fn ticking(from: Timestamp) -> Self {
        Self::over(Source::Ticking { from, since: Instant::now() })
    }

    /// Follows `read`, for example the real clock.
    pub fn reading(read: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self::over(Source::Reading(Box::new(read)))
    }

    fn over(source: Source) -> Self {
        Self { source: Arc::new(source), offset: Arc::new(AtomicI64::new(0)) }
    }

    /// The time of the stack.
    pub fn now(&self) -> Timestamp {
        self.unmoved().plus_millis(self.offset.load(Ordering::SeqCst))
    }

    fn unmoved(&self) -> Timestamp {
        match &*self.source {
            Source::Fixed(at) => *at,
            Source::Ticking { from, since } => from.plus_millis(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)),
            Source::Reading(read) => read(),
        }
    }

    /// Lets `ms` milliseconds pass at once; negative goes back.
    pub fn advance(&self, ms: i64) {
        self.offset.fetch_add(ms, Ordering::SeqCst);
    }

    /// Moves the clock so that it shows `to` now.
    pub fn set(&self, to: Timestamp) {
        self.offset.store(to.since(self.unmoved()), Ordering::SeqCst);
    }
}

impl From<Timestamp> for Clock {
    fn from(at: Timestamp) -> Self {
        Self::fixed(at)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_one_time_and_it_can_be_moved() {
        let start: Timestamp = "2026-11-24T02:00:00Z".parse().unwrap();
        let clock = Clock::fixed(start);
        let same = clock.clone();
        clock.advance(48 * 3_600_000);
        assert_eq!(same.now().to_string(), "2026-11-26T02:00:00.000Z");
        same.set(start.plus_millis(-1000));
        assert_eq!(clock.now().since(start), -1000);
    }

    #[test]
    fn a_ticking_clock_runs() {
        let clock = Clock::ticking("2026-11-24T02:00:00Z".parse().unwrap());
        let first = clock.now();
        std::thread::sleep(std::time::Duration::from_millis(5));
        assert!(clock.now() > first);
    }
}
