//! Who must be told, and by when.
