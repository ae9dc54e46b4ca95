//! Redacting twice is redacting once, a piece at a time is all at once, and the text never grows beyond its markers.

#![no_main]

use std::io::Read as _;

use blotter::redact::{Counts, Redactor};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let redactor = Redactor::default();
    let mut counts = Counts::new();
    let once = redactor.redact_bytes(raw, &mut counts).into_owned();
    let mut none = Counts::new();
    let twice = redactor.redact_bytes(&once, &mut none).into_owned();
    assert_eq!(once, twice, "redacted again: {none:?}");
    // Each marker is shorter than this, and each stands for at least one byte.
    assert!(once.len() <= raw.len() + 64 * counts.values().map(|n| usize::try_from(*n).unwrap_or(usize::MAX)).sum::<usize>());
    let mut streamed = Vec::new();
    redactor.redact_stream(raw).read_to_end(&mut streamed).expect("memory can be read");
    assert_eq!(streamed, once, "by a stream");
});
