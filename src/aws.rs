//! AWS configuration, identity, and what went wrong: the one place that knows the SDK's runtime.
