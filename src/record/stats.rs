//! Figures over many incidents, each with the definition it uses.

use std::collections::BTreeMap;

use serde::Serialize;

use super::brief::Brief;
use super::incident::Status;
use super::time::Timestamp;

/// A duration over many incidents or actions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Span {
    /// E.g. `time to acknowledge`.
    pub name: &'static str,
    /// What is measured, and what is left out.
    pub definition: &'static str,
    /// How many were measured.
    pub n: u64,
    /// How many are left out because it has not happened (yet).
    pub without: u64,
    /// The middle value in milliseconds (mean of the middle two); null when `n` is 0.
    pub median_ms: Option<i64>,
    /// The value in milliseconds that nine of ten do not exceed (nearest rank); null when `n` is 0.
    pub p90_ms: Option<i64>,
}

/// A number of things.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    /// E.g. `false alarms`.
    pub name: &'static str,
    /// What is counted.
    pub definition: &'static str,
    /// How many.
    pub n: u64,
}

/// The figures of a ledger, or of a part of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stats {
    /// Incidents looked at.
    pub incidents: u64,
    /// Incidents by runbook.
    pub by_runbook: BTreeMap<String, u64>,
    /// Incidents by the severity they have now.
    pub by_severity: BTreeMap<String, u64>,
    /// Incidents by status.
    pub by_status: BTreeMap<String, u64>,
    /// Durations.
    pub spans: Vec<Span>,
    /// Numbers.
    pub counts: Vec<Count>,
}

/// Collects figures one incident at a time.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    incidents: u64,
    by_runbook: BTreeMap<String, u64>,
    by_severity: BTreeMap<String, u64>,
    by_status: BTreeMap<String, u64>,
    acknowledge: Sample,
    mitigate: Sample,
    resolve: Sample,
    approval: Sample,
    false_alarms: u64,
    not_over: u64,
    actions: u64,
    denied: u64,
    failed: u64,
    break_glass: u64,
    self_approved: u64,
}

#[derive(Clone, Debug, Default)]
struct Sample {
    spans: Vec<i64>,
    without: u64,
}

impl Sample {
    /// A span that ends before it begins (people correct each other's clocks) counts as zero.
    fn add(&mut self, from: Timestamp, to: Option<Timestamp>) {
        match to {
            Some(to) => self.spans.push(to.since(from).max(0)),
            None => self.without += 1,
        }
    }

    fn span(&self, name: &'static str, definition: &'static str) -> Span {
        let mut v = self.spans.clone();
        v.sort_unstable();
        let n = v.len();
        let middle = n.checked_sub(1).map(|last| (v[last / 2] + v[n / 2]) / 2);
        let p90 = (n * 9).div_ceil(10).checked_sub(1).map(|i| v[i]);
        Span { name, definition, n: n as u64, without: self.without, median_ms: middle, p90_ms: p90 }
    }
}

impl Tally {
    /// Takes in what lists know of an incident.
    pub fn brief(&mut self, b: &Brief) {
        self.incidents += 1;
        *self.by_runbook.entry(b.runbook.clone()).or_default() += 1;
        *self.by_severity.entry(b.severity.clone()).or_default() += 1;
        *self.by_status.entry(b.status.to_string()).or_default() += 1;
        self.not_over += u64::from(b.status.is_active());
        self.actions(b);
        if b.status == Status::Dismissed {
            self.false_alarms += 1;
            return;
        }
        let began = b.began_at();
        self.acknowledge.add(began, b.acknowledged_at);
        self.mitigate.add(began, b.mitigated_at.or(b.resolved_at));
        self.resolve.add(began, b.resolved_at);
    }

    fn actions(&mut self, b: &Brief) {
        for a in &b.told {
            self.actions += 1;
            self.denied += u64::from(a.denied);
            self.failed += u64::from(a.failed);
            self.self_approved += u64::from(a.approvals.iter().any(|x| x.own && !x.revoked));
            self.break_glass += u64::from(a.broke_glass);
            if a.needs > 0 {
                self.approval.add(a.proposed_at, a.approvals.first().map(|x| x.at));
            }
        }
    }

    /// The figures so far.
    pub fn finish(&self) -> Stats {
        let count = |name, definition, n| Count { name, definition, n };
        Stats {
            incidents: self.incidents,
            by_runbook: self.by_runbook.clone(),
            by_severity: self.by_severity.clone(),
            by_status: self.by_status.clone(),
            spans: vec![
                self.acknowledge.span(
                    "time to acknowledge",
                    "from when the incident began (as a person said, else when it was opened) to its first acknowledgement \
                     since it was opened or last reopened; dismissed ones and those not acknowledged are left out",
                ),
                self.mitigate.span(
                    "time to mitigate",
                    "from when the incident began to when the harm last stopped, or to its resolution where nobody recorded that; \
                     dismissed ones and those that still do harm are left out",
                ),
                self.resolve.span(
                    "time to resolve",
                    "from when the incident began to its last resolution; dismissed ones and those not resolved are left out",
                ),
                self.approval.span(
                    "wait for approval",
                    "from the proposal of an action to its first approval; actions without approval, or that need none, are left out",
                ),
            ],
            counts: vec![
                count("not over", "incidents that are open or mitigated", self.not_over),
                count("false alarms", "incidents that were dismissed", self.false_alarms),
                count("actions", "actions proposed", self.actions),
                count("denied", "actions that a person refused", self.denied),
                count("failed", "actions that were started and failed", self.failed),
                count("self-approved", "actions approved by the person who proposed them", self.self_approved),
                count("break-glass", "actions started without the approvals their rule asks for", self.break_glass),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::event::{ActionDenied, ActionProposed, ActionStarted, ApprovalRule, IncidentDismissed};
    use crate::record::observation::Source;
    use crate::record::testing::{Story, proposed, rule};

    fn brief(s: &Story) -> Brief {
        Brief::fold(&s.events).unwrap()
    }

    fn sample(spans: &[i64]) -> (Option<i64>, Option<i64>) {
        let s = Sample { spans: spans.to_vec(), without: 0 }.span("", "");
        (s.median_ms, s.p90_ms)
    }

    #[test]
    fn medians_and_ninetieth_percentiles_by_hand() {
        assert_eq!(sample(&[]), (None, None));
        assert_eq!(sample(&[5]), (Some(5), Some(5)));
        assert_eq!(sample(&[9, 1]), (Some(5), Some(9)));
        assert_eq!(sample(&[3, 1, 2]), (Some(2), Some(3)));
        assert_eq!(sample(&[10, 20, 30, 40, 50, 60, 70, 80, 90, 100]), (Some(55), Some(90)));
        assert_eq!(sample(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]), (Some(6), Some(10)));
    }

    #[test]
    fn a_whole_incident_an_open_one_and_a_false_alarm() {
        let whole = Story::dead_lambda();
        let mut open = Story::opened();
        let mut dismissed = Story::opened();
        dismissed.add(IncidentDismissed { reason: "test page".to_owned() });
        open.add(proposed());
        open.add(ActionProposed { n: 2, action: "other".to_owned(), ..proposed() });
        open.by("T-JOSH").add(ActionDenied { n: 2, by: "T-JOSH".to_owned(), reason: "no".to_owned() });
        let mut t = Tally::default();
        for s in [&whole, &open, &dismissed] {
            t.brief(&brief(s));
        }
        let stats = t.finish();
        assert_eq!(stats.incidents, 3);
        assert_eq!(stats.by_severity, BTreeMap::from([("P0".to_owned(), 2), ("P2".to_owned(), 1)]));
        assert_eq!(stats.by_status, BTreeMap::from([("dismissed".to_owned(), 1), ("open".to_owned(), 1), ("resolved".to_owned(), 1)]));
        let spans: Vec<_> = stats.spans.iter().map(|s| (s.name, s.n, s.without, s.median_ms)).collect();
        assert_eq!(
            spans,
            [
                ("time to acknowledge", 1, 1, Some(140_000)),
                ("time to mitigate", 1, 1, Some(296_000)),
                ("time to resolve", 1, 1, Some(716_000)),
                ("wait for approval", 1, 2, Some(75_000)),
            ]
        );
        let counts: Vec<_> = stats.counts.iter().map(|c| c.n).collect();
        assert_eq!(counts, [1, 1, 3, 1, 0, 0, 0]);
        assert!(stats.spans.iter().all(|s| s.definition.contains("left out")));
    }

    #[test]
    fn an_action_started_without_its_approvals_broke_glass() {
        let start = |rule: ApprovalRule| {
            let mut s = Story::opened();
            s.add(ActionProposed { approve: rule, ..proposed() });
            s.add(ActionStarted {
                n: 1,
                hash: proposed().hash,
                executor: "T-OPS".to_owned(),
                before: serde_json::Value::Null,
                source: Source::default(),
            });
            brief(&s).told[0].broke_glass
        };
        assert!(start(rule()));
        assert!(!start(ApprovalRule { none: true, ..rule() }));
    }
}
