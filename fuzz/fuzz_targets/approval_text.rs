//! An approval text is read in one form only: what was read is written as the same bytes.

#![no_main]

use blotter::record::approval::ApprovalText;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(read) = ApprovalText::parse(text) {
        assert_eq!(read.render(), text);
        assert_eq!(read.differs(&read.clone()), None);
    }
});
