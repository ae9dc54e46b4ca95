//! blotter keeps the record of an incident for the person on call.
//!
//! The map is `ARCHITECTURE.md`: three pure rooms (`record`, `runbook`, `document`), a shell that touches
//! the world (`store`, `collect`, `perform`, `app`, …), and the faces (`cli`).

pub mod app;
pub mod aws;
pub mod cli;
pub mod collect;
pub mod config;
pub mod document;
pub mod notify;
pub mod perform;
pub mod record;
pub mod redact;
pub mod runbook;
pub mod sign;
pub mod simulator;
pub mod store;
