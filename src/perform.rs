//! Changes the world; only the gate in `app::action` calls it.
//!
//! Never meets `store` or `collect`.
