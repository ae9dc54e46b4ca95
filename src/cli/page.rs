//! The pages a person reads at 3 a.m.: evidence lines, the `show` page, what is next.

use crate::app::next::Next;
use crate::app::view::View;
use crate::record::action::{Action, ActionStatus, Progress};
use crate::record::incident::{Evidence, EvidenceKind, Incident};
use crate::record::observation::Observation;
use crate::record::time::{Timestamp, human_span};
use crate::record::timeline;
use crate::record::verdict::Verdict;
use crate::runbook::escalate::DueStatus;

use super::ui::{Tone, Ui, plain, plain_lines, verdict_word};

/// The first line of every page: number, severity, runbook, status.
pub fn headline(ui: &Ui, i: &Incident) -> String {
    let drill = if i.drill { format!("{}  ", ui.paint(Tone::Warn, "DRILL")) } else { String::new() };
    let tone = if i.status.is_active() { Tone::Bad } else { Tone::Good };
    format!(
        "{drill}incident {} {}  {}  {} {}",
        i.number,
        ui.paint(tone, &i.status.to_string()),
        ui.paint(Tone::Strong, &i.severity),
        i.runbook.id,
        plain(&i.title)
    )
}

/// One line of evidence: step, probe, verdict, what was seen, ref.
pub fn observed(ui: &Ui, o: &Observation, reference: &str) -> String {
    let (word, tone) = verdict_word(o.verdict);
    let step = o.step.map_or_else(|| " ".to_owned(), |s| s.to_string());
    // Wide enough for the longest word, before colour is put on.
    let word = ui.paint(tone, &Ui::fit(word, 7));
    let room = ui.width.saturating_sub(2 + 2 + 1 + 20 + 1 + 8 + 1 + 5).max(20);
    let mut line = format!("  {step} {} {word} {}", Ui::fit(&plain(&o.probe), 20), Ui::fit(&plain(&o.observed), room));
    if !reference.is_empty() {
        line.push(' ');
        line.push_str(reference);
    }
    line.trim_end().to_owned()
}

/// One piece of evidence.
pub fn evidence(ui: &Ui, e: &Evidence) -> String {
    let reference = format!("e{}", e.n);
    match &e.what {
        EvidenceKind::Observed(o) => observed(ui, o, &reference),
        EvidenceKind::Attached { name, blob, truncated, note, .. } => {
            let cut = if *truncated { ", cut at the limit" } else { "" };
            let note = note.as_ref().map_or(String::new(), |n| format!("  {}", plain(n)));
            format!("    attached {} ({} bytes{cut}){note}  {reference}", plain(name), blob.size)
        }
        EvidenceKind::Erased => format!("    erased  {reference}"),
    }
}

/// How long ago, on a terminal; the instant itself elsewhere.
pub fn ago(ui: &Ui, at: Timestamp, now: Timestamp) -> String {
    if !ui.out_tty {
        return at.to_string();
    }
    let ms = now.since(at);
    if ms < 0 { format!("in {}", human_span(ms)) } else { format!("{} ago", human_span(ms - ms % 1000)) }
}

/// The `next:` lines.
pub fn next(ui: &Ui, next: &[Next], now: Timestamp) -> String {
    let mut out = String::new();
    for (k, n) in next.iter().enumerate() {
        let label = if k == 0 { "next: " } else { "      " };
        let mut why = plain(&n.why);
        if let Some(who) = &n.needs
            && !why.contains(who.as_str())
        {
            why = format!("needs {}; {why}", plain(who));
        }
        if let Some(at) = n.due_at {
            let ms = at.since(now);
            why.push_str(&if ms >= 0 {
                format!(" (until {}, {} left)", clock(at), human_span(ms))
            } else {
                format!(" (since {})", clock(at))
            });
        }
        out.push_str(&format!("{}{}\n        {}\n", ui.paint(Tone::Strong, label), plain(&n.command), ui.paint(Tone::Dim, &why)));
    }
    out
}

fn clock(at: Timestamp) -> String {
    format!("{} UTC", &at.to_seconds()[11..])
}

/// The whole `show` page.
pub fn show(ui: &Ui, v: &View, with_timeline: bool) -> String {
    let i = &v.incident;
    let mut out = format!("{}\n", headline(ui, i));
    let began = i.occurred_at.map_or(String::new(), |t| format!(", began {}", ago(ui, t, v.now)));
    out.push_str(&format!("opened {} by {}{began}; {} has it\n", ago(ui, i.opened_at, v.now), plain(&i.opened_by.name), plain(&i.owner)));
    if let Some(late) = i.late {
        out.push_str(&format!("recorded late: its probes ran {}\n", ago(ui, late, v.now)));
    }
    match &i.acknowledged {
        Some((at, by)) => out.push_str(&format!("acknowledged {} by {}\n", ago(ui, *at, v.now), plain(&by.name))),
        None if i.status.is_active() => out.push_str(&format!("{}\n", ui.paint(Tone::Warn, "nobody has acknowledged it"))),
        None => {}
    }
    for c in &i.severity_history {
        out.push_str(&format!("severity {} -> {} {}: {}\n", c.from, c.to, ago(ui, c.at, v.now), plain(&c.reason)));
    }
    if let Some((at, why)) = &i.mitigated {
        out.push_str(&format!("mitigated {}: {}\n", ago(ui, *at, v.now), plain(why)));
    }
    if let Some(r) = &i.resolution {
        out.push_str(&format!("resolved {}\n  {}\n  impact: {}\n", ago(ui, r.at, v.now), plain(&r.summary), plain(&r.impact)));
    }
    if let Some((at, why)) = &i.dismissed {
        out.push_str(&format!("dismissed {}: {}\n", ago(ui, *at, v.now), plain(why)));
    }
    section(&mut out, ui, "known", &known(ui, i));
    section(&mut out, ui, "actions", &i.actions.iter().map(|a| action(ui, a, v)).collect::<Vec<_>>());
    section(&mut out, ui, "clocks", &clocks(ui, v));
    let decided = i.decisions.iter().map(|d| format!("  {} -> {} ({})", d.decide, d.branch, d.then)).collect::<Vec<_>>();
    section(&mut out, ui, "decided", &decided);
    let followups = i.followups.iter().map(|f| {
        let state = if f.done.is_some() { "done" } else { "open" };
        let due = f.due.as_ref().map_or(String::new(), |d| format!(", due {d}"));
        format!("  f{} {state}{due}: {}", f.n, plain(&f.text))
    });
    section(&mut out, ui, "follow-ups", &followups.collect::<Vec<_>>());
    let links = i.links.iter().map(|(n, r, why)| {
        let what = n.map(|n| format!("incident {n}")).or_else(|| r.clone()).unwrap_or_default();
        format!("  {what}: {}", plain(why))
    });
    section(&mut out, ui, "linked", &links.collect::<Vec<_>>());
    let earlier = v.earlier.iter().map(|b| {
        let how = b.summary.as_deref().map_or_else(|| b.status.to_string(), plain);
        format!("  {} on {}: {how}", b.number, b.opened_at.to_date())
    });
    section(&mut out, ui, "seen before", &earlier.collect::<Vec<_>>());
    if with_timeline {
        let lines = v.events.iter().map(|e| {
            let text = plain(&timeline::line(e));
            format!("  {} {:>4}.{:<4} {}", e.header.at.to_seconds(), i.number, e.header.seq, text)
        });
        section(&mut out, ui, "timeline (UTC)", &lines.collect::<Vec<_>>());
    }
    if !v.next.is_empty() {
        out.push('\n');
        out.push_str(&next(ui, &v.next, v.now));
    }
    out
}

fn section(out: &mut String, ui: &Ui, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out.push_str(&format!("\n{}\n", ui.paint(Tone::Strong, title)));
    for l in lines {
        out.push_str(l);
        out.push('\n');
    }
}

/// The newest look of each probe, and everything attached.
fn known(ui: &Ui, i: &Incident) -> Vec<String> {
    let is_newest = |e: &Evidence| match &e.what {
        EvidenceKind::Observed(o) => i.latest(&o.probe).is_some_and(|(l, _)| l.n == e.n),
        _ => true,
    };
    let older = i.evidence.iter().filter(|e| !is_newest(e)).count();
    let mut lines: Vec<String> = i.evidence.iter().filter(|e| is_newest(e)).map(|e| evidence(ui, e)).collect();
    if older > 0 {
        lines.push(ui.paint(Tone::Dim, &format!("    and {older} earlier looks: `blotter show --timeline`")));
    }
    lines
}

fn action(ui: &Ui, a: &Action, v: &View) -> String {
    let status = a.status(v.now, v.running);
    let tone = match status {
        ActionStatus::Succeeded | ActionStatus::Approved => Tone::Good,
        ActionStatus::Failed | ActionStatus::Unknown | ActionStatus::Denied => Tone::Bad,
        _ => Tone::Warn,
    };
    let mut out = format!("  a{} {} {}", a.n, ui.paint(tone, &status.to_string()), plain(&a.text));
    out.push_str(&format!("\n     proposed by {}", plain(&a.proposer)));
    for p in &a.approvals {
        let how = match (&p.signature, p.self_approved) {
            (None, true) => "unsigned, self-approved",
            (None, false) => "unsigned",
            (Some(_), true) => "signed, self-approved",
            (Some(_), false) => "signed",
        };
        let until = if p.revoked { "revoked".to_owned() } else { format!("until {}", clock(p.expires_at)) };
        out.push_str(&format!("; approved by {} ({how}, {until})", plain(&p.approver)));
    }
    if let Some(e) = &a.executor {
        out.push_str(&format!("; executed by {}", plain(e)));
    }
    let detail = match &a.progress {
        Progress::Denied { by, reason, .. } => Some(format!("denied by {by}: {reason}")),
        Progress::Stale { reason, .. } => Some(format!("stale: {reason}")),
        Progress::Succeeded { text, reconciled, .. } => {
            Some(format!("{text}{}", if *reconciled { " (found by looking afterwards)" } else { "" }))
        }
        Progress::Failed { error, .. } => Some(format!("failed: {error}")),
        Progress::Unknown { error, .. } => Some(format!("unknown: {error}")),
        Progress::Started if !v.running => Some("started, and its outcome was never recorded".to_owned()),
        _ => None,
    };
    if let Some(d) = detail {
        out.push_str(&format!("\n     {}", plain_lines(&d).replace('\n', "\n     ")));
    }
    if let Some(check) = &a.verification {
        let word = if check.verdict == Verdict::Met {
            ui.paint(Tone::Good, "recovery verified")
        } else {
            ui.paint(Tone::Bad, "recovery not verified")
        };
        out.push_str(&format!("\n     {word}: {}", plain(&check.text)));
    }
    out
}

fn clocks(ui: &Ui, v: &View) -> Vec<String> {
    let mut out = Vec::new();
    for d in &v.escalations {
        let (word, tone) = match d.status {
            DueStatus::Due | DueStatus::Fired => ("DUE", Tone::Bad),
            DueStatus::Running => ("running", Tone::Warn),
            DueStatus::Unknown => ("UNKNOWN", Tone::Warn),
            DueStatus::Waiting | DueStatus::CalledOff => continue,
        };
        let at = d.due_at.map_or(String::new(), |t| {
            let ms = t.since(v.now);
            if ms >= 0 { format!(" in {}", human_span(ms)) } else { format!(" since {}", clock(t)) }
        });
        let purpose = d.purpose.as_ref().map_or(String::new(), |p| format!(" for {p}"));
        out.push(format!("  {}{at}  tell {}{purpose}: {}", ui.paint(tone, word), plain(&d.to), plain(&d.reason)));
    }
    out
}
