//! What people read: Markdown and HTML made from the record alone.
//!
//! Pure. Imports `record`; never sees `store`.
