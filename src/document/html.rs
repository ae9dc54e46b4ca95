//! One self-contained HTML page made from Markdown: no script, no outside request, readable on paper, at night
//! and on a phone.
//!
//! The Markdown may hold anything that people wrote by hand: HTML in it is shown and never obeyed, pictures are
//! named and not fetched, and a link leads only to `http`, `https`, `mailto` or within the page.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use pulldown_cmark::{Alignment, CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::escape::html::text;
use super::picture;
use crate::record::id::Hash;

/// A picture that stands in the page where the Markdown names its file.
#[derive(Clone, Debug)]
pub struct Figure {
    /// The file's name in the Markdown.
    pub name: String,
    /// The same as SVG, for screens with room and for phones.
    pub drawn: [String; 2],
}

/// What the Markdown is about.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The page's title.
    pub title: String,
    /// Incident whose events and evidence are made links: `7.12`, `7.e1`.
    pub incident: Option<u64>,
    /// The picture.
    pub figure: Option<Figure>,
}

/// Makes a page of `markdown`, sealed with [`seal`].
pub fn page(markdown: &str, about: &About) -> String {
    let markdown = markdown.replace("\r\n", "\n");
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events: Vec<Event<'_>> = Parser::new_ext(&markdown, options).collect();
    let contents = contents(&events);
    let mut w = Writer { contents, ..Writer::new(about) };
    w.all(&events);
    shell(&about.title, &w.out)
}

/// A whole page around `body`, which is HTML already; sealed.
pub fn shell(title: &str, body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 8192);
    out.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    out.push_str("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    out.push_str(
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n",
    );
    let _ = writeln!(out, "<title>{}</title>", text(title));
    let _ = writeln!(out, "<style>\n{}{}</style>\n</head>\n<body>\n<main>", include_str!("html/style.css"), picture::STYLE);
    out.push_str(body);
    out.push_str("</main>\n</body>\n</html>\n");
    seal(&out)
}

/// Ends a page or picture that is ours alone with the hash of what stands before, so that an edit is noticed.
pub fn seal(whole: &str) -> String {
    format!("{whole}<!-- blotter:page sha256={} -->\n", Hash::of(&[whole.as_bytes()]))
}

/// True when a sealed text is as it was written.
pub fn is_sealed(whole: &str) -> bool {
    let Some(start) = whole.rfind("<!-- blotter:page sha256=") else { return false };
    seal(&whole[..start]) == whole
}

/// Headings of the second level with their anchors.
fn contents(events: &[Event<'_>]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    let mut used = BTreeSet::new();
    for (i, e) in events.iter().enumerate() {
        if let Event::Start(Tag::Heading { level, .. }) = e
            && *level as usize == 2
        {
            let title = words(&events[i + 1..]);
            all.push((anchor(&title, &mut used), title));
        }
    }
    all
}

/// The plain words up to the end of the block.
fn words(events: &[Event<'_>]) -> String {
    let mut out = String::new();
    for e in events {
        match e {
            Event::Text(t) | Event::Code(t) => out.push_str(t),
            Event::SoftBreak | Event::HardBreak => out.push(' '),
            Event::End(TagEnd::Heading(_) | TagEnd::Paragraph | TagEnd::TableCell) => break,
            _ => {}
        }
    }
    out
}

fn anchor(title: &str, used: &mut BTreeSet<String>) -> String {
    let mut id = String::new();
    for c in title.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.ends_with('-') && !id.is_empty() {
            id.push('-');
        }
    }
    let base = format!("s-{}", id.trim_end_matches('-'));
    let mut id = base.clone();
    let mut n = 2;
    while !used.insert(id.clone()) {
        id = format!("{base}-{n}");
        n += 1;
    }
    id
}

/// Where a link may lead; `None` for everything else.
fn safe_link(dest: &str) -> Option<&str> {
    if dest.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return None;
    }
    let scheme = dest.split_once(':').map(|(s, _)| s).filter(|s| !s.contains(['/', '?', '#']));
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        None if !dest.starts_with("//") => Some(dest),
        Some("http" | "https" | "mailto") => Some(dest),
        _ => None,
    }
}

#[derive(Default)]
struct Table {
    aligned: Vec<Alignment>,
    labels: Vec<String>,
    in_head: bool,
    column: usize,
    /// No headings: the first cell of each row names it.
    named_rows: bool,
}

struct Writer<'a> {
    about: &'a About,
    out: String,
    contents: Vec<(String, String)>,
    /// How many headings of the second level have begun.
    section: usize,
    table: Table,
    /// What links lead to when closed; `None`: it was not let through.
    links: Vec<bool>,
    /// A `<code>` of ours that is open.
    in_code: bool,
    placed: BTreeSet<String>,
    footnotes: BTreeMap<String, usize>,
    /// Raw HTML of the block we are in.
    raw: Option<String>,
    /// Text of a picture is kept until its end.
    picture: Option<(String, String)>,
    first: bool,
}

impl<'a> Writer<'a> {
    fn new(about: &'a About) -> Self {
        Self {
            about,
            out: String::new(),
            contents: Vec::new(),
            section: 0,
            table: Table::default(),
            links: Vec::new(),
            in_code: false,
            placed: BTreeSet::new(),
            footnotes: BTreeMap::new(),
            raw: None,
            picture: None,
            first: true,
        }
    }

    fn all(&mut self, events: &[Event<'_>]) {
        for (i, e) in events.iter().enumerate() {
            match e {
                Event::Start(tag) => self.start(tag, &events[i + 1..]),
                Event::End(tag) => self.end(*tag),
                Event::Text(t) => self.text(t),
                Event::Code(t) => self.code(t),
                Event::InlineMath(t) | Event::DisplayMath(t) => self.text(t),
                Event::Html(t) => match &mut self.raw {
                    Some(raw) => raw.push_str(t),
                    None => self.text(t),
                },
                Event::InlineHtml(t) => self.inline_html(t),
                Event::FootnoteReference(label) => self.footnote(label),
                Event::SoftBreak => self.out.push('\n'),
                Event::HardBreak => self.out.push_str("<br>\n"),
                Event::Rule => self.out.push_str("<hr>\n"),
                Event::TaskListMarker(done) => self.out.push_str(if *done { "☑ " } else { "☐ " }),
            }
        }
    }

    fn start(&mut self, tag: &Tag<'_>, rest: &[Event<'_>]) {
        match tag {
            Tag::Paragraph => self.out.push_str("<p>"),
            Tag::Heading { level, .. } => {
                let level = *level as usize;
                let id = if level == 2 { self.contents.get(self.section).map(|(id, _)| format!(" id=\"{}\"", text(id))) } else { None };
                self.section += usize::from(level == 2);
                let _ = write!(self.out, "<h{level}{}>", id.unwrap_or_default());
            }
            Tag::BlockQuote(_) => {
                let is_asked = matches!(rest, [Event::Start(Tag::Paragraph), Event::Start(Tag::Strong), Event::Text(t), ..] if t.starts_with("To be written"));
                self.out.push_str(if is_asked { "<blockquote class=\"ask\">\n" } else { "<blockquote>\n" });
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => self.out.push_str("<pre tabindex=\"0\"><code>"),
            Tag::HtmlBlock => self.raw = Some(String::new()),
            Tag::List(Some(1)) => self.out.push_str("<ol>\n"),
            Tag::List(Some(n)) => {
                let _ = writeln!(self.out, "<ol start=\"{n}\">");
            }
            Tag::List(None) => self.out.push_str("<ul>\n"),
            Tag::Item => self.out.push_str("<li>"),
            Tag::FootnoteDefinition(label) => {
                let n = self.number(label);
                let _ = write!(self.out, "<div class=\"fn\" id=\"fn-{n}\"><sup>{n}</sup> ");
            }
            Tag::Table(aligned) => self.begin_table(aligned, rest),
            Tag::TableHead => {
                self.table.in_head = true;
                self.table.column = 0;
                if !self.table.named_rows {
                    self.out.push_str("<thead>\n<tr>");
                }
            }
            Tag::TableRow => {
                self.table.column = 0;
                self.out.push_str("<tr>");
            }
            Tag::TableCell => self.begin_cell(),
            Tag::Emphasis => self.out.push_str("<em>"),
            Tag::Strong => self.out.push_str("<strong>"),
            Tag::Strikethrough => self.out.push_str("<s>"),
            Tag::Superscript => self.out.push_str("<sup>"),
            Tag::Subscript => self.out.push_str("<sub>"),
            Tag::Link { dest_url, .. } => match safe_link(dest_url) {
                Some(dest) => {
                    let _ = write!(self.out, "<a href=\"{}\" rel=\"noreferrer\">", text(dest));
                    self.links.push(true);
                }
                None => self.links.push(false),
            },
            Tag::Image { dest_url, .. } => self.picture = Some((dest_url.to_string(), String::new())),
            Tag::DefinitionList | Tag::DefinitionListTitle | Tag::DefinitionListDefinition | Tag::MetadataBlock(_) => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        if matches!(tag, TagEnd::Paragraph | TagEnd::Heading(_) | TagEnd::TableCell | TagEnd::Item) && std::mem::take(&mut self.in_code) {
            self.out.push_str("</code>");
        }
        match tag {
            TagEnd::Paragraph if self.out.ends_with("<p>") => self.out.truncate(self.out.len() - 3),
            TagEnd::Paragraph => self.out.push_str("</p>\n"),
            TagEnd::Heading(level) => {
                let _ = writeln!(self.out, "</h{}>", level as usize);
                if level as usize == 1 && std::mem::take(&mut self.first) {
                    self.list_contents();
                }
            }
            TagEnd::BlockQuote(_) => self.out.push_str("</blockquote>\n"),
            TagEnd::CodeBlock => self.out.push_str("</code></pre>\n"),
            TagEnd::HtmlBlock => {
                let raw = self.raw.take().unwrap_or_default();
                let raw = raw.trim();
                if !is_comment(raw) {
                    let _ = writeln!(self.out, "<p>{}</p>", text(raw));
                }
            }
            TagEnd::List(ordered) => self.out.push_str(if ordered { "</ol>\n" } else { "</ul>\n" }),
            TagEnd::Item => self.out.push_str("</li>\n"),
            TagEnd::FootnoteDefinition => self.out.push_str("</div>\n"),
            TagEnd::Table => self.out.push_str("</tbody>\n</table>\n"),
            TagEnd::TableHead => {
                self.table.in_head = false;
                self.out.push_str(if self.table.named_rows { "<tbody>\n" } else { "</tr>\n</thead>\n<tbody>\n" });
            }
            TagEnd::TableRow => self.out.push_str("</tr>\n"),
            TagEnd::TableCell => {
                if !(self.table.in_head && self.table.named_rows) {
                    let is_name = self.table.named_rows && self.table.column == 0;
                    self.out.push_str(if self.table.in_head || is_name { "</th>" } else { "</td>" });
                }
                self.table.column += 1;
            }
            TagEnd::Emphasis => self.out.push_str("</em>"),
            TagEnd::Strong => self.out.push_str("</strong>"),
            TagEnd::Strikethrough => self.out.push_str("</s>"),
            TagEnd::Superscript => self.out.push_str("</sup>"),
            TagEnd::Subscript => self.out.push_str("</sub>"),
            TagEnd::Link => {
                if self.links.pop() == Some(true) {
                    self.out.push_str("</a>");
                }
            }
            TagEnd::Image => self.end_picture(),
            TagEnd::DefinitionList | TagEnd::DefinitionListTitle | TagEnd::DefinitionListDefinition | TagEnd::MetadataBlock(_) => {}
        }
    }

    fn list_contents(&mut self) {
        if self.contents.len() < 4 {
            return;
        }
        self.out.push_str("<nav><details><summary>Contents</summary>\n<ol>\n");
        for (id, title) in &self.contents {
            let _ = writeln!(self.out, "<li><a href=\"#{}\">{}</a></li>", text(id), text(title));
        }
        self.out.push_str("</ol>\n</details></nav>\n");
    }

    fn text(&mut self, t: &str) {
        match &mut self.picture {
            Some((_, alt)) => alt.push_str(t),
            None => self.out.push_str(&text(t)),
        }
    }

    fn inline_html(&mut self, t: &str) {
        match t {
            "<br>" | "<br/>" | "<br />" => self.out.push_str("<br>"),
            "<code>" if !self.in_code => {
                self.in_code = true;
                self.out.push_str("<code>");
            }
            "</code>" if self.in_code => {
                self.in_code = false;
                self.out.push_str("</code>");
            }
            t if is_comment(t) => {}
            t => self.text(t),
        }
    }

    /// The names of events and evidence lead to where the document lists them.
    fn code(&mut self, t: &str) {
        if self.picture.is_some() {
            return self.text(t);
        }
        let shown = text(t);
        let Some(local) = self.about.incident.and_then(|n| t.strip_prefix(&format!("{n}."))).filter(|l| is_ref(l)) else {
            let _ = write!(self.out, "<code>{shown}</code>");
            return;
        };
        let home = if local.starts_with('e') { "Evidence index" } else { "Timeline" };
        let section = self.section.checked_sub(1).and_then(|i| self.contents.get(i));
        let here = section.is_some_and(|(_, title)| title.trim_start_matches("DRILL: ") == home);
        if here && self.placed.insert(local.to_owned()) {
            let _ = write!(self.out, "<code id=\"r-{local}\">{shown}</code>");
        } else {
            let _ = write!(self.out, "<a class=\"ref\" href=\"#r-{local}\"><code>{shown}</code></a>");
        }
    }

    fn number(&mut self, label: &str) -> usize {
        let next = self.footnotes.len() + 1;
        *self.footnotes.entry(label.to_owned()).or_insert(next)
    }

    fn footnote(&mut self, label: &str) {
        let n = self.number(label);
        let _ = write!(self.out, "<sup><a href=\"#fn-{n}\">{n}</a></sup>");
    }

    fn begin_table(&mut self, aligned: &[Alignment], rest: &[Event<'_>]) {
        let head: Vec<_> = rest.iter().take_while(|e| !matches!(e, Event::End(TagEnd::TableHead))).collect();
        let mut labels = Vec::new();
        for (i, e) in head.iter().enumerate() {
            if matches!(e, Event::Start(Tag::TableCell)) {
                labels.push(words(&rest[i + 1..]));
            }
        }
        let named_rows = labels.iter().all(|l| l.trim().is_empty());
        self.out.push_str(if named_rows { "<table class=\"kv\">\n" } else { "<table>\n" });
        self.table = Table { aligned: aligned.to_vec(), labels, in_head: false, column: 0, named_rows };
    }

    fn begin_cell(&mut self) {
        let t = &self.table;
        let right = if t.aligned.get(t.column) == Some(&Alignment::Right) { " class=\"right\"" } else { "" };
        if t.in_head {
            if !t.named_rows {
                let _ = write!(self.out, "<th scope=\"col\"{right}>");
            }
        } else if t.named_rows && t.column == 0 {
            self.out.push_str("<th scope=\"row\">");
        } else {
            let label = t.labels.get(t.column).filter(|l| !l.trim().is_empty()).map(|l| format!(" data-label=\"{}\"", text(l)));
            let _ = write!(self.out, "<td{right}{}>", label.unwrap_or_default());
        }
    }

    fn end_picture(&mut self) {
        let Some((dest, alt)) = self.picture.take() else { return };
        match self.about.figure.as_ref().filter(|f| f.name == dest) {
            Some(f) => {
                // A figure may not stand in a paragraph: it ends here, and what follows begins another.
                let begun = self.out.ends_with("<p>");
                if begun {
                    self.out.truncate(self.out.len() - 3);
                } else {
                    self.out.push_str("</p>");
                }
                let _ = write!(self.out, "<figure>\n{}{}</figure>\n<p>", f.drawn[0], f.drawn[1]);
            }
            None => {
                let _ = write!(self.out, "<em>[picture: {} <code>{}</code>]</em>", text(&alt), text(&dest));
            }
        }
    }
}

/// `12` or `e1`.
fn is_ref(local: &str) -> bool {
    let digits = local.strip_prefix('e').unwrap_or(local);
    !digits.is_empty() && digits.len() < 16 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// One comment and nothing else.
fn is_comment(raw: &str) -> bool {
    raw.strip_prefix("<!--").and_then(|r| r.strip_suffix("-->")).is_some_and(|inner| !inner.contains("-->"))
}

#[cfg(test)]
mod tests;
