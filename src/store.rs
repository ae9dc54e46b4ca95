//! Where the record lies: SQLite, append only.
//!
//! Knows nothing of probes, actions or documents.
