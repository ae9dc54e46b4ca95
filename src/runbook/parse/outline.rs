//! The Markdown around the blocks: title, sections, steps, anchors, and the fences that are blocks.
//!
//! Knows nothing of TOML.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use regex::Regex;

use crate::runbook::diagnostic::{Sink, did_you_mean, nearest};
use crate::runbook::model::Step;

/// The kinds of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    Runbook,
    Signal,
    Probe,
    Decide,
    Action,
    Verify,
    Escalate,
}

impl BlockKind {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Runbook, "runbook"),
        (Self::Signal, "signal"),
        (Self::Probe, "probe"),
        (Self::Decide, "decide"),
        (Self::Action, "action"),
        (Self::Verify, "verify"),
        (Self::Escalate, "escalate"),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, w)| *w == word).map(|(k, _)| *k)
    }

    fn words() -> impl Iterator<Item = &'static str> {
        Self::ALL.iter().map(|(_, w)| *w)
    }

    /// The word after `toml`.
    pub(super) fn word(self) -> &'static str {
        Self::ALL.iter().find(|(k, _)| *k == self).map_or("", |(_, w)| w)
    }

    /// The word with its article.
    pub(super) fn article(self) -> String {
        let word = self.word();
        let article = if word.starts_with(['a', 'e']) { "an" } else { "a" };
        format!("{article} `{word}`")
    }
}

/// A fence that is a block.
#[derive(Debug)]
pub(super) struct Fence {
    pub(super) kind: BlockKind,
    /// Step it stands in.
    pub(super) step: Option<u32>,
    /// Its opening line.
    pub(super) open: Range<usize>,
    /// What stands between the opening and the closing line.
    pub(super) body: Range<usize>,
    /// It has a closing line of its own.
    pub(super) is_closed: bool,
}

/// What the Markdown says.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) slugs: Vec<String>,
    pub(super) steps: Vec<Step>,
    pub(super) fences: Vec<Fence>,
}

struct Heading {
    level: HeadingLevel,
    text: String,
    range: Range<usize>,
    nested: bool,
}

/// Reads the structure of the whole file.
pub(super) fn outline(text: &str, sink: &mut Sink<'_>) -> Outline {
    let mut reader = Reader { text, sink, out: Outline::default(), slugs: Slugs::default(), place: Place::default() };
    let mut depth = 0_usize;
    let mut heading: Option<Heading> = None;
    // A byte order mark hides the heading; three spaces before it do not, and keep every offset.
    let unmarked = text.strip_prefix('\u{feff}').map(|rest| format!("   {rest}"));
    let markdown = unmarked.as_deref().unwrap_or(text);
    for (event, range) in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).into_offset_iter() {
        match event {
            Event::Start(Tag::BlockQuote(_) | Tag::Item) => depth += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::Item) => depth -= 1,
            Event::Start(Tag::Heading { level, .. }) => {
                heading = Some(Heading { level, text: String::new(), range, nested: depth > 0 });
            }
            Event::Text(t) | Event::Code(t) => {
                if let Some(h) = &mut heading {
                    h.text.push_str(&t);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some(h) = &mut heading {
                    h.text.push(' ');
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some(h) = heading.take() {
                    reader.heading(&h);
                }
            }
            Event::Start(Tag::CodeBlock(kind)) => reader.code(&kind, range),
            _ => {}
        }
    }
    reader.finish()
}

/// Where the reader stands.
#[derive(Default)]
struct Place {
    titled: bool,
    in_steps: bool,
    had_steps: bool,
    /// Start of the open step's prose.
    open: Option<usize>,
}

struct Reader<'a, 't> {
    text: &'a str,
    sink: &'a mut Sink<'t>,
    out: Outline,
    slugs: Slugs,
    place: Place,
}

impl Reader<'_, '_> {
    fn heading(&mut self, h: &Heading) {
        let slug = self.slugs.next(&h.text);
        self.out.slugs.push(slug.clone());
        if h.nested {
            return;
        }
        if h.level <= HeadingLevel::H3 {
            self.close_step(h.range.start);
        }
        match h.level {
            HeadingLevel::H1 => self.title(h),
            HeadingLevel::H2 => self.section(h),
            HeadingLevel::H3 if self.place.in_steps => self.step(h, slug),
            _ => {}
        }
    }

    fn title(&mut self, h: &Heading) {
        self.place.in_steps = false;
        let at = first_line(self.text, &h.range);
        if std::mem::replace(&mut self.place.titled, true) {
            self.sink.error(at, "second `#` heading", Some("One file is one runbook; use `##` for a section.".to_owned()));
            return;
        }
        let hint = || Some("Write it as `# INC-001: Dead Lambda`; the id holds letters, digits and `-`.".to_owned());
        match h.text.split_once(": ") {
            Some((id, title)) if is_runbook_id(id) && !title.trim().is_empty() => {
                self.out.id = id.to_owned();
                self.out.title = title.trim().to_owned();
            }
            _ => self.sink.error(at, "the heading is not `# ID: Title`", hint()),
        }
    }

    fn section(&mut self, h: &Heading) {
        const SECTIONS: [&str; 3] = ["Signals", "Steps", "Escalation"];
        let name = h.text.trim();
        self.place.in_steps = name == "Steps";
        if self.place.in_steps && std::mem::replace(&mut self.place.had_steps, true) {
            let at = first_line(self.text, &h.range);
            self.sink.error(at, "second section `Steps`", Some("Put every step under the first one.".to_owned()));
        }
        if let Some(meant) = nearest(name, SECTIONS).filter(|_| !SECTIONS.contains(&name)) {
            let at = first_line(self.text, &h.range);
            let hint = format!("The section is called `{meant}`; under this heading the blocks belong to no section.");
            self.sink.warning(at, format!("`{name}` is not a section"), Some(hint));
        }
    }

    fn step(&mut self, h: &Heading, slug: String) {
        let at = first_line(self.text, &h.range);
        let wanted = u32::try_from(self.out.steps.len()).unwrap_or(u32::MAX) + 1;
        let read = h.text.split_once(". ").and_then(|(n, title)| Some((n.parse::<u32>().ok()?, title.trim())));
        let title = match read {
            Some((n, title)) if !title.is_empty() => {
                if n != wanted {
                    let hint = format!("Steps are numbered in order; this one is `### {wanted}. {title}`.");
                    self.sink.error(at, format!("step {n} stands where step {wanted} belongs"), Some(hint));
                }
                title
            }
            _ => {
                let hint = format!("Write it as `### {wanted}. {}`, or move it out of `Steps`.", h.text.trim());
                self.sink.error(at, "the heading is not `### n. Title`", Some(hint));
                h.text.trim()
            }
        };
        let line = self.sink.line(h.range.start);
        self.out.steps.push(Step { n: wanted, title: title.to_owned(), slug, line, prose: String::new() });
        self.place.open = Some(h.range.end);
    }

    /// Gives the open step its prose: everything up to `end` that is not a block.
    fn close_step(&mut self, end: usize) {
        let (Some(start), Some(step)) = (self.place.open.take(), self.out.steps.last_mut()) else { return };
        let mut parts = Vec::new();
        let mut from = start;
        for fence in self.out.fences.iter().filter(|f| f.open.start >= start) {
            parts.push(self.text[from..fence.open.start].trim());
            let close = self.text[fence.body.end..].find('\n').map_or(self.text.len(), |n| fence.body.end + n);
            from = if fence.is_closed { close.min(end) } else { fence.body.end };
        }
        parts.push(self.text[from..end].trim());
        parts.retain(|p| !p.is_empty());
        step.prose = parts.join("\n\n");
    }

    fn code(&mut self, kind: &CodeBlockKind<'_>, range: Range<usize>) {
        let open = first_line(self.text, &range);
        let line_start = self.text[..open.start].rfind('\n').map_or(0, |n| n + 1);
        let at_first_column = open.start == line_start;
        let info = match kind {
            CodeBlockKind::Fenced(info) => info.to_string(),
            CodeBlockKind::Indented => {
                let line = self.text[open.clone()].trim_start();
                line.trim_start_matches(['`', '~']).to_owned()
            }
        };
        let is_fence = matches!(kind, CodeBlockKind::Fenced(_));
        if !is_fence && !self.text[open.clone()].trim_start().starts_with(['`', '~']) {
            return;
        }
        match classify(&info) {
            Class::Prose => {}
            Class::Fault(message, hint) => self.sink.error(open, message, Some(hint)),
            Class::Block(_) if !is_fence || !at_first_column => {
                let hint = "Move it out of the list or quotation, to the left margin.".to_owned();
                self.sink.error(open, "a block must start in column 1", Some(hint));
            }
            Class::Block(kind) => self.block(kind, open, &range),
        }
    }

    fn block(&mut self, kind: BlockKind, open: Range<usize>, range: &Range<usize>) {
        let marks: String = self.text[open.clone()].chars().take_while(|c| matches!(c, '`' | '~')).collect();
        let start = self.text[open.end..].find('\n').map_or(self.text.len(), |n| open.end + n + 1);
        let whole = self.text[..range.end].trim_end();
        let last = whole.rfind('\n').map_or(0, |n| n + 1);
        let closed_at = (last >= start && whole[last..].trim_start().starts_with(&marks)).then_some(last);
        let end = closed_at.unwrap_or(range.end.max(start));
        // Markdown lets a block that is never closed run on over the opening of the next one.
        let next = self.next_opening(&(start..end), &marks);
        let is_closed = closed_at.is_some() && next.is_none();
        if !is_closed {
            let before = next.as_ref().map_or_else(String::new, |n| format!(" before line {}", self.sink.line(n.start)));
            let hint = format!("Close it with {marks} on a line of its own{before}.");
            self.sink.error(open.clone(), "the block is never closed", Some(hint));
        }
        let step = self.place.open.and_then(|_| self.out.steps.last()).map(|s| s.n);
        let body = start..next.as_ref().map_or(end, |n| n.start);
        self.out.fences.push(Fence { kind, step, open, body, is_closed });
        if let Some(open) = next {
            let info = self.text[open.clone()].trim_start_matches(['`', '~']).to_owned();
            match classify(&info) {
                Class::Prose => {}
                Class::Fault(message, hint) => self.sink.error(open, message, Some(hint)),
                Class::Block(kind) => self.block(kind, open.clone(), &(open.start..range.end)),
            }
        }
    }

    /// The first line of `body` that opens a block.
    fn next_opening(&self, body: &Range<usize>, marks: &str) -> Option<Range<usize>> {
        let opening = format!("{marks}toml ");
        let mut at = body.start;
        for line in self.text[body.clone()].split_inclusive('\n') {
            if line.starts_with(&opening) {
                return Some(at..at + line.trim_end().len());
            }
            at += line.len();
        }
        None
    }

    fn finish(mut self) -> Outline {
        self.close_step(self.text.len());
        if !self.place.titled {
            let hint = "Begin with `# INC-001: Dead Lambda`.".to_owned();
            self.sink.error(first_line(self.text, &(0..0)), "no `# ID: Title` heading", Some(hint));
        }
        self.out
    }
}

/// The first line of a range, without its end.
fn first_line(text: &str, range: &Range<usize>) -> Range<usize> {
    let end = text[range.start..].find('\n').map_or(text.len(), |n| range.start + n);
    let end = range.start + text[range.start..end].trim_end().len();
    range.start..end
}

/// Whether a word may name a runbook: it becomes part of file and stream names.
pub(super) fn is_runbook_id(word: &str) -> bool {
    word.len() <= 64
        && word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

enum Class {
    Prose,
    Block(BlockKind),
    Fault(String, String),
}

/// What a fence's info string makes of it.
fn classify(info: &str) -> Class {
    let words: Vec<&str> = info.split_whitespace().collect();
    let known = |w: &str| BlockKind::words().find(|k| *k == w);
    match words.as_slice() {
        ["toml", kind] => match BlockKind::parse(kind) {
            Some(kind) => Class::Block(kind),
            None => did_you_mean(kind, BlockKind::words())
                .map_or(Class::Prose, |hint| Class::Fault(format!("unknown kind of block `{kind}`"), hint)),
        },
        ["toml", kind, extra, ..] if known(kind).is_some() => {
            Class::Fault(format!("unexpected `{extra}` after `toml {kind}`"), format!("Write `toml {kind}` and nothing else."))
        }
        [language, kind] if known(kind).is_some() => {
            Class::Fault(format!("`{language} {kind}` is not a kind of block"), format!("Did you mean `toml {kind}`?"))
        }
        [word] => {
            let bare = word.strip_prefix("toml").unwrap_or(word).trim_start_matches(['-', ':', ',', '.', '_', '/']);
            match known(bare) {
                Some(kind) => Class::Fault(format!("`{word}` is not a kind of block"), format!("Did you mean `toml {kind}`?")),
                None => Class::Prose,
            }
        }
        _ => Class::Prose,
    }
}

/// GitHub's slugs: lower case, letters, digits, `_` and `-` kept, spaces to `-`, repetitions numbered.
#[derive(Default)]
struct Slugs(HashMap<String, usize>);

/// Without what no slug has. Most headings are ASCII, and to compile an expression takes longer than to read a runbook.
fn kept_in_slugs(heading: &str) -> Cow<'_, str> {
    if heading.is_ascii() {
        return heading.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ')).collect();
    }
    NOT_IN_SLUGS.as_ref().map_or(heading.into(), |r| r.replace_all(heading, ""))
}

static NOT_IN_SLUGS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\w\- ]").ok());

impl Slugs {
    fn next(&mut self, heading: &str) -> String {
        let lower = heading.trim().to_lowercase();
        let base = kept_in_slugs(&lower).replace(' ', "-");
        let mut slug = base.clone();
        while self.0.contains_key(&slug) {
            let n = self.0.entry(base.clone()).or_default();
            *n += 1;
            slug = format!("{base}-{n}");
        }
        self.0.insert(slug.clone(), 0);
        slug
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_githubs() {
        let mut slugs = Slugs::default();
        for (heading, slug) in [
            ("4. Roll back", "4-roll-back"),
            ("Code review", "code-review"),
            ("Code review", "code-review-1"),
            ("Code review", "code-review-2"),
            ("Code review-1", "code-review-1-1"),
            ("It's `agents.alive` = 0!", "its-agentsalive--0"),
            ("Über_uns — 日本", "über_uns--日本"),
        ] {
            assert_eq!(slugs.next(heading), slug);
        }
    }

    #[test]
    fn steps_keep_their_prose_and_blocks_their_step() {
        let text = "# A: B\n\n## Steps\n\n### 1. One\n\nDo *this*.\n\n```toml probe\nid = 1\n```\n\nThen that.\n\n#### More\n\n```sh\nls\n```\n\n### 2. Two\n\n## Escalation\n\n```toml escalate\n```\n";
        let mut sink = Sink::new(text);
        let out = outline(text, &mut sink);
        assert_eq!(sink.finish(), []);
        assert_eq!((out.id.as_str(), out.title.as_str()), ("A", "B"));
        assert_eq!(out.steps[0].prose, "Do *this*.\n\nThen that.\n\n#### More\n\n```sh\nls\n```");
        assert_eq!((out.steps[1].title.as_str(), out.steps[1].slug.as_str(), out.steps[1].line), ("Two", "2-two", 21));
        assert_eq!(
            out.fences.iter().map(|f| (f.kind, f.step)).collect::<Vec<_>>(),
            [(BlockKind::Probe, Some(1)), (BlockKind::Escalate, None)]
        );
        assert_eq!(&text[out.fences[0].body.clone()], "id = 1\n");
        assert!(out.fences[1].body.is_empty());
    }

    #[test]
    fn line_ends_and_tildes_do_not_matter() {
        let text = "# A: B\r\n\r\n~~~~toml probe\r\nid = 'x'\r\n```\r\n~~~~\r\n";
        let mut sink = Sink::new(text);
        let out = outline(text, &mut sink);
        assert_eq!(sink.finish(), []);
        assert_eq!(&text[out.fences[0].body.clone()], "id = 'x'\r\n```\r\n");
    }

    #[test]
    fn ascii_headings_keep_what_all_others_keep() {
        let all: String = (0..128_u8).map(char::from).collect();
        let expression = NOT_IN_SLUGS.as_ref().unwrap();
        assert_eq!(kept_in_slugs(&all), expression.replace_all(&all, ""));
        assert_eq!(kept_in_slugs("zürich: step 1"), "zürich step 1");
    }
}
