//! The kinds of probes and actions, and the keys each takes.
