//! Which branch the evidence suggests.
