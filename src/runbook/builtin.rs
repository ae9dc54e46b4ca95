//! The runbooks that come with the binary.
