//! A header or payload is read or refused; what was read is written as the same bytes, so that its hash stays.

#![no_main]

use blotter::record::event::{Event, Header};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (header, payload) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(read) = Header::from_bytes(header) {
        assert_eq!(read.to_bytes().ok().as_deref(), Some(header), "a header has one form");
    }
    let _ = Event::read(header, Some(payload).filter(|p| !p.is_empty()));
});
