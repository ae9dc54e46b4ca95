//! What happened: events, their bytes, their chain, and the state they fold into.
//!
//! Pure and synchronous. Knows no clock, environment, file system or network, and imports no other room.

pub mod action;
pub mod actor;
pub mod approval;
pub mod brief;
pub mod chain;
pub mod deploy;
pub mod erasure;
pub mod event;
pub mod id;
pub mod incident;
pub mod observation;
pub mod proof;
pub mod stated;
pub mod stats;
#[cfg(test)]
pub(crate) mod testing;
pub mod time;
pub mod timeline;
pub mod verdict;
