//! What is wrong in a runbook, where, and what to do about it.
