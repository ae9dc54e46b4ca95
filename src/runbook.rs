//! What to ask, and what the answer means: the runbook language.
//!
//! Pure and synchronous. Imports `record`, and knows nothing of stores, clients or terminals.

pub mod builtin;
pub mod condition;
pub mod decide;
pub mod diagnostic;
pub mod escalate;
pub mod expect;
pub mod judge;
pub mod kinds;
pub mod model;
pub mod parse;
pub mod signal;
pub mod template;
#[cfg(test)]
mod testing;
pub mod window;
