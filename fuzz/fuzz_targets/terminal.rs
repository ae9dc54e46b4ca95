//! Whatever is printed, the terminal is told nothing but characters that can be seen, and folding loses none.

#![no_main]

use blotter::cli::text::{columns, fold, json_plain, plain, plain_lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    for (shown, breaks) in [(plain(raw), false), (plain_lines(raw), true)] {
        let is_safe =
            |c: char| (breaks && c == '\n') || !(c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'));
        assert!(shown.chars().all(is_safe), "{shown:?}");
    }
    let document = serde_json::to_string(raw).expect("text is JSON");
    let shown = json_plain(&document);
    assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown:?}");
    assert_eq!(serde_json::from_str::<String>(&shown).ok().as_deref(), Some(raw), "it means the same");
    let text = plain(raw);
    let folded = fold(&text, 40, 4);
    let letters = |s: &str| s.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    assert_eq!(letters(&folded), letters(&text), "folding lost something");
    for line in folded.lines() {
        let _ = columns(line);
    }
});
