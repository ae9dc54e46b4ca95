//! What it all rests on: the index of evidence, and how to check the record.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::{Page, text, utc};
use crate::document::escape::markdown::code;
use crate::document::who;
use crate::record::event::Facts;
use crate::record::incident::{Evidence, EvidenceKind};
use crate::record::timeline::verdict_word;

impl Page<'_> {
    pub(super) fn evidence_index(&mut self) {
        if self.incident.evidence.is_empty() {
            return;
        }
        self.out.push_str("| Ref | What | Collected (UTC) | By | Bytes | Redacted | Digest | Source |\n");
        self.out.push_str("| --- | --- | --- | --- | ---: | --- | --- | --- |\n");
        for e in &self.incident.evidence {
            let [what, when, size, redacted, digest] = self.indexed(e);
            let (shown, name) = (self.shown(e.n), self.named(e.seq));
            let _ = writeln!(self.out, "| {shown} | {what} | {when} | {} | {size} | {redacted} | {digest} | {name} |", who(&e.by));
        }
    }

    fn indexed(&self, e: &Evidence) -> [String; 5] {
        let cut = |t: bool| if t { " (truncated)" } else { "" };
        match &e.what {
            EvidenceKind::Observed(o) => {
                let what = format!("{} ({}), {}{}", text(&o.probe), text(&o.kind), verdict_word(o.verdict), cut(o.truncated));
                let (size, digest) = match &o.blob {
                    Some(b) => (b.size.to_string(), code(&b.digest.to_string())),
                    None => (String::new(), format!("no answer: {}", o.outcome)),
                };
                [what, utc(o.started_at), size, redacted(&o.redactions), digest]
            }
            EvidenceKind::Attached { name, blob, truncated, redactions, .. } => {
                let at = match self.event(e.seq).map(|e| &e.facts) {
                    Some(Facts::EvidenceAttached(x)) => x.occurred_at,
                    _ => None,
                };
                let what = format!("{}, attached{}", code(name), cut(*truncated));
                [what, utc(at.unwrap_or(e.at)), blob.size.to_string(), redacted(redactions), code(&blob.digest.to_string())]
            }
            EvidenceKind::Erased => {
                let by = self.events.iter().find_map(|x| match &x.facts {
                    Facts::PayloadErased(p) if p.stream == x.header.stream && p.seq == e.seq => Some((x.header.seq, p)),
                    _ => None,
                });
                let why = by.map_or_else(String::new, |(seq, p)| {
                    format!(" by {}, allowed by {}: {}", self.named(seq), text(&p.approved_by.join(", ")), text(&p.reason))
                });
                [format!("*erased*{why}"), utc(e.at), String::new(), String::new(), String::new()]
            }
        }
    }

    pub(super) fn integrity(&mut self) {
        let i = self.incident;
        let _ = writeln!(
            self.out,
            "- Stream {} of ledger {}: {} events, head {} with hash {}",
            code(&format!("incident/{}", i.id)),
            code(self.ctx.ledger),
            self.events.len(),
            self.named(i.head.seq),
            code(&i.head.hash.to_string())
        );
        match self.ctx.checkpoint {
            Some(c) => {
                let _ = writeln!(self.out, "- First checkpoint over it: {} events, root {}", c.size, code(&c.root.to_string()));
            }
            None => self.out.push_str("- No checkpoint covers it yet\n"),
        }
        for a in &i.actions {
            for x in &a.approvals {
                let how = match &x.signature {
                    Some(s) => match s.get("key").and_then(Value::as_str) {
                        Some(key) => format!("signed with {}", code(key)),
                        None => "signed".to_owned(),
                    },
                    None => "**not signed**: it is what the operator's account says".to_owned(),
                };
                self.bullet(x.seq, &format!("Approval of a{} by {}: {how}", a.n, text(&x.approver)));
            }
        }
        let erased = self.events.iter().filter(|e| matches!(e.facts, Facts::Erased)).count();
        if erased > 0 {
            let _ = writeln!(self.out, "- Payloads erased by name: {erased}; each stands in the timeline with the event that says so");
        }
        self.out.push_str(
            "- To check it: `blotter verify --documents` beside the ledger, or `blotter export DIR` there and `sh DIR/verify.sh` anywhere\n\
             - The record shows tampering, it does not prevent it: whoever holds the ledger and its key can write it anew; \
             a copy of this page elsewhere shows that too\n",
        );
    }
}

fn redacted(rules: &BTreeMap<String, u64>) -> String {
    rules.iter().map(|(rule, n)| format!("{} {n}", text(rule))).collect::<Vec<_>>().join(", ")
}
