//! The entry of one incident in GOVERNANCE-LOG.md.
//!
//! It tells the whole record: what no section takes stands under "Also recorded", so that nothing is left
//! out. Every line that came from the record ends with the event it came from (`7.12`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use crate::record::action::{Action, canonical};
use crate::record::event::{ActionProposed, ApprovalGranted, Event, EvidenceAttached, Facts, IncidentOpened, IncidentResolved};
use crate::record::id::Hash;
use crate::record::incident::Incident;
use crate::record::observation::Observation;
use crate::record::time::{Timestamp, human_span};
use crate::record::timeline::{occurred_at, summary_with, verdict_word};

use super::escape::markdown::{code, text};
use super::who;

/// How a new GOVERNANCE-LOG.md begins.
pub const PREAMBLE: &str = "# Governance log\n\n\
    One entry for each incident, the newest first, written by `blotter render` from the record. All times are UTC.\n\
    Write around the entries as you like; what stands between the markers is written anew when the record grows.\n";

/// What an entry says of the ledger it comes from.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The ledger's id.
    pub ledger: &'a str,
    /// The first checkpoint that covers the incident's head, where there is one.
    pub checkpoint: Option<Checkpoint>,
}

/// A signed root over all streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Events it covers.
    pub size: u64,
    /// The Merkle root.
    pub root: Hash,
}

/// Writes the entry of an incident; `events` is its whole stream, of which `incident` is the fold.
pub fn entry(incident: &Incident, events: &[Event], ctx: &Context<'_>) -> String {
    let mut page = Page { incident, notes: corrections(events), out: String::new() };
    page.heading(events);
    page.life(events);
    page.evidence(events);
    for action in &incident.actions {
        page.action(action, events);
    }
    page.section("Escalations", events, |f| matches!(f, Facts::EscalationRaised(_) | Facts::EscalationDelivered(_)));
    page.section("Decisions", events, |f| matches!(f, Facts::DecisionMade(_)));
    page.section("Follow-ups", events, |f| matches!(f, Facts::FollowupAdded(_) | Facts::FollowupDone(_)));
    page.section("Also recorded", events, is_other);
    page.integrity(ctx);
    page.out
}

/// What no other section takes.
fn is_other(facts: &Facts) -> bool {
    matches!(
        facts,
        Facts::NoteAdded(_)
            | Facts::EventCorrected(_)
            | Facts::PayloadErased(_)
            | Facts::LedgerCreated(_)
            | Facts::SignersChanged(_)
            | Facts::LedgerKeyAdded(_)
            | Facts::DeployRecorded(_)
            | Facts::ObservationRecorded(_)
            | Facts::Other { .. }
            | Facts::Erased
    )
}

/// What was put right: seq of the event, the text that holds, the event that says so, and why.
fn corrections(events: &[Event]) -> BTreeMap<u64, (String, u64, String)> {
    events
        .iter()
        .filter_map(|e| match &e.facts {
            Facts::EventCorrected(x) => Some((x.seq, (x.text.clone(), e.header.seq, x.reason.clone()))),
            _ => None,
        })
        .collect()
}

struct Page<'a> {
    incident: &'a Incident,
    notes: BTreeMap<u64, (String, u64, String)>,
    out: String,
}

fn utc(at: Timestamp) -> String {
    at.to_seconds()
}

/// A JSON value as people write it: text bare, the rest as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| canonical(value), str::to_owned)
}

impl Page<'_> {
    /// The event's name: `7.12`.
    fn named(&self, seq: u64) -> String {
        format!("`{}.{seq}`", self.incident.number)
    }

    fn drill(&self) -> &'static str {
        if self.incident.drill { "DRILL: " } else { "" }
    }

    fn title(&mut self, title: &str) {
        let drill = self.drill();
        let _ = writeln!(self.out, "\n**{drill}{title}**\n");
    }

    fn bullet(&mut self, seq: u64, line: &str) {
        let name = self.named(seq);
        let _ = writeln!(self.out, "- {line} {name}");
    }

    /// The text of an event that a person wrote, as it holds now, with a note where it was put right.
    fn said(&self, seq: u64, written: &str) -> String {
        match self.notes.get(&seq) {
            Some((now, by, reason)) => format!("{} (corrected by {}: {})", text(now), self.named(*by), text(reason)),
            None => text(written),
        }
    }

    fn heading(&mut self, events: &[Event]) {
        let i = self.incident;
        let drill = self.drill();
        let _ = writeln!(self.out, "## {drill}Incident {}: {} {}\n", i.number, text(&i.runbook.id), text(&i.title));
        if i.drill {
            self.out.push_str("DRILL: a rehearsal against a simulator. Nothing here happened to production.\n\n");
        }
        let began = i.occurred_at.unwrap_or(i.opened_at);
        let status = self.last(events, |f| {
            matches!(
                f,
                Facts::IncidentOpened(_)
                    | Facts::RecoveryVerified(_)
                    | Facts::IncidentMitigated(_)
                    | Facts::IncidentResolved(_)
                    | Facts::IncidentDismissed(_)
                    | Facts::IncidentReopened(_)
            )
        });
        let ended = i.resolution.as_ref().map(|r| format!(", {} after it began {}", human_span(r.at.since(began)), self.named(1)));
        let changed = self.last(events, |f| matches!(f, Facts::SeverityChanged(_)));
        let owner = self.last(events, |f| matches!(f, Facts::IncidentHandedOff(_)));
        let first = i.severity_history.first().map(|c| format!(", at first {} {}", text(&c.from), self.named(1)));
        let _ = writeln!(
            self.out,
            "Status **{}** {status}{}. Severity **{}** {changed}{}. In charge: {} {owner}.\n",
            i.status,
            ended.unwrap_or_default(),
            text(&i.severity),
            first.unwrap_or_default(),
            text(&i.owner)
        );
    }

    /// The name of the last event of a kind; of the opening where there is none.
    fn last(&self, events: &[Event], wanted: impl Fn(&Facts) -> bool) -> String {
        self.named(events.iter().rev().find(|e| wanted(&e.facts)).map_or(1, |e| e.header.seq))
    }

    fn life(&mut self, events: &[Event]) {
        for e in events {
            let seq = e.header.seq;
            match &e.facts {
                Facts::IncidentOpened(x) => self.opened(e, x),
                Facts::IncidentResolved(x) => self.resolved(e, x),
                Facts::RecoveryVerified(_)
                | Facts::IncidentAcknowledged(_)
                | Facts::SeverityChanged(_)
                | Facts::IncidentHandedOff(_)
                | Facts::IncidentLinked(_)
                | Facts::IncidentMitigated(_)
                | Facts::IncidentDismissed(_)
                | Facts::IncidentReopened(_) => {
                    let line = self.line(e);
                    self.bullet(seq, &line);
                }
                _ => {}
            }
        }
    }

    /// Any event on one line: when, who, what; the text that holds now.
    fn line(&self, e: &Event) -> String {
        let stated = occurred_at(&e.facts).map(|t| format!(" (as stated: {})", utc(t))).unwrap_or_default();
        let fixed = self.notes.get(&e.header.seq);
        let what = summary_with(e, fixed.map(|(now, ..)| now.as_str()));
        let stop = if what.ends_with(['.', '!', '?']) { "" } else { "." };
        let fixed = fixed.map(|(_, by, reason)| format!(" Corrected by {}: {}.", self.named(*by), text(reason)));
        format!("{}{stated} {}: {}{stop}{}", utc(e.header.at), who(&e.actor), text(&what), fixed.unwrap_or_default())
    }

    fn opened(&mut self, e: &Event, x: &IncidentOpened) {
        let seq = e.header.seq;
        let line = self.line(e);
        self.bullet(seq, &line);
        if let Some(late) = x.late {
            self.bullet(seq, &format!("Recorded late: the probes ran at {}.", utc(late)));
        }
        self.bullet(seq, &format!("Runbook {}, SHA-256 {}.", text(&x.runbook.id), code(&x.runbook.hash.to_string())));
        let place = [("account", &x.account), ("region", &x.region)];
        let place: Vec<_> = place.iter().filter_map(|(name, v)| v.as_ref().map(|v| format!("{name} {}", code(v)))).collect();
        if !place.is_empty() {
            self.bullet(seq, &format!("To be answered by {}.", place.join(", ")));
        }
    }

    fn resolved(&mut self, e: &Event, x: &IncidentResolved) {
        let seq = e.header.seq;
        let stated = x.occurred_at.map(|t| format!(" (as stated: {})", utc(t))).unwrap_or_default();
        let kind = x.resolution.as_ref().map(|r| format!(" ({})", text(r))).unwrap_or_default();
        self.bullet(seq, &format!("{}{stated} {}: resolved{kind}.", utc(e.header.at), who(&e.actor)));
        let summary = self.said(seq, &x.summary);
        self.bullet(seq, &format!("Summary: {summary}"));
        self.bullet(seq, &format!("Impact: {}", text(&x.impact)));
        for w in &x.without {
            self.bullet(seq, &format!("Left out: {}, because {}", text(&w.what), text(&w.because)));
        }
    }

    fn evidence(&mut self, events: &[Event]) {
        if self.incident.evidence.is_empty() {
            return;
        }
        self.title("Evidence");
        self.out.push_str("| Ref | UTC | What | Verdict | Observed | Answered by | Bytes | Digest | Event |\n");
        self.out.push_str("| --- | --- | --- | --- | --- | --- | ---: | --- | --- |\n");
        for held in &self.incident.evidence {
            let Some(e) = events.iter().find(|e| e.header.seq == held.seq) else { continue };
            let cells = match &e.facts {
                Facts::EvidenceCaptured(x) => observed(&x.observation),
                Facts::EvidenceAttached(x) => self.attached(e, x),
                _ => [utc(e.header.at), "*erased*".to_owned(), String::new(), String::new(), String::new(), String::new(), String::new()],
            };
            let name = self.named(held.seq);
            let _ = writeln!(self.out, "| e{} | {} | {name} |", held.n, cells.join(" | "));
        }
    }

    fn attached(&self, e: &Event, x: &EvidenceAttached) -> [String; 7] {
        let when = x.occurred_at.unwrap_or(e.header.at);
        let note = self.said(e.header.seq, x.note.as_deref().unwrap_or_default());
        let extra = marks(x.truncated, &x.redactions);
        let from = format!("attached by {}", who(&e.actor));
        let digest = code(&x.blob.digest.to_string());
        [utc(when), code(&x.name), "attached".to_owned(), format!("{note}{extra}"), from, x.blob.size.to_string(), digest]
    }

    fn action(&mut self, a: &Action, events: &[Event]) {
        let title = format!("Action a{}: {}", a.n, text(&a.text));
        self.title(&title);
        for e in events {
            let seq = e.header.seq;
            match &e.facts {
                Facts::ActionProposed(x) if x.n == a.n => self.proposed(e, x),
                Facts::ApprovalGranted(x) if x.n == a.n => self.approved(e, x),
                Facts::ApprovalBypassed(x) if x.n == a.n => {
                    let open = if a.is_unreviewed() { ", **not reviewed**" } else { "" };
                    let until = utc(x.review_by);
                    let (by, why) = (text(&x.by), text(&x.reason));
                    self.bullet(
                        seq,
                        &format!(
                            "{} **BREAK-GLASS**: {by} goes without approval, signed, to be reviewed by {until}{open}: {why}.",
                            utc(e.header.at)
                        ),
                    );
                }
                Facts::ActionStarted(x) if x.n == a.n => {
                    let line = format!("{} started by {}.", utc(e.header.at), text(&x.executor));
                    self.bullet(seq, &line);
                    let source = source_of(x.source.account.as_deref(), x.source.region.as_deref(), x.source.endpoint.as_deref());
                    if !x.before.is_null() {
                        self.bullet(seq, &format!("Read just before: {}, as {source}.", code(&canonical(&x.before))));
                    }
                }
                Facts::RecoveryVerified(x) if x.n == a.n => {
                    let line = self.line(e);
                    self.bullet(seq, &format!("{line}{}", seen_in(&x.evidence)));
                }
                Facts::RecoveryNotVerified(x) if x.n == a.n => {
                    let line = self.line(e);
                    self.bullet(seq, &format!("{line}{}", seen_in(&x.evidence)));
                }
                f if number_of(f) == Some(a.n) => {
                    let line = self.line(e);
                    self.bullet(seq, &line);
                }
                _ => {}
            }
        }
    }

    fn proposed(&mut self, e: &Event, x: &ActionProposed) {
        let seq = e.header.seq;
        self.bullet(seq, &format!("{} proposed by {}: {} of block {}.", utc(e.header.at), who(&e.actor), code(&x.kind), code(&x.action)));
        if let (Some(from), Some(to)) = (x.arguments.get("from-version"), x.arguments.get("to-version")) {
            self.bullet(seq, &format!("From {} to {}.", code(&plain(from)), code(&plain(to))));
        }
        let arguments = match &x.arguments {
            Value::Object(map) => {
                let mut all: Vec<_> = map.iter().map(|(k, v)| format!("{} {}", text(k), code(&plain(v)))).collect();
                all.sort();
                all.join(", ")
            }
            other => code(&canonical(other)),
        };
        self.bullet(seq, &format!("Arguments: {arguments}."));
        for name in &x.by_hand {
            self.bullet(seq, &format!("{} was given by hand.", code(name)));
        }
        for r in &x.requires {
            self.bullet(seq, &format!("Requires: {}", text(r)));
        }
        let rule = if x.approve.none {
            "needs no approval".to_owned()
        } else {
            let own = if x.approve.allow_self { ", the proposer included" } else { "" };
            format!("needs {} of {}{own}", x.approve.min, text(&x.approve.from.join(", ")))
        };
        self.bullet(seq, &format!("Action hash {}, {rule}.", code(&x.hash.to_string())));
    }

    fn approved(&mut self, e: &Event, x: &ApprovalGranted) {
        let key = x.signature.as_ref().map(|s| s.get("key").and_then(Value::as_str));
        let signed = match key {
            Some(Some(key)) => format!("signed with {}", code(key)),
            Some(None) => "signed".to_owned(),
            None => "**unsigned**".to_owned(),
        };
        let own = if x.self_approved { ", **self-approved**" } else { "" };
        let comment = x.comment.as_ref().map(|c| format!(": {}", text(c))).unwrap_or_default();
        let line = format!(
            "{} approved by {}, {signed}{own}, having seen {}, until {}{comment}.",
            utc(e.header.at),
            text(&x.approver),
            self.named(x.head_seq),
            utc(x.expires_at),
        );
        self.bullet(e.header.seq, &line);
    }

    fn section(&mut self, title: &str, events: &[Event], wanted: impl Fn(&Facts) -> bool) {
        let of_evidence = |e: &Event| matches!(e.facts, Facts::Erased) && e.header.kind.starts_with("evidence.");
        let lines: Vec<_> = events.iter().filter(|e| wanted(&e.facts) && !of_evidence(e)).map(|e| (e.header.seq, self.line(e))).collect();
        if lines.is_empty() {
            return;
        }
        self.title(title);
        for (seq, line) in lines {
            self.bullet(seq, &line);
        }
    }

    fn integrity(&mut self, ctx: &Context<'_>) {
        self.title("Record");
        let head = self.incident.head;
        let _ = writeln!(
            self.out,
            "- Stream {} of ledger {}, head {} with hash {}",
            code(&format!("incident/{}", self.incident.id)),
            code(ctx.ledger),
            self.named(head.seq),
            code(&head.hash.to_string())
        );
        if let Some(c) = ctx.checkpoint {
            let _ = writeln!(self.out, "- First checkpoint over it: {} events, root {}", c.size, code(&c.root.to_string()));
        }
        self.out
            .push_str("- To check it: `blotter verify` beside the ledger, or `blotter export DIR` there and `sh DIR/verify.sh` anywhere\n");
    }
}

/// The action that an event with nothing but a line to say belongs to.
fn number_of(facts: &Facts) -> Option<u64> {
    match facts {
        Facts::ApprovalRevoked(x) => Some(x.n),
        Facts::ApprovalReviewed(x) => Some(x.n),
        Facts::ActionDenied(x) => Some(x.n),
        Facts::ActionStale(x) => Some(x.n),
        Facts::ActionSucceeded(x) => Some(x.n),
        Facts::ActionFailed(x) => Some(x.n),
        Facts::ActionUnknown(x) => Some(x.n),
        _ => None,
    }
}

fn seen_in(evidence: &[u64]) -> String {
    if evidence.is_empty() {
        return String::new();
    }
    let all: Vec<_> = evidence.iter().map(|n| format!("e{n}")).collect();
    format!(" Seen in {}.", all.join(", "))
}

fn marks(truncated: bool, redactions: &BTreeMap<String, u64>) -> String {
    let mut out = String::new();
    if truncated {
        out.push_str(" (truncated)");
    }
    if !redactions.is_empty() {
        let all: Vec<_> = redactions.iter().map(|(rule, n)| format!("{} {n}", text(rule))).collect();
        let _ = write!(out, " (redacted: {})", all.join(", "));
    }
    out
}

fn source_of(account: Option<&str>, region: Option<&str>, endpoint: Option<&str>) -> String {
    let named: Vec<_> = account.into_iter().chain(region).map(text).collect();
    if named.is_empty() { endpoint.map(text).unwrap_or_default() } else { named.join(" ") }
}

fn observed(o: &Observation) -> [String; 7] {
    let seen = match &o.reason {
        Some(reason) => format!("{}: {}", o.outcome, text(reason)),
        None => text(&o.observed),
    };
    let (size, digest) = o.blob.as_ref().map(|b| (b.size.to_string(), code(&b.digest.to_string()))).unwrap_or_default();
    [
        utc(o.started_at),
        format!("{} ({})", text(&o.probe), text(&o.kind)),
        verdict_word(o.verdict).to_owned(),
        format!("{seen}{}", marks(o.truncated, &o.redactions)),
        source_of(o.source.account.as_deref(), o.source.region.as_deref(), o.source.endpoint.as_deref()),
        size,
        digest,
    ]
}

#[cfg(test)]
mod tests;
