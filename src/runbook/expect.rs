//! Expectations: `left op literal` on a result.
