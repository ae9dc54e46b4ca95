//! A runbook for reading in a terminal: prose wrapped, typed blocks told in words.

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Parser, Tag, TagEnd};

use super::ui::{Tone, Ui, plain};
use block::Block;

mod block;

/// Renders Markdown for a terminal of the person's width.
pub fn render(ui: &Ui, text: &str) -> String {
    let mut page = Page { ui, out: String::new(), line: String::new(), lists: Vec::new(), code: None, vars: toml::Table::new() };
    for event in Parser::new(text) {
        page.take(event);
    }
    page.flush();
    page.out
}

struct Page<'a> {
    ui: &'a Ui,
    out: String,
    /// Text of the current paragraph, heading or item.
    line: String,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    /// Info string and text of the fence we are in.
    code: Option<(String, String)>,
    /// Variables of the runbook, to show blocks with.
    vars: toml::Table,
}

impl Page<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Heading { .. }) => self.flush(),
            Event::End(TagEnd::Heading(level)) => self.heading(level),
            Event::Start(Tag::List(start)) => {
                self.flush();
                if self.lists.is_empty() {
                    self.gap();
                }
                self.lists.push(start);
            }
            Event::End(TagEnd::List(_)) => {
                self.flush();
                self.lists.pop();
            }
            Event::Start(Tag::Item) => self.flush(),
            Event::End(TagEnd::Item) => self.flush(),
            Event::Start(Tag::CodeBlock(kind)) => {
                self.flush();
                let info = match kind {
                    CodeBlockKind::Fenced(info) => info.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((info, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                if let Some((info, body)) = self.code.take() {
                    self.block(&info, &body);
                }
            }
            Event::Start(Tag::Paragraph) if self.lists.is_empty() => self.gap(),
            Event::End(TagEnd::Paragraph) => self.flush(),
            Event::Text(t) => match &mut self.code {
                Some((_, body)) => body.push_str(&t),
                None => self.line.push_str(&t),
            },
            Event::Code(t) => self.line.push_str(&format!("`{t}`")),
            Event::SoftBreak | Event::HardBreak => self.line.push(' '),
            Event::Rule => {
                self.gap();
                self.out.push_str("---\n");
            }
            _ => {}
        }
    }

    /// Writes the current text, wrapped and indented for the list it stands in.
    fn flush(&mut self) {
        let text = plain(std::mem::take(&mut self.line).trim());
        if text.is_empty() {
            return;
        }
        let (first, rest) = match self.lists.last_mut() {
            None => (String::new(), String::new()),
            Some(n) => {
                let mark = match n {
                    Some(k) => {
                        *k += 1;
                        format!("{}. ", *k - 1)
                    }
                    None => "- ".to_owned(),
                };
                let indent = "  ".repeat(self.lists.len());
                (format!("{indent}{mark}"), format!("{indent}{}", " ".repeat(mark.len())))
            }
        };
        self.out.push_str(&wrap(&text, self.ui.width, &first, &rest));
    }

    /// Makes sure of one empty line above what follows.
    fn gap(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, level: HeadingLevel) {
        use unicode_width::UnicodeWidthStr;
        let text = plain(&std::mem::take(&mut self.line));
        self.gap();
        self.out.push_str(&format!("{}\n", self.ui.paint(Tone::Strong, &text)));
        let under = match level {
            HeadingLevel::H1 => "=",
            HeadingLevel::H2 => "-",
            _ => return,
        };
        self.out.push_str(&format!("{}\n", under.repeat(text.width().min(self.ui.width))));
    }

    fn block(&mut self, info: &str, body: &str) {
        self.gap();
        let Some(kind) = info.strip_prefix("toml ").map(str::trim) else {
            for l in body.lines() {
                self.out.push_str(&format!("    {}\n", plain(l)));
            }
            return;
        };
        let Ok(table) = body.parse::<toml::Table>() else {
            self.out.push_str(&format!("  > {} (cannot be read)\n", plain(kind)));
            return;
        };
        if let Some(toml::Value::Table(vars)) = table.get("vars").filter(|_| kind == "runbook") {
            self.vars.clone_from(vars);
        }
        let block = Block { kind, table: &table, vars: &self.vars };
        for (n, line) in block.lines().iter().enumerate() {
            let (first, rest) = if n == 0 { ("  > ", "    ") } else { ("    - ", "      ") };
            self.out.push_str(&wrap(&plain(line), self.ui.width, first, rest));
        }
    }
}

/// Fills lines up to `width` columns.
fn wrap(text: &str, width: usize, first: &str, rest: &str) -> String {
    use unicode_width::UnicodeWidthStr;
    let (mut out, mut line) = (String::new(), first.to_owned());
    let mut is_fresh = true;
    for word in text.split_whitespace() {
        if !is_fresh && line.width() + 1 + word.width() > width {
            out.push_str(&line);
            out.push('\n');
            line = rest.to_owned();
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    out.push_str(&line);
    out.push('\n');
    out
}

#[cfg(test)]
mod tests;
