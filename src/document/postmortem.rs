//! The postmortem of one incident: what the record knows is filled in, what only people know is asked for.
//!
//! Each section is an entry of its own between markers (see [`super::managed`]), so that what people write
//! below it survives. A note with a section (`note --section lucky "…"`) stands in that section with its event;
//! while there is none, the section asks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::record::event::{Event, Facts};
use crate::record::incident::Incident;
use crate::record::time::Timestamp;

use super::escape::markdown::{code, text};
use super::governance_log::Context;
use super::managed::{self, Entry};

mod evidence;
mod life;
mod response;

/// A section that a note may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteSection {
    /// What `--section` takes.
    pub name: &'static str,
    /// What is asked for while nothing is recorded.
    pub asks: &'static str,
}

/// The sections that a note may belong to, in the order of the document.
pub const NOTE_SECTIONS: [NoteSection; 12] = [
    NoteSection { name: "summary", asks: "What happened, in three sentences, for somebody who was not there?" },
    NoteSection { name: "impact", asks: "Who was hurt, how many, how long and how badly? In numbers, each with its evidence." },
    NoteSection { name: "detection", asks: "What noticed it, and what could have noticed it earlier?" },
    NoteSection { name: "belief", asks: "What did we believe at the time, what made us drop it, and when?" },
    NoteSection { name: "factor", asks: "What made it possible, and made it as bad as it was? Conditions, never a person." },
    NoteSection { name: "trigger", asks: "What set it off just then? An event, never a person." },
    NoteSection { name: "well", asks: "What worked as it was meant to?" },
    NoteSection { name: "badly", asks: "What was slow, missing or misleading?" },
    NoteSection { name: "lucky", asks: "What could as well have gone the other way?" },
    NoteSection { name: "surprise", asks: "What did nobody expect?" },
    NoteSection { name: "question", asks: "What do we still not know?" },
    NoteSection { name: "communication", asks: "Who was told what, when, and what did they need that they did not get?" },
];

/// A part of the document.
struct Section {
    /// Names its entry, for ever.
    id: &'static str,
    title: &'static str,
    /// Writes what the record knows.
    fill: fn(&mut Page<'_>),
    /// Notes that belong here.
    notes: &'static [&'static str],
}

const SECTIONS: [Section; 19] = [
    Section { id: "header", title: "", fill: |p| p.header(), notes: &[] },
    Section { id: "summary", title: "Summary", fill: |p| p.summary(), notes: &["summary"] },
    Section { id: "impact", title: "Impact", fill: |p| p.impact(), notes: &["impact"] },
    Section { id: "detection", title: "Detection", fill: |p| p.detection(), notes: &["detection"] },
    Section { id: "timeline", title: "Timeline", fill: |p| p.timeline(), notes: &[] },
    Section { id: "beliefs", title: "What we believed, and when", fill: |p| p.beliefs(), notes: &["belief"] },
    Section { id: "factors", title: "Contributing factors and trigger", fill: |p| p.nothing(), notes: &["factor", "trigger"] },
    Section { id: "response", title: "Response", fill: |p| p.response(), notes: &[] },
    Section { id: "resolution", title: "Resolution", fill: |p| p.resolution(), notes: &[] },
    Section { id: "well", title: "What went well", fill: |p| p.nothing(), notes: &["well"] },
    Section { id: "badly", title: "What went badly", fill: |p| p.nothing(), notes: &["badly"] },
    Section { id: "lucky", title: "Where we were lucky", fill: |p| p.nothing(), notes: &["lucky"] },
    Section { id: "surprise", title: "What surprised us", fill: |p| p.nothing(), notes: &["surprise"] },
    Section { id: "questions", title: "Open questions", fill: |p| p.questions(), notes: &["question"] },
    Section { id: "followups", title: "Follow-ups", fill: |p| p.followups(), notes: &[] },
    Section { id: "communications", title: "Communications", fill: |p| p.communications(), notes: &["communication"] },
    Section { id: "evidence", title: "Evidence index", fill: |p| p.evidence_index(), notes: &[] },
    Section { id: "integrity", title: "Integrity", fill: |p| p.integrity(), notes: &[] },
    Section { id: "metrics", title: "How each figure is defined", fill: |p| p.metrics(), notes: &[] },
];

/// What the files of an incident's postmortem are called, before `.md`, `.html` and `.svg`: `0007-INC-001`.
pub fn stem(number: u64, runbook: &str) -> String {
    let safe: String = runbook.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    format!("{number:04}-{safe}")
}

/// How a new file begins: every section in its place, still empty, and room to write below each that asks.
pub fn skeleton(incident: &Incident) -> String {
    let mut out = String::new();
    for s in &SECTIONS {
        out.push_str(&managed::empty(&id(incident, s)));
        out.push('\n');
        if !s.notes.is_empty() {
            out.push_str("<!-- What you write here is kept. -->\n\n");
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The sections of an incident's postmortem; `events` is its whole stream, of which `incident` is the fold.
pub fn entries(incident: &Incident, events: &[Event], ctx: &Context<'_>) -> Vec<Entry> {
    let mut page = Page { incident, events, ctx, notes: corrections(events), out: String::new() };
    let mut order = SECTIONS.len() as u64;
    SECTIONS
        .iter()
        .map(|s| {
            page.out.clear();
            page.section(s);
            order -= 1;
            Entry { id: id(incident, s), order, at: incident.head.seq, body: Some(page.out.clone()) }
        })
        .collect()
}

/// True for the id of an entry in the postmortem of `incident`.
pub fn is_entry(incident: &Incident, entry: &str) -> bool {
    entry.strip_prefix(&format!("postmortem/{}/", incident.id)).is_some_and(|s| SECTIONS.iter().any(|x| x.id == s))
}

fn id(incident: &Incident, section: &Section) -> String {
    format!("postmortem/{}/{}", incident.id, section.id)
}

/// A text that was put right.
struct Fixed {
    /// The text that holds.
    now: String,
    /// The event that says so.
    by: u64,
}

/// What was put right, by the event that held it.
fn corrections(events: &[Event]) -> BTreeMap<u64, Fixed> {
    let mut all = BTreeMap::new();
    for e in events {
        if let Facts::EventCorrected(x) = &e.facts {
            all.insert(x.seq, Fixed { now: x.text.clone(), by: e.header.seq });
        }
    }
    all
}

struct Page<'a> {
    incident: &'a Incident,
    events: &'a [Event],
    ctx: &'a Context<'a>,
    notes: BTreeMap<u64, Fixed>,
    out: String,
}

fn utc(at: Timestamp) -> String {
    at.to_seconds()
}

impl Page<'_> {
    fn section(&mut self, s: &Section) {
        if !s.title.is_empty() {
            let drill = if self.incident.drill { "DRILL: " } else { "" };
            let _ = writeln!(self.out, "## {drill}{}\n", s.title);
        }
        let before = self.out.len();
        (s.fill)(self);
        self.written(s.notes);
        if self.out.len() == before {
            self.out.push_str("Nothing recorded.\n");
        }
    }

    /// The notes of these sections; a section without one asks, unless the record answers.
    fn written(&mut self, sections: &[&str]) {
        for name in sections {
            let mut found = false;
            for e in self.events {
                let Facts::NoteAdded(x) = &e.facts else { continue };
                if x.section.as_deref() != Some(*name) {
                    continue;
                }
                found = true;
                let said = self.said(e.header.seq, &x.text);
                let title = if sections.len() > 1 { format!("{}: ", heading(name)) } else { String::new() };
                let when = utc(x.occurred_at.unwrap_or(e.header.at));
                self.bullet(e.header.seq, &format!("{title}{said} ({}, {when})", text(&e.actor.name)));
            }
            if !found && !self.is_answered(name) {
                self.ask(name);
            }
        }
    }

    /// What `resolve` took down answers these.
    fn is_answered(&self, section: &str) -> bool {
        section == "summary" && self.incident.resolution.is_some()
    }

    fn ask(&mut self, name: &str) {
        let asks = NOTE_SECTIONS.iter().find(|s| s.name == name).map_or("", |s| s.asks);
        let title = if self.out.ends_with("\n\n") || self.out.is_empty() { "" } else { "\n" };
        let number = self.incident.number;
        let _ = writeln!(
            self.out,
            "{title}> **To be written ({}).** {asks} `blotter note -i {number} --section {name} \"…\"` records it; what is written below stays, but only here.",
            heading(name).to_lowercase()
        );
    }

    fn nothing(&mut self) {}

    /// The event's name: `7.12`.
    fn named(&self, seq: u64) -> String {
        format!("`{}.{seq}`", self.incident.number)
    }

    /// A piece of evidence: `7.e1`.
    fn shown(&self, n: u64) -> String {
        format!("`{}.e{n}`", self.incident.number)
    }

    fn all_shown(&self, evidence: &[u64]) -> String {
        evidence.iter().map(|n| self.shown(*n)).collect::<Vec<_>>().join(" ")
    }

    fn bullet(&mut self, seq: u64, line: &str) {
        let name = self.named(seq);
        let _ = writeln!(self.out, "- {line} {name}");
    }

    /// The text of an event as it holds now, with a footnote where it was put right.
    fn said(&self, seq: u64, written: &str) -> String {
        match self.notes.get(&seq) {
            Some(f) => format!("{}{}", text(&f.now), footnote(f.by)),
            None => text(written),
        }
    }

    fn event(&self, seq: u64) -> Option<&Event> {
        self.events.iter().find(|e| e.header.seq == seq)
    }
}

fn footnote(by: u64) -> String {
    format!("[^c{by}]")
}

fn heading(name: &str) -> &'static str {
    match name {
        "summary" => "Summary",
        "impact" => "Impact",
        "detection" => "Detection",
        "belief" => "Belief",
        "factor" => "Factor",
        "trigger" => "Trigger",
        "well" => "Went well",
        "badly" => "Went badly",
        "lucky" => "Luck",
        "surprise" => "Surprise",
        "question" => "Question",
        _ => "Communication",
    }
}

/// A JSON value as people write it: text bare, the rest as JSON.
fn plain(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| crate::record::action::canonical(value), str::to_owned)
}

fn arguments(value: &serde_json::Value) -> String {
    match value.as_object() {
        Some(map) => {
            let mut all: Vec<_> = map.iter().map(|(k, v)| format!("{} {}", text(k), code(&plain(v)))).collect();
            all.sort();
            all.join(", ")
        }
        None => code(&plain(value)),
    }
}

#[cfg(test)]
mod tests;
