//! How the incident went: the head of the document, summary, impact, detection, timeline, resolution.

use std::fmt::Write as _;

use super::{Page, arguments, footnote, text, utc};
use crate::document::escape::markdown::code;
use crate::record::event::{Event, Facts};
use crate::record::incident::{EvidenceKind, Status};
use crate::record::time::{Timestamp, human_span};
use crate::record::timeline::{Entry, entries};
use crate::record::verdict::Verdict;

/// A stretch of the incident's life.
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) definition: &'static str,
    pub(super) from: Timestamp,
    /// When it ended and the event that says so; `None` when it has not.
    pub(super) to: Option<(Timestamp, u64)>,
}

impl Measure {
    fn value(&self) -> String {
        self.to.map_or_else(|| "not yet".to_owned(), |(to, _)| human_span(to.since(self.from).max(0)))
    }
}

impl Page<'_> {
    fn began(&self) -> Timestamp {
        self.incident.occurred_at.unwrap_or(self.incident.opened_at)
    }

    /// The last event of a kind.
    fn last(&self, wanted: impl Fn(&Facts) -> bool) -> Option<u64> {
        self.events.iter().rev().find(|e| wanted(&e.facts)).map(|e| e.header.seq)
    }

    fn measures(&self) -> Vec<Measure> {
        let i = self.incident;
        let began = self.began();
        let acknowledged = self.events.iter().fold(None, |found, e| match &e.facts {
            Facts::IncidentReopened(_) => None,
            Facts::IncidentAcknowledged(_) => found.or(Some(e.header.seq)),
            _ => found,
        });
        let mitigated = self.last(|f| matches!(f, Facts::IncidentMitigated(_) | Facts::RecoveryVerified(_)));
        let resolved = i.resolution.as_ref().map(|r| (r.at, r.seq));
        vec![
            Measure {
                name: "Time to detect",
                definition: "from when it began (as a person said, else when it was opened) to when it was opened",
                from: began,
                to: Some((i.opened_at, 1)),
            },
            Measure {
                name: "Time to acknowledge",
                definition: "from when it began to its first acknowledgement since it was opened or last reopened",
                from: began,
                to: i.acknowledged.as_ref().map(|a| a.0).zip(acknowledged),
            },
            Measure {
                name: "Time to mitigate",
                definition: "from when it began to when the harm last stopped (recovery verified, or recorded with `mitigate`), \
                             or to its resolution where nobody recorded that",
                from: began,
                to: i.mitigated.as_ref().map(|m| m.0).zip(mitigated).or(resolved),
            },
            Measure { name: "Time to resolve", definition: "from when it began to its last resolution", from: began, to: resolved },
        ]
    }

    pub(super) fn header(&mut self) {
        let i = self.incident;
        let drill = if i.drill { "DRILL: " } else { "" };
        let _ = writeln!(self.out, "# {drill}Postmortem of incident {}: {} {}\n", i.number, text(&i.runbook.id), text(&i.title));
        if i.drill {
            self.out.push_str("DRILL: a rehearsal against a simulator. Nothing here happened to production.\n\n");
        }
        let stem = super::stem(i.number, &i.runbook.id);
        let _ = writeln!(self.out, "![The incident in one picture; the timeline below says the same in words]({stem}.svg)\n");
        self.out.push_str("| | |\n| --- | --- |\n");
        let status = self.last(|f| {
            matches!(
                f,
                Facts::IncidentResolved(_)
                    | Facts::IncidentDismissed(_)
                    | Facts::IncidentReopened(_)
                    | Facts::IncidentMitigated(_)
                    | Facts::RecoveryVerified(_)
            )
        });
        self.row("Status", &format!("**{}** {}", i.status, self.named(status.unwrap_or(1))));
        let severity = self.severities();
        self.row("Severity", &severity);
        let stated = if i.occurred_at.is_some() { " (as stated)" } else { " (when it was opened)" };
        self.row("Began", &format!("{} UTC{stated} {}", utc(self.began()), self.named(1)));
        self.row("Opened", &format!("{} UTC by {} {}", utc(i.opened_at), text(&i.opened_by.name), self.named(1)));
        for m in self.measures() {
            let at = m.to.map(|(at, seq)| format!(" ({} UTC) {}", utc(at), self.named(seq))).unwrap_or_default();
            self.row(m.name, &format!("**{}**{at}", m.value()));
        }
        let people = self.people();
        self.row("People", &people);
        self.row("Runbook", &format!("{}, SHA-256 {} {}", text(&i.runbook.id), code(&i.runbook.hash.to_string()), self.named(1)));
        self.row("Record head", &format!("{} {}", self.named(i.head.seq), code(&i.head.hash.to_string())));
        if let Some((at, why)) = &i.dismissed {
            self.row("Dismissed", &format!("{} UTC: {}", utc(*at), text(why)));
        }
    }

    fn row(&mut self, name: &str, value: &str) {
        let _ = writeln!(self.out, "| {name} | {value} |");
    }

    fn severities(&self) -> String {
        let i = self.incident;
        let first = i.severity_history.first().map_or(&i.severity, |c| &c.from);
        let mut all = vec![format!("{} {}", text(first), self.named(1))];
        for c in &i.severity_history {
            let why = match &c.rule {
                Some(rule) => format!("by rule {}: {}", text(rule), text(&c.reason)),
                None => self.said(c.seq, &c.reason),
            };
            all.push(format!("{} from {} UTC, {why} {}", text(&c.to), utc(c.at), self.named(c.seq)));
        }
        all.join("<br>")
    }

    /// Everybody who appears, in the order of appearance, with what they did.
    fn people(&self) -> String {
        let mut all: Vec<(String, Vec<(String, u64)>)> = Vec::new();
        let mut add = |name: &str, role: String, seq: u64| {
            let k = all.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
                all.push((name.to_owned(), Vec::new()));
                all.len() - 1
            });
            if !all[k].1.iter().any(|(r, _)| *r == role) {
                all[k].1.push((role, seq));
            }
        };
        for e in self.events {
            let (seq, actor) = (e.header.seq, e.actor.name.as_str());
            match &e.facts {
                Facts::IncidentOpened(_) => add(actor, "opened it".to_owned(), seq),
                Facts::IncidentAcknowledged(_) => add(actor, "acknowledged".to_owned(), seq),
                Facts::ActionProposed(x) => add(actor, format!("proposed a{}", x.n), seq),
                Facts::ApprovalGranted(x) => add(&x.approver, format!("approved a{}", x.n), seq),
                Facts::ActionDenied(x) => add(&x.by, format!("denied a{}", x.n), seq),
                Facts::ActionStarted(x) => add(&x.executor, format!("executed a{}", x.n), seq),
                Facts::EscalationRaised(x) => add(&x.to, "was escalated to".to_owned(), seq),
                Facts::IncidentHandedOff(x) => add(&x.to, "took over".to_owned(), seq),
                Facts::IncidentResolved(_) => add(actor, "resolved it".to_owned(), seq),
                Facts::NoteAdded(_) => add(actor, "took notes".to_owned(), seq),
                _ => {}
            }
        }
        let lines = all.iter().map(|(name, roles)| {
            let roles: Vec<_> = roles.iter().map(|(r, seq)| format!("{r} {}", self.named(*seq))).collect();
            format!("{}: {}", text(name), roles.join(", "))
        });
        lines.collect::<Vec<_>>().join("<br>")
    }

    pub(super) fn summary(&mut self) {
        if let Some(r) = &self.incident.resolution {
            let said = self.said(r.seq, &r.summary);
            let name = self.named(r.seq);
            let _ = writeln!(self.out, "{said} {name}\n");
        }
    }

    pub(super) fn impact(&mut self) {
        let i = self.incident;
        if let Some(r) = &i.resolution {
            let name = self.named(r.seq);
            let _ = writeln!(self.out, "{} {name}\n", text(&r.impact));
        }
        let harm = &self.measures()[2];
        let lasted = match harm.to {
            Some((at, seq)) => format!("Harm was being done for {}, until {} UTC {}.", harm.value(), utc(at), self.named(seq)),
            None => format!("Harm was still being done at {}.", self.named(i.head.seq)),
        };
        let _ = writeln!(self.out, "{lasted}\n");
        self.readings();
    }

    /// What was measured while it went on, by series.
    fn readings(&mut self) {
        struct Series {
            first: (f64, u64),
            low: (f64, u64),
            high: (f64, u64),
            last: (f64, u64),
            count: u64,
        }
        let mut all: Vec<((&str, &str), Series)> = Vec::new();
        for e in &self.incident.evidence {
            let EvidenceKind::Observed(o) = &e.what else { continue };
            for r in &o.readings {
                let (key, point) = ((r.name.as_str(), r.origin.as_str()), (r.value, e.n));
                match all.iter_mut().find(|(k, _)| *k == key) {
                    Some((_, s)) => {
                        s.low = if point.0 < s.low.0 { point } else { s.low };
                        s.high = if point.0 > s.high.0 { point } else { s.high };
                        s.last = point;
                        s.count += 1;
                    }
                    None => all.push((key, Series { first: point, low: point, high: point, last: point, count: 1 })),
                }
            }
        }
        if all.is_empty() {
            return;
        }
        self.out.push_str("| Measured | Looks | First | Lowest | Highest | Last |\n| --- | ---: | --- | --- | --- | --- |\n");
        for ((name, origin), s) in all {
            let cell = |(v, n): (f64, u64)| format!("{v} {}", self.shown(n));
            let cells = [cell(s.first), cell(s.low), cell(s.high), cell(s.last)].join(" | ");
            let _ = writeln!(self.out, "| {}<br>{} | {} | {cells} |", text(name), code(origin), s.count);
        }
        self.out.push('\n');
    }

    pub(super) fn detection(&mut self) {
        let i = self.incident;
        let measures = self.measures();
        let stated = if i.occurred_at.is_some() { ", as stated" } else { "; nobody stated another time" };
        self.bullet(1, &format!("It began at {} UTC{stated}.", utc(self.began())));
        let reason = i.reason.as_ref().map(|r| format!(": {}", text(r))).unwrap_or_default();
        let line =
            format!("Opened at {} UTC by {}, {} after it began{reason}.", utc(i.opened_at), text(&i.opened_by.name), measures[0].value());
        self.bullet(1, &line);
        if let Some(late) = i.late {
            self.bullet(1, &format!("Recorded late: the probes ran at {} UTC.", utc(late)));
        }
        let first = i.evidence.iter().find_map(|e| match &e.what {
            EvidenceKind::Observed(o) if o.verdict == Some(Verdict::Unmet) => Some((e, o)),
            _ => None,
        });
        if let Some((e, o)) = first {
            let line = format!(
                "First seen by a probe at {} UTC: {} {} {}.",
                utc(o.started_at),
                text(&o.probe),
                text(&o.observed),
                self.shown(e.n)
            );
            self.bullet(e.seq, &line);
        }
        if let Some((at, by)) = &i.acknowledged {
            let seq = measures[1].to.map_or(1, |(_, seq)| seq);
            let line = format!("Acknowledged at {} UTC by {}, {} after it began.", utc(*at), text(&by.name), measures[1].value());
            self.bullet(seq, &line);
        }
        self.out.push('\n');
    }

    pub(super) fn timeline(&mut self) {
        let entries = entries(self.events);
        let mut rows: Vec<(Timestamp, u64, String)> = Vec::new();
        for (entry, event) in entries.iter().zip(self.events) {
            let source = format!("{} {}", self.named(entry.seq), code(&entry.hash.short()));
            let shown = self.all_shown(&evidence_of(event));
            let fixed = entry.corrected_by.map(footnote).unwrap_or_default();
            let mut push = |at: Timestamp, what: &str| {
                rows.push((at, entry.seq, format!("| {} | {what}{fixed} | {source} | {shown} |", utc(at))));
            };
            let said = format!("{}: {}", text(&entry.actor), text(&entry.summary));
            match (&event.facts, entry.occurred_at) {
                (Facts::IncidentOpened(x), _) => {
                    if let Some(at) = x.occurred_at {
                        push(at, &format!("{}: it begins (as stated)", text(&entry.actor)));
                    }
                    push(entry.at, &said);
                }
                (_, Some(at)) => push(at, &format!("{said} (as stated; recorded {})", utc(entry.at))),
                (_, None) => push(entry.at, &said),
            }
        }
        rows.sort_by_key(|(at, seq, _)| (*at, *seq));
        self.out.push_str("| UTC | Event | Source | Evidence |\n| --- | --- | --- | --- |\n");
        for (_, _, row) in rows {
            self.out.push_str(&row);
            self.out.push('\n');
        }
        self.footnotes(&entries);
    }

    /// What was put right, once for the whole document.
    fn footnotes(&mut self, entries: &[Entry]) {
        let mut out = String::new();
        for e in self.events {
            let Facts::EventCorrected(x) = &e.facts else { continue };
            let holds = entries.iter().any(|t| t.corrected_by == Some(e.header.seq));
            let old = self.event(x.seq).and_then(|t| t.facts.text());
            if let (true, Some(old)) = (holds, old) {
                let (by, seq) = (self.named(e.header.seq), self.named(x.seq));
                let _ = writeln!(
                    out,
                    "\n[^c{}]: Until {} UTC {seq} read: {}. Put right by {}: {}. {by}",
                    e.header.seq,
                    utc(e.header.at),
                    text(if old.is_empty() { "(nothing)" } else { old }),
                    text(&e.actor.name),
                    text(&x.reason)
                );
            }
        }
        self.out.push_str(&out);
    }

    pub(super) fn resolution(&mut self) {
        let i = self.incident;
        match &i.resolution {
            Some(r) => {
                let kind = r
                    .resolution
                    .as_deref()
                    .map_or_else(|| "not said whether **permanent or temporary**".to_owned(), |k| format!("**{}**", text(k)));
                self.bullet(r.seq, &format!("Resolved at {} UTC; {kind}.", utc(r.at)));
                for w in &r.without {
                    self.bullet(r.seq, &format!("Left out: {}, because {}", text(&w.what), text(&w.because)));
                }
            }
            None if i.status == Status::Dismissed => {}
            None => {
                let line = format!("Not resolved; the incident is {}.", i.status);
                self.bullet(i.head.seq, &line);
            }
        }
        for a in &i.actions {
            if let Some(v) = a.verification.as_ref().filter(|v| v.verdict == Verdict::Met) {
                let line = format!("Recovery verified after a{} ({}): {}.", a.n, arguments_text(a), text(&v.text));
                self.bullet(v.seq, &line);
            }
        }
        if let Some((at, why)) = &i.mitigated {
            let seq = self.last(|f| matches!(f, Facts::IncidentMitigated(_) | Facts::RecoveryVerified(_))).unwrap_or(1);
            let said = match self.event(seq).map(|e| &e.facts) {
                Some(Facts::IncidentMitigated(x)) => self.said(seq, &x.reason),
                _ => text(why),
            };
            self.bullet(seq, &format!("The harm stopped at {} UTC: {said}.", utc(*at)));
        }
    }

    pub(super) fn metrics(&mut self) {
        self.out.push_str("| Figure | Value | Definition |\n| --- | --- | --- |\n");
        for m in self.measures() {
            let name = m.to.map(|(_, seq)| format!(" {}", self.named(seq))).unwrap_or_default();
            let _ = writeln!(self.out, "| {} | {}{name} | {} |", m.name, m.value(), m.definition);
        }
        for a in self.incident.actions.iter().filter(|a| !a.rule.none) {
            let value = match a.approvals.first() {
                Some(x) => format!("{} {}", human_span(x.at.since(a.proposed_at).max(0)), self.named(x.seq)),
                None => format!("never approved {}", self.named(a.seq)),
            };
            let _ = writeln!(self.out, "| Wait for approval of a{} | {value} | from the proposal to its first approval |", a.n);
        }
        self.out.push_str("\nA span that ends before it begins counts as zero. All times are UTC. `N.M` names event M of incident N, `N.eM` its evidence.\n");
    }
}

fn arguments_text(a: &crate::record::action::Action) -> String {
    if a.text.is_empty() { arguments(&a.arguments) } else { text(&a.text) }
}

/// The evidence that an event is, or rests on.
fn evidence_of(event: &Event) -> Vec<u64> {
    match &event.facts {
        Facts::EvidenceCaptured(x) => vec![x.n],
        Facts::EvidenceAttached(x) => vec![x.n],
        Facts::DecisionMade(x) => x.evidence.clone(),
        Facts::RecoveryVerified(x) => x.evidence.clone(),
        Facts::RecoveryNotVerified(x) => x.evidence.clone(),
        _ => Vec::new(),
    }
}
