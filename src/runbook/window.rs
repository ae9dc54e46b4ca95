//! Functions over the recent past of a series.
