//! Reads a runbook and checks every name and expression in it, all faults in one run.
//!
//! Pure: text in, model and findings out. What the blocks *mean* stands in the modules beside it.

mod action;
mod conditions;
mod exprs;
mod graph;
mod header;
mod names;
mod outline;
mod probe;
mod rules;
mod table;

#[cfg(test)]
mod tests;

use std::ops::Range;

use toml::de::DeTable;

use self::header::Header;
use self::names::{Block, Names};
use self::outline::{BlockKind, Fence, Outline, outline};
use self::table::{Cx, Keys, check_values, entries};
use super::diagnostic::{Diagnostic, Sink};
use super::model::{ActionBlock, Decide, Escalate, Runbook, Signal, Verify};
use crate::record::id::Hash;

/// A runbook, and what was found while reading it.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// Absent where there are errors.
    pub runbook: Option<Runbook>,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a runbook's whole text.
pub fn parse(text: &str) -> Parsed {
    let mut sink = Sink::new(text);
    let outline = outline(text, &mut sink);
    let Outline { id, title, slugs, steps, fences } = outline;
    let blocks: Vec<Block<'_>> = fences.into_iter().map(|fence| read(fence, text, &mut sink)).collect();
    let mut names = Names::collect(&blocks, text, &mut sink);
    names.slugs = slugs;
    names.runbook.clone_from(&id);
    let mut cx = Cx { text, sink, names };
    if steps.is_empty() {
        let hint = "A person follows `## Steps` with `### 1. Title` and so on.".to_owned();
        cx.sink.warning(0..first_line(text), "the runbook has no steps", Some(hint));
    }
    let parts = walk(&mut cx, &blocks);
    let clean = cx.sink.is_clean();
    let runbook = clean.then(|| Runbook {
        id,
        title,
        text: text.to_owned(),
        hash: Hash::of(&[text.as_bytes()]),
        severity: parts.header.severity,
        review_by: parts.header.review_by,
        region: parts.header.region,
        account: parts.header.account,
        vars: parts.header.vars,
        must_have: parts.header.must_have,
        steps,
        probes: parts.probes.into_iter().map(|r| r.probe).collect(),
        signals: parts.signals,
        decides: parts.decides,
        actions: parts.actions,
        verifies: parts.verifies,
        escalates: parts.escalates,
    });
    Parsed { runbook, diagnostics: cx.sink.finish() }
}

/// Reads a runbook's file: gives its text, and what was found in it.
///
/// A file that is not UTF-8 has that one error; what is no text in it is given as U+FFFD.
pub fn parse_file(bytes: Vec<u8>) -> (String, Parsed) {
    match String::from_utf8(bytes) {
        Ok(text) => {
            let parsed = parse(&text);
            (text, parsed)
        }
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let text = String::from_utf8_lossy(e.as_bytes()).into_owned();
            let mut sink = Sink::new(&text);
            let hint = "Save the file as UTF-8; this place was written in another encoding.".to_owned();
            sink.error(at..at + 1, "not UTF-8", Some(hint));
            let diagnostics = sink.finish();
            (text, Parsed { runbook: None, diagnostics })
        }
    }
}

fn first_line(text: &str) -> usize {
    text.find('\n').unwrap_or(text.len())
}

/// Reads one block's TOML; what is no TOML is reported here and nowhere else. A block that is never closed is not looked into.
fn read<'t>(fence: Fence, text: &'t str, sink: &mut Sink<'t>) -> Block<'t> {
    if !fence.is_closed {
        return Block { fence, table: None };
    }
    let base = fence.body.start;
    let (table, faults) = DeTable::parse_recoverable(&text[fence.body.clone()]);
    let mut lines = Vec::new();
    for fault in &faults {
        let at = fault.span().map_or(fence.open.clone(), |s| s.start + base..s.end + base);
        let line = sink.line(at.start);
        // One fault often makes several in its line.
        if !lines.contains(&line) {
            lines.push(line);
            sink.error(at, format!("not TOML: {}", fault.message()), None);
        }
    }
    Block { fence, table: faults.is_empty().then(|| table.into_inner()) }
}

#[derive(Default)]
struct Parts {
    header: Header,
    probes: Vec<probe::Read>,
    signals: Vec<Signal>,
    decides: Vec<Decide>,
    actions: Vec<ActionBlock>,
    verifies: Vec<Verify>,
    escalates: Vec<Escalate>,
}

fn walk(cx: &mut Cx<'_>, blocks: &[Block<'_>]) -> Parts {
    let mut parts = Parts::default();
    let mut header: Option<usize> = None;
    for block in blocks {
        let Fence { kind, step, open, body, .. } = &block.fence;
        let line = cx.sink.line(open.start);
        if *kind == BlockKind::Runbook {
            if let Some(first) = header {
                let hint = format!("The first one stands in line {first}.");
                cx.error(open, "second `runbook` block", Some(hint));
                continue;
            }
            header = Some(line);
        }
        let Some(table) = &block.table else { continue };
        for item in entries(table, body.start) {
            check_values(cx, &item);
        }
        let keys = Keys::new(&format!("{} block", kind.article()), table, body.start, open.clone());
        match kind {
            BlockKind::Runbook => parts.header = header::header(cx, keys),
            BlockKind::Signal => parts.signals.extend(rules::signal(cx, keys)),
            BlockKind::Probe => parts.probes.extend(probe::probe(cx, keys, *step, line)),
            BlockKind::Decide => parts.decides.extend(rules::decide(cx, keys, *step)),
            BlockKind::Action => parts.actions.extend(action::action(cx, keys, *step, line)),
            BlockKind::Verify => parts.verifies.extend(rules::verify(cx, keys, *step)),
            BlockKind::Escalate => parts.escalates.extend(rules::escalate(cx, keys, *step)),
        }
    }
    if header.is_none() {
        let end: Range<usize> = 0..first_line(cx.text);
        let hint = "After the heading comes a fence `toml runbook` with `severity = \"P1\"`.".to_owned();
        cx.error(&end, "no `runbook` block", Some(hint));
    }
    graph::check(cx, &parts.probes);
    parts
}
