//! Text on its way to a terminal: made harmless, and broken into lines that fit.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Makes outside text safe for a terminal: one line; control, format and bidirectional characters made visible.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if is_hostile(c) => escape(c, &mut out),
            c => out.push(c),
        }
    }
    out
}

/// [`plain`], keeping line breaks.
pub fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// The last guard before a terminal: only line breaks and our own colours pass, whoever forgot [`plain`].
pub fn guarded(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '\n' => 1,
            '\x1b' => colour(rest),
            _ => 0,
        };
        if taken > 0 {
            out.push_str(&rest[..taken]);
            rest = &rest[taken..];
            continue;
        }
        match c {
            '\t' => out.push(' '),
            c if is_hostile(c) => escape(c, &mut out),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(out)
}

/// The same JSON document, in which what could move a terminal is written as `\uXXXX`.
pub fn json_plain(text: &str) -> Cow<'_, str> {
    // Beyond ASCII everything stands within a string, where an escape means the same.
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hostile(c) && c >= '\x7f' {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Breaks every line wider than `width` between words; what follows is indented by `hang` more than its line.
///
/// Colours take no room. A word wider than the line stays whole: it is an address or a hash to copy.
pub fn fold(text: &str, width: usize, hang: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (n, line) in text.split('\n').enumerate() {
        if n > 0 {
            out.push('\n');
        }
        fold_line(line, width, hang, &mut out);
    }
    out
}

fn fold_line(line: &str, width: usize, hang: usize, out: &mut String) {
    if columns(line) <= width {
        out.push_str(line);
        return;
    }
    let indent = line.len() - line.trim_start_matches(' ').len();
    // However deep it is indented, half of the line is for words.
    let next = " ".repeat((indent + hang).min(width / 2));
    out.push_str(&line[..indent]);
    let mut used = indent;
    let mut is_fresh = true;
    for word in line[indent..].split(' ') {
        let wide = columns(word);
        if !is_fresh && used + 1 + wide > width {
            // What was only there to align has no work at a line's end.
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&next);
            used = next.len();
            is_fresh = true;
        }
        if word.is_empty() && is_fresh {
            continue;
        }
        if !is_fresh {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
        is_fresh = false;
    }
}

/// Columns that `text` takes, colours not counted.
pub fn columns(text: &str) -> usize {
    if !text.contains('\x1b') {
        return text.width();
    }
    let (mut rest, mut n) = (text, 0);
    while let Some(c) = rest.chars().next() {
        match colour(rest) {
            0 => {
                n += c.width().unwrap_or(0);
                rest = &rest[c.len_utf8()..];
            }
            taken => rest = &rest[taken..],
        }
    }
    n
}

/// Length of the colour sequence that `text` begins with; 0 for none.
fn colour(text: &str) -> usize {
    let Some(body) = text.strip_prefix("\x1b[") else { return 0 };
    let digits = body.len() - body.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
    if digits <= 16 && body[digits..].starts_with('m') { 2 + digits + 1 } else { 0 }
}

fn escape(c: char, out: &mut String) {
    out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
}

/// Controls of either kind, and characters that are not seen or turn the text round. What joins letters of a script or
/// chooses the look of the letter before it stays.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0x00AD | 0x034F | 0x061C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180E | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3
            | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What no terminal may get, written down a second time and from the other side: what each does.
    fn may_reach_a_terminal(c: char) -> bool {
        let n = u32::from(c);
        let is_c0_or_c1 = n < 0x20 || (0x7f..0xa0).contains(&n);
        let turns_round = [0x061C, 0x200E, 0x200F].contains(&n) || (0x202A..=0x202E).contains(&n) || (0x2066..=0x2069).contains(&n);
        let has_no_width = [0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0x00AD, 0x180E].contains(&n);
        let breaks_lines = [0x2028, 0x2029, 0x0085].contains(&n);
        let is_tag = (0xE0000..=0xE007F).contains(&n);
        !(is_c0_or_c1 || turns_round || has_no_width || breaks_lines || is_tag)
    }

    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            prop::sample::select(vec![
                "\x1b[2J",
                "\x1b]0;title\x07",
                "\x1b]8;;http://x\x1b\\",
                "\x1bP",
                "\x1b[31m",
                "\x1b[",
                "\u{9b}31m",
                "\u{9d}",
                "\u{90}",
                "\u{202e}",
                "\u{2066}",
                "\u{200b}",
                "\u{feff}",
                "\u{e0041}",
                "\r",
                "\n",
                "\t",
                "\x08",
                "\x7f",
                "\0",
                "\u{2028}",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
            "[ -~]{0,8}",
        ];
        prop::collection::vec(piece, 0..24).prop_map(|v| v.concat())
    }

    /// Takes our own colours out, which the guard lets pass.
    fn without_colours(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let n = colour(rest);
            if n == 0 {
                out.push(c);
            }
            rest = &rest[n.max(if n == 0 { c.len_utf8() } else { n })..];
        }
        out
    }

    #[test]
    fn outside_text_cannot_move_the_cursor_or_turn_the_line_round() {
        assert_eq!(plain("a\x1b[2Jb\u{202e}c\r\nd"), "a\\u{1b}[2Jb\\u{202e}c  d");
        assert_eq!(plain("\u{9b}31m\u{e0041}"), "\\u{9b}31m\\u{e0041}");
        assert_eq!(plain("łódź 🦆 ⚠\u{fe0f} मराठी"), "łódź 🦆 ⚠\u{fe0f} मराठी");
    }

    #[test]
    fn no_character_at_all_gets_through_that_must_not() {
        for c in (0..=0x0010_ffff).filter_map(char::from_u32) {
            let shown = plain(&c.to_string());
            assert!(shown.chars().all(may_reach_a_terminal), "{:x} came out as {shown:?}", u32::from(c));
        }
    }

    #[test]
    fn the_guard_lets_our_colours_pass_and_nothing_else() {
        assert_eq!(guarded("\x1b[1;31mUNMET\x1b[0m\n"), "\x1b[1;31mUNMET\x1b[0m\n");
        assert_eq!(guarded("\x1b[2J\x1b[31\x1b[0;m"), "\\u{1b}[2J\\u{1b}[31\x1b[0;m");
        assert_eq!(guarded("a\tb\rc"), "a b\\u{d}c");
    }

    #[test]
    fn json_says_the_same_without_moving_the_terminal() {
        let value = serde_json::json!({"a": "\u{9b}2J\u{202e}x\u{7f}\u{e0041}\x1b[2J ok 🦆"});
        let text = value.to_string();
        let safe = json_plain(&text);
        assert!(safe.chars().all(may_reach_a_terminal), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn lines_are_folded_between_words_and_hang() {
        assert_eq!(fold("  1 one two three four", 12, 2), "  1 one two\n    three\n    four");
        assert_eq!(fold("short\n\nlines", 12, 2), "short\n\nlines");
        assert_eq!(fold("see https://example.com/a/long/address now", 20, 2), "see\n  https://example.com/a/long/address\n  now");
        assert_eq!(fold("\x1b[1mbold words here\x1b[0m", 11, 1), "\x1b[1mbold words\n here\x1b[0m");
        assert_eq!(fold("a    b         c", 6, 0), "a    b\nc");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn plain_text_is_one_harmless_line(text in hostile()) {
            let shown = plain(&text);
            prop_assert!(shown.chars().all(may_reach_a_terminal), "{:?}", shown);
            prop_assert_eq!(plain(&shown), shown.clone(), "twice is once");
        }

        #[test]
        fn kept_lines_are_harmless_too(text in hostile()) {
            prop_assert!(plain_lines(&text).split('\n').all(|l| l.chars().all(may_reach_a_terminal)));
        }

        #[test]
        fn the_guard_stops_what_was_forgotten(text in hostile()) {
            let shown = guarded(&text);
            let rest = without_colours(&shown);
            prop_assert!(rest.split('\n').all(|l| l.chars().all(may_reach_a_terminal)), "{:?}", rest);
            prop_assert_eq!(guarded(&shown), shown.as_ref(), "twice is once");
        }

        #[test]
        fn json_stays_the_same_document(text in hostile()) {
            let value = serde_json::Value::String(text);
            let safe = json_plain(&value.to_string()).into_owned();
            prop_assert!(safe.chars().all(may_reach_a_terminal), "{:?}", safe);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }

        #[test]
        fn folding_fits_the_width_and_loses_no_word(text in "[a-z鴨 ]{0,120}", width in 8usize..60, hang in 0usize..6) {
            let folded = fold(&text, width, hang);
            for line in folded.lines() {
                prop_assert!(columns(line) <= width || line.split_whitespace().count() <= 1, "{line:?} at {width}");
            }
            let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&folded), words(&text));
        }
    }
}
