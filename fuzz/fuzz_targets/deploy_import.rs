//! Any text is a deploy log: its rows and what could not be read have lines that exist, and the rows are in order.

#![no_main]

use blotter::document::deploy_log::{Defaults, import};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = import(text, &Defaults::default());
    let lines = text.lines().count();
    assert!(read.rows.windows(2).all(|w| w[0].at <= w[1].at));
    for line in read.rows.iter().map(|r| r.line).chain(read.unreadable.iter().map(|u| u.line)) {
        assert!((1..=lines).contains(&line), "line {line} of {lines}");
    }
});
