//! Numbers over time: keyframes that are held or joined by straight lines.

use crate::record::time::Timestamp;

/// How a number moves from one keyframe to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Between {
    /// Stays until the next keyframe.
    Hold,
    /// Moves in a straight line, cut to whole numbers on the way: it is a count.
    Line,
}

/// A number over time. Before the first keyframe it has the first value, after the last one the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    between: Between,
    frames: Vec<(Timestamp, f64)>,
}

impl Series {
    /// A number that never changes.
    pub fn constant(at: Timestamp, value: f64) -> Self {
        Self { between: Between::Hold, frames: vec![(at, value)] }
    }

    /// A number that jumps at each keyframe.
    pub fn steps(frames: impl IntoIterator<Item = (Timestamp, f64)>) -> Self {
        Self::of(Between::Hold, frames)
    }

    /// A number that moves in straight lines between keyframes.
    pub fn lines(frames: impl IntoIterator<Item = (Timestamp, f64)>) -> Self {
        Self::of(Between::Line, frames)
    }

    fn of(between: Between, frames: impl IntoIterator<Item = (Timestamp, f64)>) -> Self {
        let mut frames: Vec<_> = frames.into_iter().collect();
        frames.sort_by_key(|(at, _)| *at);
        Self { between, frames }
    }

    /// The value at `at`; 0 for a series without keyframes.
    pub fn at(&self, at: Timestamp) -> f64 {
        let next = self.frames.partition_point(|(t, _)| *t <= at);
        let Some(&(from, start)) = self.frames.get(next.saturating_sub(1)) else { return 0.0 };
        match (self.between, self.frames.get(next)) {
            (Between::Line, Some(&(to, end))) if at > from => {
                let share = ratio(at.since(from), to.since(from));
                (start + (end - start) * share).floor()
            }
            _ => start,
        }
    }

    /// Keeps what was until `at` and puts `frames` in place of what would have come.
    pub fn bend(&mut self, at: Timestamp, frames: impl IntoIterator<Item = (Timestamp, f64)>) {
        let here = self.at(at);
        self.frames.retain(|(t, _)| *t < at);
        self.frames.push((at, here));
        self.frames.extend(frames);
        self.frames.sort_by_key(|(t, _)| *t);
    }
}

/// `part / whole` of two spans in milliseconds; spans of a stack's life are far below 2^53.
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 {
        return 1.0;
    }
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_millis(minute * 60_000).unwrap()
    }

    #[test]
    fn steps_hold_and_lines_rise() {
        let steps = Series::steps([(at(10), 5.0), (at(20), 0.0)]);
        assert_eq!([at(0), at(10), at(19), at(20), at(99)].map(|t| steps.at(t)), [5.0, 5.0, 5.0, 0.0, 0.0]);
        let lines = Series::lines([(at(0), 0.0), (at(10), 20.0)]);
        assert_eq!([at(0), at(1), at(5), at(10), at(50)].map(|t| lines.at(t)), [0.0, 2.0, 10.0, 20.0, 20.0]);
    }

    #[test]
    fn a_bent_series_keeps_its_past() {
        let mut series = Series::lines([(at(0), 0.0), (at(100), 100.0)]);
        series.bend(at(50), [(at(60), 50.0)]);
        assert_eq!([at(25), at(50), at(60), at(100)].map(|t| series.at(t)), [25.0, 50.0, 50.0, 50.0]);
    }
}
