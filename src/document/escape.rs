//! The one way by which outside text reaches a document.
//!
//! Nothing that somebody else wrote may look like our own words: no markup, no link, no new line or column, no
//! character that cannot be seen or that turns the reading direction.

/// True for characters that must be shown by their number: controls, and what hides or reorders text.
///
/// The two joiners (U+200C, U+200D) stay, since scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text in which nothing hides: what cannot be seen is shown by its number. Not an escape for any markup.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            out.push_str(&format!("\\u{{{:x}}}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn line_feeds(text: &str) -> String {
    text.replace("\r\n", "\n")
}

/// Escapes for Markdown (CommonMark, and GitHub's tables and bare links).
pub mod markdown {
    use super::{is_invisible, line_feeds};

    /// Text that reads as it was written, on one line; a line break inside becomes `<br>`.
    pub fn text(raw: &str) -> String {
        let raw = line_feeds(raw);
        let raw = raw.trim();
        let mut out = String::with_capacity(raw.len() + 8);
        let marker = list_marker(raw);
        for (i, c) in raw.char_indices() {
            match c {
                '\n' => out.push_str("<br>"),
                '\t' => out.push(' '),
                // An entity and not `\|`: readers differ on a backslash before an escaped pipe.
                '|' => out.push_str("&#124;"),
                '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '#' | '$' | '@' => push_escaped(&mut out, c),
                '>' if i == 0 => push_escaped(&mut out, c),
                '_' if !(ends_in_word(&raw[..i]) && begins_with_word(&raw[i + 1..])) => push_escaped(&mut out, c),
                '&' if raw[i + 1..].starts_with(|n: char| n == '#' || n.is_ascii_alphabetic()) => push_escaped(&mut out, c),
                ':' if raw[i..].starts_with("://") => push_escaped(&mut out, c),
                '.' if ends_with_www(&raw[..i]) => push_escaped(&mut out, c),
                _ if marker == Some(i) => push_escaped(&mut out, c),
                c if is_invisible(c) => out.push_str(&format!("\\\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        out
    }

    /// A code span that shows the text as it was written, on one line.
    pub fn code(raw: &str) -> String {
        let raw = line_feeds(raw);
        let plain = !raw.is_empty() && !raw.chars().any(|c| matches!(c, '`' | '|' | '\n' | '\t') || is_invisible(c));
        if plain && !raw.starts_with(' ') && !raw.ends_with(' ') { format!("`{raw}`") } else { format!("<code>{}</code>", text(&raw)) }
    }

    fn push_escaped(out: &mut String, c: char) {
        out.push('\\');
        out.push(c);
    }

    fn ends_in_word(before: &str) -> bool {
        before.ends_with(|c: char| c.is_ascii_alphanumeric())
    }

    fn begins_with_word(after: &str) -> bool {
        after.starts_with(|c: char| c.is_ascii_alphanumeric())
    }

    fn ends_with_www(before: &str) -> bool {
        before.len() >= 3 && before.is_char_boundary(before.len() - 3) && before[before.len() - 3..].eq_ignore_ascii_case("www")
    }

    /// Where the character stands that would make the line a list, a rule or a heading.
    fn list_marker(raw: &str) -> Option<usize> {
        let digits = raw.bytes().take_while(u8::is_ascii_digit).count();
        match raw.as_bytes().get(digits)? {
            b'-' | b'+' | b'=' if digits == 0 => Some(0),
            b'.' | b')' if digits > 0 => Some(digits),
            _ => None,
        }
    }
}

/// Escapes for HTML, in elements and in quoted attributes.
pub mod html {
    use super::{is_invisible, line_feeds};

    /// Text that reads as it was written; line breaks stay line breaks.
    pub fn text(raw: &str) -> String {
        let mut out = String::with_capacity(raw.len() + 8);
        for c in line_feeds(raw).chars() {
            match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                '\n' | '\t' => out.push(c),
                c if is_invisible(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
                c => out.push(c),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// What a reader sees of one table cell that holds `cell`, and every piece of markup in it.
    fn read(cell: &str) -> (String, Vec<String>) {
        let page = format!("| a | b |\n| - | - |\n| {cell} | end |\n");
        let (mut seen, mut markup, mut cells) = (String::new(), Vec::new(), 0);
        for event in Parser::new_ext(&page, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
            match event {
                Event::Start(Tag::TableCell) => cells += 1,
                Event::Text(t) if cells == 3 => seen.push_str(&t),
                Event::Code(t) if cells == 3 => {
                    seen.push_str(&t);
                    markup.push("code".to_owned());
                }
                Event::InlineHtml(t) if &*t == "<br>" => seen.push('\n'),
                Event::InlineHtml(t) if matches!(&*t, "<code>" | "</code>") => {}
                Event::Start(Tag::Table(_) | Tag::TableHead | Tag::TableRow) | Event::End(_) => {}
                Event::Text(_) => {}
                other => markup.push(format!("{other:?}")),
            }
        }
        assert_eq!(cells, 4, "{page}");
        (seen, markup)
    }

    #[test]
    fn hostile_text_reads_as_written_and_is_not_markup() {
        for raw in [
            "a|b",
            r"a\|b\",
            "`code` ``x",
            "<script>alert(1)</script>",
            "<!-- blotter:end incident/x -->",
            "[click](javascript:x) ![img](y)",
            "*a* _b_ **c** ~~d~~ __e__",
            "snake_case_ and _this_ a_*b_c*",
            "a -> b > c & d &amp &#62",
            "> quote",
            "# head #",
            "- list",
            "1. list",
            "2) list",
            "&lt; &amp; &#124;",
            "https://evil.example www.evil.example a@b.example",
            "line\nbreak",
            "$x$",
            "======",
        ] {
            assert_eq!(read(&markdown::text(raw)), (raw.to_owned(), vec![]), "{}", markdown::text(raw));
        }
    }

    #[test]
    fn what_cannot_be_seen_is_shown_by_number() {
        assert_eq!(markdown::text("a\u{202e}b\u{1b}[31m\u{0}\u{200b}"), "a\\\\u{202e}b\\\\u{1b}\\[31m\\\\u{0}\\\\u{200b}");
        assert_eq!(html::text("a\u{202e}\u{7}<b>'\"&\r\n"), "a\\u{202e}\\u{7}&lt;b&gt;&#39;&quot;&amp;\n");
        assert_eq!(markdown::text("👩\u{200d}🚒 é"), "👩\u{200d}🚒 é");
    }

    #[test]
    fn links_are_not_made_of_bare_addresses() {
        assert_eq!(markdown::text("see https://a.example/x"), "see https\\://a.example/x");
        assert_eq!(markdown::text("WWW.a.example"), "WWW\\.a.example");
    }

    #[test]
    fn a_line_does_not_begin_a_block() {
        for (raw, text) in
            [("- a", "\\- a"), ("+ a", "\\+ a"), ("12. a", "12\\. a"), ("1) a", "1\\) a"), ("---", "\\---"), ("1.5 s", "1\\.5 s")]
        {
            assert_eq!(markdown::text(raw), text);
        }
    }

    #[test]
    fn code_spans() {
        assert_eq!(markdown::code("ab*c"), "`ab*c`");
        for raw in ["a`b", "a|b", "``", "<b>"] {
            assert_eq!(read(&markdown::code(raw)).0, raw);
        }
        assert_eq!(markdown::code(""), "<code></code>");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_visible_text_reads_as_written(raw in "[ -~é…]{0,40}") {
            let (seen, markup) = read(&markdown::text(&raw));
            prop_assert_eq!(seen, raw.trim());
            prop_assert!(markup.is_empty(), "{:?}", markup);
            prop_assert_eq!(read(&markdown::code(&raw)).0.trim().to_owned(), raw.trim().to_owned());
        }

        #[test]
        fn any_text_stays_on_its_line(raw in any::<String>()) {
            let safe = |s: &str| !s.contains(['\n', '\r', '|', '\u{202e}', '\u{1b}']);
            prop_assert!(safe(&markdown::text(&raw)));
            prop_assert!(safe(&markdown::code(&raw)));
            prop_assert!(!html::text(&raw).contains(['<', '>', '"', '\'', '\r']));
        }
    }
}
