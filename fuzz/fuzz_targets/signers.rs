//! Any text is a list of signers or has faults at places that exist; a line with a fault lets nobody in.

#![no_main]

use blotter::sign::signers::Signers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (signers, faults) = Signers::parse(text);
    let lines = text.lines().count().max(1);
    for f in &faults {
        assert!((1..=lines + 1).contains(&f.line), "line {} of {lines}: {f:?}", f.line);
        assert!(f.column >= 1, "{f:?}");
    }
    // No principal may stand for another one: neither a pattern nor nothing.
    for name in ["", "*", "?", "!T-JOSH", "T-*"] {
        assert!(!signers.knows(name, "approval@blotter"), "{name:?} is let in");
    }
});
