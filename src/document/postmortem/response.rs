//! What was thought and done: beliefs, actions, open questions, follow-ups, communications.

use std::fmt::Write as _;

use super::{Page, arguments, text, utc};
use crate::document::escape::markdown::code;
use crate::record::action::{Action, Progress};
use crate::record::event::Facts;
use crate::record::incident::EvidenceKind;
use crate::record::time::human_span;
use crate::record::timeline::{rounds, summary, verdict_word};
use crate::record::verdict::Verdict;

impl Page<'_> {
    /// Decisions with what they went against, refused and overtaken plans, and texts that were put right.
    pub(super) fn beliefs(&mut self) {
        for e in self.events {
            let (seq, at) = (e.header.seq, utc(e.header.at));
            let who = text(&e.actor.name);
            match &e.facts {
                Facts::DecisionMade(x) => {
                    let why = self.said(seq, x.reason.as_deref().unwrap_or_default());
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    let beside = match &x.suggested {
                        Some(s) if *s == x.branch => ", as the evidence suggested".to_owned(),
                        Some(s) => format!("; **rejected:** {}, which the evidence suggested", text(s)),
                        None => ", where the evidence suggested none".to_owned(),
                    };
                    let from = if x.evidence.is_empty() { String::new() } else { format!(" {}", self.all_shown(&x.evidence)) };
                    self.bullet(seq, &format!("{at} {who} took {} for {}{beside}{why}{from}", text(&x.branch), text(&x.decide)));
                }
                Facts::ActionDenied(x) => {
                    self.bullet(seq, &format!("{at} {} **rejected** a{}: {}", text(&x.by), x.n, text(&x.reason)));
                }
                Facts::ActionStale(x) => {
                    self.bullet(seq, &format!("{at} a{} was **overtaken** by events: {}", x.n, text(&x.reason)));
                }
                Facts::IncidentReopened(x) => {
                    let why = self.said(seq, &x.reason);
                    self.bullet(seq, &format!("{at} {who} reopened it, which was thought to be over: {why}"));
                }
                Facts::IncidentDismissed(x) => {
                    let why = self.said(seq, &x.reason);
                    self.bullet(seq, &format!("{at} {who} dismissed it: {why}"));
                }
                Facts::IncidentLinked(_) => {
                    let line = format!("{at} {who}: {}", text(&summary(e)));
                    self.bullet(seq, &line);
                }
                Facts::EventCorrected(x) => {
                    let old = self.event(x.seq).and_then(|t| t.facts.text()).filter(|t| !t.is_empty());
                    let old = old.map_or_else(String::new, |t| format!(", **dropping** “{}”", text(t)));
                    let line = format!("{at} {who} put {} right{old}: {} ({})", self.named(x.seq), text(&x.text), text(&x.reason));
                    self.bullet(seq, &line);
                }
                _ => {}
            }
        }
        self.gap();
    }

    /// One empty line after what stands here already.
    fn gap(&mut self) {
        if self.out.ends_with('\n') && !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    pub(super) fn response(&mut self) {
        if self.incident.actions.is_empty() {
            self.out.push_str("No action was proposed.\n");
            return;
        }
        let incident = self.incident;
        for (k, a) in incident.actions.iter().enumerate() {
            if k > 0 {
                self.out.push('\n');
            }
            self.action(a);
        }
    }

    fn action(&mut self, a: &Action) {
        let _ = writeln!(self.out, "### a{}: {} ({})\n", a.n, text(&a.text), outcome(a));
        let by_hand = if a.by_hand.is_empty() { String::new() } else { format!("; given by hand: {}", text(&a.by_hand.join(", "))) };
        self.bullet(a.seq, &format!("{} proposed by {} ({}){by_hand}", utc(a.proposed_at), text(&a.proposer), code(&a.kind)));
        self.bullet(a.seq, &format!("Arguments: {}", arguments(&a.arguments)));
        if a.rule.none {
            self.bullet(a.seq, "Needed no approval");
        }
        for e in self.events {
            let (seq, at) = (e.header.seq, utc(e.header.at));
            let line = match &e.facts {
                Facts::ApprovalGranted(x) if x.n == a.n => {
                    let signed = if x.signature.is_some() { "signed" } else { "**unsigned**" };
                    let own = if x.self_approved { ", **self-approved**" } else { "" };
                    let wait = human_span(e.header.at.since(a.proposed_at).max(0));
                    let said = x.comment.as_ref().map(|c| format!(": {}", text(c))).unwrap_or_default();
                    format!("{at} approved by {} after {wait}, {signed}{own}{said}", text(&x.approver))
                }
                Facts::ApprovalRevoked(x) if x.n == a.n => {
                    format!("{at} approval of {} taken back: {}", text(&x.approver), text(&x.reason))
                }
                Facts::ApprovalBypassed(x) if x.n == a.n => {
                    let open = if a.is_unreviewed() { ", **not reviewed**" } else { "" };
                    format!("{at} **BREAK-GLASS** by {}, without approval, signed{open}: {}", text(&x.by), text(&x.reason))
                }
                Facts::ApprovalReviewed(x) if x.n == a.n => {
                    format!("{at} break-glass reviewed by {}, signed: {}", text(&x.by), text(&x.comment))
                }
                Facts::ActionDenied(x) if x.n == a.n => format!("{at} **denied** by {}: {}", text(&x.by), text(&x.reason)),
                Facts::ActionStale(x) if x.n == a.n => format!("{at} **stale**: {}", text(&x.reason)),
                Facts::ActionStarted(x) if x.n == a.n => format!("{at} executed by {}", text(&x.executor)),
                Facts::ActionSucceeded(x) if x.n == a.n => format!("{at} succeeded{}: {}", looked(x.reconciled), text(&x.text)),
                Facts::ActionFailed(x) if x.n == a.n => format!("{at} **failed**{}: {}", looked(x.reconciled), text(&x.error)),
                Facts::ActionUnknown(x) if x.n == a.n => format!("{at} **outcome unknown**: {}", text(&x.error)),
                Facts::RecoveryVerified(x) if x.n == a.n => {
                    let seen = self.all_shown(&x.evidence);
                    format!(
                        "{at} recovery verified ({}): {}, {} after the start {seen}",
                        text(&x.verify),
                        rounds(x.passes),
                        human_span(x.after_ms)
                    )
                }
                Facts::RecoveryNotVerified(x) if x.n == a.n => {
                    let seen = self.all_shown(&x.evidence);
                    format!("{at} **recovery not verified** ({}, {}): {} {seen}", text(&x.verify), x.verdict, text(&x.reason))
                }
                _ => continue,
            };
            self.bullet(seq, line.trim_end());
        }
    }

    /// What the record itself leaves open.
    pub(super) fn questions(&mut self) {
        let i = self.incident;
        let mut lines: Vec<(u64, String)> = Vec::new();
        for a in &i.actions {
            if let Progress::Unknown { error, .. } = &a.progress {
                lines.push((a.seq, format!("How did a{} end? {}", a.n, text(error))));
            }
        }
        for e in &i.evidence {
            let EvidenceKind::Observed(o) = &e.what else { continue };
            let is_newest = i.latest(&o.probe).is_some_and(|(l, _)| l.n == e.n);
            if is_newest && o.verdict == Some(Verdict::Unknown) {
                let why = o.reason.as_deref().unwrap_or(&o.observed);
                lines.push((e.seq, format!("{} could not be looked at to the end: {} {}", text(&o.probe), text(why), self.shown(e.n))));
            } else if is_newest && o.verdict == Some(Verdict::Unmet) {
                lines.push((
                    e.seq,
                    format!("{} was last seen {}: {} {}", text(&o.probe), verdict_word(o.verdict), text(&o.observed), self.shown(e.n)),
                ));
            }
        }
        if let Some(r) = &i.resolution {
            for w in &r.without {
                lines.push((r.seq, format!("{} was left out when it was resolved: {}", text(&w.what), text(&w.because))));
            }
        }
        for (seq, line) in lines {
            self.bullet(seq, &line);
        }
        self.gap();
    }

    pub(super) fn followups(&mut self) {
        if self.incident.followups.is_empty() {
            let number = self.incident.number;
            let _ = writeln!(
                self.out,
                "> **To be written (follow-ups).** What will be different? `blotter followup add -i {number} \"…\" --class preventative --owner WHO --due DATE` records it."
            );
            return;
        }
        self.out.push_str("| Ref | What | Class | Owner | Due | State | Source |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        for f in &self.incident.followups {
            let state = match &f.done {
                Some((at, note)) => format!("done {}{}", utc(*at), note.as_ref().map(|n| format!(": {}", text(n))).unwrap_or_default()),
                None => "open".to_owned(),
            };
            let optional = |v: &Option<String>| v.as_deref().map_or_else(|| "*not said*".to_owned(), text);
            let cells = [self.said(f.seq, &f.text), optional(&f.class), optional(&f.owner), optional(&f.due), state, self.named(f.seq)];
            let number = self.incident.number;
            let _ = writeln!(self.out, "| `{number}.f{}` | {} |", f.n, cells.join(" | "));
        }
    }

    pub(super) fn communications(&mut self) {
        for e in self.events {
            let (seq, at) = (e.header.seq, utc(e.header.at));
            let line = match &e.facts {
                Facts::EscalationRaised(x) => {
                    let purpose = x.purpose.as_ref().map(|p| format!(" for {}", text(p))).unwrap_or_default();
                    let due = if x.due_at == e.header.at { String::new() } else { format!(" (due {})", utc(x.due_at)) };
                    format!("{at}{due} {} wanted{purpose}, by {}: {}", text(&x.to), text(&x.rule), text(&x.reason))
                }
                Facts::EscalationDelivered(x) => {
                    let state = if x.ok { "told" } else { "**could not be told**" };
                    let to = self.incident.escalations.iter().find(|r| r.seq == x.raised).map_or_else(String::new, |r| text(&r.to));
                    format!("{at} {to} {state} by {}: {}", text(&x.channel), text(&x.detail))
                }
                Facts::IncidentHandedOff(x) => {
                    let said = self.said(seq, x.note.as_deref().unwrap_or_default());
                    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                    format!("{at} {} handed over to {}{said}", text(&e.actor.name), text(&x.to))
                }
                _ => continue,
            };
            self.bullet(seq, &line);
        }
        self.gap();
    }
}

fn looked(reconciled: bool) -> &'static str {
    if reconciled { " (found by looking afterwards)" } else { "" }
}

/// How an action ended, in one word.
fn outcome(a: &Action) -> &'static str {
    match &a.progress {
        Progress::Waiting if a.approvals.is_empty() => "proposed",
        Progress::Waiting => "approved, never executed",
        Progress::Denied { .. } => "denied",
        Progress::Stale { .. } => "stale",
        Progress::Started | Progress::Unknown { .. } => "outcome unknown",
        Progress::Succeeded { .. } => "succeeded",
        Progress::Failed { .. } => "failed",
    }
}
