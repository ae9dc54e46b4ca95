//! Asks the world. Changes nothing.
//!
//! Never meets `store` or `perform`.
