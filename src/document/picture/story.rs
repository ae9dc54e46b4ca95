//! The turning points of an incident: what is numbered in the picture and told in one line each.

use crate::record::event::{Event, Facts};
use crate::record::time::Timestamp;
use crate::record::timeline::entries;

/// At most so many are numbered.
const MOST: usize = 14;

/// A turning point.
pub(super) struct Point {
    pub(super) at: Timestamp,
    pub(super) text: String,
    /// Low ones go first when there are too many.
    weight: u8,
}

/// The turning points in the order of time, and how many were left out.
pub(super) fn points(events: &[Event]) -> (Vec<Point>, usize) {
    let mut all: Vec<Point> = Vec::new();
    for (e, entry) in events.iter().zip(entries(events)) {
        let weight = match &e.facts {
            Facts::IncidentOpened(x) => {
                if let Some(at) = x.occurred_at {
                    all.push(Point { at, text: "it begins (as stated)".to_owned(), weight: 8 });
                }
                let text = format!("{} opens it as {}", e.actor.name, x.severity);
                all.push(Point { at: e.header.at, text, weight: 9 });
                continue;
            }
            Facts::IncidentResolved(_) | Facts::IncidentDismissed(_) | Facts::IncidentReopened(_) => 9,
            Facts::ActionSucceeded(_) | Facts::ActionFailed(_) | Facts::ActionUnknown(_) | Facts::ActionDenied(_) => 8,
            Facts::RecoveryVerified(_) | Facts::RecoveryNotVerified(_) | Facts::IncidentMitigated(_) => 8,
            Facts::ApprovalGranted(_) | Facts::ActionProposed(_) | Facts::ActionStale(_) => 7,
            Facts::IncidentAcknowledged(_) | Facts::SeverityChanged(_) => 6,
            Facts::DecisionMade(_) | Facts::EscalationRaised(_) => 5,
            Facts::IncidentHandedOff(_) => 4,
            _ => continue,
        };
        all.push(Point { at: entry.when(), text: told(&e.facts, &e.actor.name).unwrap_or(entry.summary), weight });
    }
    all.sort_by_key(|p| p.at);
    let mut left_out = 0;
    while all.len() > MOST {
        let Some(lowest) = all.iter().map(|p| p.weight).min() else { break };
        // The last of the least: the beginning of a story explains more than its end.
        if let Some(i) = all.iter().rposition(|p| p.weight == lowest) {
            all.remove(i);
            left_out += 1;
        }
    }
    (all, left_out)
}

/// Shorter than in the timeline, which has all the words.
fn told(facts: &Facts, actor: &str) -> Option<String> {
    Some(match facts {
        Facts::IncidentAcknowledged(_) => format!("{actor} acknowledges"),
        Facts::SeverityChanged(x) => format!("severity {} → {}", x.from, x.to),
        Facts::EscalationRaised(x) => match &x.purpose {
            Some(p) => format!("{} is wanted for {p}", x.to),
            None => format!("{} is wanted: {}", x.to, x.reason),
        },
        Facts::ApprovalGranted(x) => format!("{} approves a{}", x.approver, x.n),
        Facts::ActionDenied(x) => format!("{} denies a{}: {}", x.by, x.n, x.reason),
        Facts::ActionProposed(x) => format!("a{} proposed: {}", x.n, x.text),
        Facts::ActionSucceeded(x) => format!("a{} done: {}", x.n, x.text),
        Facts::RecoveryVerified(x) => format!("recovery verified after a{}", x.n),
        Facts::IncidentResolved(x) => match &x.resolution {
            Some(how) => format!("resolved ({how})"),
            None => "resolved".to_owned(),
        },
        _ => return None,
    })
}
