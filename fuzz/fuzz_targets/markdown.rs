//! Whatever goes into a cell, the page around it keeps its structure, and nothing in it is markup or hidden.

#![no_main]

use blotter::document::escape::{html, markdown};
use libfuzzer_sys::fuzz_target;
use pulldown_cmark::{Event, Options, Parser, Tag};

/// The blocks of a page, and whether it holds a link, an image or HTML that is not ours.
fn blocks(page: &str) -> (Vec<String>, bool) {
    let mut foreign = false;
    let mut found = Vec::new();
    for event in Parser::new_ext(page, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::Strikethrough) | Event::Html(_) => foreign = true,
            Event::InlineHtml(tag) => foreign |= !matches!(&*tag, "<br>" | "<code>" | "</code>"),
            Event::Start(Tag::Emphasis | Tag::Strong) => foreign = true,
            Event::Start(tag) => found.push(format!("{tag:?}")),
            _ => {}
        }
    }
    (found, foreign)
}

fuzz_target!(|raw: &str| {
    for shown in [markdown::text(raw), markdown::code(raw)] {
        assert!(!shown.contains(['\n', '\r', '\u{1b}', '\u{202e}', '\u{200b}']), "{shown:?}");
        for page in [|s: &str| format!("# a\n\n- {s}\n\nend\n"), |s: &str| format!("| a | b |\n| --- | --- |\n| {s} | end |\n\nend\n")] {
            let (plain, _) = blocks(&page("x"));
            let (found, foreign) = blocks(&page(&format!("x {shown}")));
            assert_eq!(found, plain, "{shown:?}");
            assert!(!foreign, "{shown:?}");
        }
    }
    let shown = html::text(raw);
    assert!(!shown.contains(['<', '>', '"', '\'', '\r', '\u{1b}', '\u{202e}']), "{shown:?}");
});
