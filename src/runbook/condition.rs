//! Conditions: three-valued, over probes, windows and decisions.
