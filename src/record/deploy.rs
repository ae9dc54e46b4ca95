//! The deploy record: which version stood behind an alias, and which is known to work.
