//! Reads a Markdown file into a [`super::model::Runbook`], reporting every fault.
