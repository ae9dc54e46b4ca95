//! An incident in the few facts that lists and small commands need: a fold of constant size.
