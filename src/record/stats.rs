//! Counts and durations over many incidents, each with its definition.
