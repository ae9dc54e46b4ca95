//! A runbook for reading in a terminal: prose wrapped, typed blocks as one line each.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

use super::ui::{Tone, Ui, plain};

/// Renders Markdown for a terminal of the person's width.
pub fn render(ui: &Ui, text: &str) -> String {
    let mut page = Page { ui, out: String::new(), line: String::new(), lists: Vec::new(), code: None, heading: false };
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
    heading: bool,
}

impl Page<'_> {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(Tag::Heading { .. }) => {
                self.flush();
                self.heading = true;
            }
            Event::End(TagEnd::Heading(_)) => {
                let text = plain(&std::mem::take(&mut self.line));
                self.out.push_str(&format!("\n{}\n", self.ui.paint(Tone::Strong, &text)));
                self.heading = false;
            }
            Event::Start(Tag::List(start)) => {
                self.flush();
                self.lists.push(start);
            }
            Event::End(TagEnd::List(_)) => {
                self.flush();
                self.lists.pop();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
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
            Event::End(TagEnd::Paragraph) => {
                self.flush();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
            }
            Event::Text(t) => match &mut self.code {
                Some((_, body)) => body.push_str(&t),
                None => self.line.push_str(&t),
            },
            Event::Code(t) => self.line.push_str(&format!("`{t}`")),
            Event::SoftBreak | Event::HardBreak => self.line.push(' '),
            Event::Rule => self.out.push_str("---\n"),
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

    fn block(&mut self, info: &str, body: &str) {
        match info.strip_prefix("toml ") {
            Some(kind) => {
                let summary = summary(kind.trim(), body);
                self.out.push_str(&format!("{}\n", wrap(&plain(&summary), self.ui.width, "  > ", "    ").trim_end()));
                self.out.push('\n');
            }
            None => {
                for l in body.lines() {
                    self.out.push_str(&format!("    {}\n", plain(l)));
                }
                self.out.push('\n');
            }
        }
    }
}

/// A typed block in one line: what it is, and what a person has to know of it.
fn summary(kind: &str, body: &str) -> String {
    let Ok(table) = body.parse::<toml::Table>() else { return format!("{kind} (cannot be read)") };
    let text = |k: &str| table.get(k).and_then(|v| v.as_str()).map(str::to_owned);
    let list = |k: &str| {
        table
            .get(k)
            .and_then(|v| v.as_array())
            .map(|a| a.iter().map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned)).collect::<Vec<_>>().join(" and "))
    };
    let mut parts = vec![format!("{kind} {}", text("id").unwrap_or_default()).trim().to_owned()];
    for key in ["kind", "from", "question", "text", "severity", "after", "to"] {
        if let Some(v) = text(key) {
            parts.push(if matches!(key, "kind" | "question" | "text") { v } else { format!("{key} {v}") });
        }
    }
    if let Some(e) = list("expect") {
        parts.push(format!("expects {e}"));
    }
    if let Some(w) = text("within") {
        parts.push(format!("within {w}"));
    }
    if let Some(from) = table.get("approve").and_then(|a| a.get("from")).and_then(|f| f.as_array()) {
        let who: Vec<_> = from.iter().filter_map(|x| x.as_str()).collect();
        parts.push(format!("needs the approval of {}", who.join(" or ")));
    }
    parts.join(" · ")
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
mod tests {
    use super::*;
    use crate::config::Environment;

    #[test]
    fn prose_is_wrapped_and_blocks_are_told_in_a_line() {
        let vars = [("COLUMNS".to_owned(), "40".to_owned())].into();
        let ui = Ui { colour: false, ..Ui::new(&Environment { cwd: ".".into(), vars }, false, false, false) };
        let text = "# T: Title\n\nOne two three four five six seven eight nine ten.\n\n1. first\n2. second\n\n```toml probe\nid = \"status\"\nkind = \"http\"\nexpect = [\"status == 200\"]\n```\n\n```sh\nrm x\n```\n";
        let page = render(&ui, text);
        assert!(page.contains("One two three four five six seven eight\nnine ten.\n"), "{page}");
        assert!(page.contains("  1. first\n  2. second\n"), "{page}");
        assert!(page.contains("  > probe status · http · expects status\n    == 200\n"), "{page}");
        assert!(page.contains("    rm x\n"), "{page}");
    }
}
