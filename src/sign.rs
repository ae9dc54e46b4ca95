//! SSH signatures: who may sign, whether a signature holds, and the program that makes one.
//!
//! Knows keys, namespaces and times, nothing of incidents. Checks in this process; only [`keygen`] starts a program.

pub mod keygen;
pub mod signers;
pub mod sshsig;
#[cfg(test)]
pub(crate) mod testing;

/// The namespace of approvals: a signature made for anything else (a git commit, a login) is none.
pub const APPROVAL: &str = "approval@blotter";
