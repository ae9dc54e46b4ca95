//! What to paste into the chat: short, plain, and the same for everybody who reads it.

use crate::app::view::View;
use crate::config::Config;
use crate::record::incident::EvidenceKind;
use crate::record::observation::Observation;
use crate::record::time::Timestamp;
use crate::record::verdict::Verdict;

use super::error::CliError;
use super::ui::plain;

/// Probes that are named one by one; the rest is counted.
const NAMED: usize = 5;
/// Characters of one line at most.
const LONGEST: usize = 240;

/// The incident in a few lines of plain text: severity, number, what is unmet, who is on it, what is next, how to follow.
pub fn text(config: &Config, v: &View) -> String {
    let i = &v.incident;
    let mut lines = Vec::new();
    let drill = if i.drill { "DRILL " } else { "" };
    lines.push(format!("{drill}{} incident {} {}: {} {}", i.severity, i.number, i.status, quiet(&i.runbook.id), quiet(&i.title)));
    lines.push(format!("opened {} by {}", clock(i.opened_at), quiet(&i.opened_by.name)));
    if let Some(r) = &i.resolution {
        lines.push(format!("resolved {}: {}", clock(r.at), quiet(&r.summary)));
        lines.push(format!("impact: {}", quiet(&r.impact)));
    } else if let Some((at, why)) = &i.mitigated {
        lines.push(format!("mitigated {}: {}", clock(*at), quiet(why)));
    } else if let Some((at, why)) = &i.dismissed {
        lines.push(format!("dismissed {}: {}", clock(*at), quiet(why)));
    }
    if i.status.is_active() {
        let newest: Vec<&Observation> = i
            .evidence
            .iter()
            .filter_map(|e| match &e.what {
                EvidenceKind::Observed(o) if i.latest(&o.probe).is_some_and(|(l, _)| l.n == e.n) => Some(o.as_ref()),
                _ => None,
            })
            .collect();
        lines.extend(seen("unmet", &newest, Verdict::Unmet));
        lines.extend(seen("could not look", &newest, Verdict::Unknown));
        lines.push(match &i.acknowledged {
            Some((at, by)) => {
                format!("on it: {} (since {}; acknowledged by {})", quiet(&config.reach(&i.owner)), clock(*at), quiet(&by.name))
            }
            None => "on it: nobody has acknowledged it".to_owned(),
        });
        if let Some(n) = v.next.iter().find(|n| !n.command.starts_with("blotter ack")).or(v.next.first()) {
            let needs = n.needs.as_ref().map_or(String::new(), |who| format!(" (needs {})", plain(who)));
            lines.push(format!("next: {}{needs}", plain(&n.command)));
        }
    }
    let drill = if i.drill { " --drill" } else { "" };
    let watch = if i.status.is_active() { " --watch" } else { "" };
    lines.push(format!("follow: blotter show {}{watch}{drill}", i.number));
    lines.into_iter().map(|l| short(&l) + "\n").collect()
}

/// Why there is no chat text under `--json`.
pub fn not_json() -> CliError {
    CliError::usage("`--chat` prints plain text, not JSON").hint("Leave out `--json`, or take what you need from its document.")
}

fn seen(word: &str, newest: &[&Observation], verdict: Verdict) -> Option<String> {
    let fitting: Vec<String> = newest
        .iter()
        .filter(|o| o.verdict == Some(verdict))
        // Questions that nobody has answered say nothing to the chat.
        .filter(|o| verdict != Verdict::Unknown || o.kind != "ask")
        .map(|o| format!("{} ({})", quiet(&o.probe), quiet(&o.observed)))
        .collect();
    let more = fitting.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (!fitting.is_empty()).then(|| format!("{word}: {}{more}", fitting.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ")))
}

/// Outside text that calls nobody: no mention, no markup of a chat.
fn quiet(text: &str) -> String {
    plain(text).replace('@', "(at)").replace("<!", "< !").replace("<#", "< #").replace('`', "'")
}

fn clock(at: Timestamp) -> String {
    let text = at.to_seconds();
    format!("{} {} UTC", &text[..10], &text[11..16])
}

fn short(line: &str) -> String {
    if line.chars().count() <= LONGEST {
        return line.to_owned();
    }
    line.chars().take(LONGEST - 1).chain(['…']).collect()
}
