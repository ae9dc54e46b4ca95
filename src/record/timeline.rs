//! Each event on one line, for people.
