//! Any text is a runbook or has faults, each at a place that exists.

#![no_main]

use blotter::runbook::parse::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let parsed = parse(text);
    let lines = text.lines().count().max(1);
    for d in &parsed.diagnostics {
        assert!((1..=lines + 1).contains(&d.line), "line {} of {lines}: {}", d.line, d.message);
        assert!(d.col >= 1);
    }
    assert!(parsed.runbook.is_some() || !parsed.diagnostics.is_empty(), "no runbook, and nothing said");
});
