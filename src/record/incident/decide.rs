//! What a person may do to an incident, and why not.
