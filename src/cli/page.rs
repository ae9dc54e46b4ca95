//! The pages a person reads at 3 a.m.: evidence lines, the `show` page, what is next.

use crate::app::next::Next;
use crate::app::view::View;
use crate::record::action::{Action, ActionStatus, Progress};
use crate::record::brief::Brief;
use crate::record::incident::{Evidence, EvidenceKind, Incident, Status};
use crate::record::observation::Observation;
use crate::record::time::{Timestamp, human_span};
use crate::record::timeline;
use crate::record::verdict::Verdict;
use crate::runbook::escalate::DueStatus;

use super::text::columns;
use super::ui::{Tone, Ui, fold, plain, plain_lines, verdict_word};

/// The first line of every page: number, severity, runbook, status.
pub fn headline(ui: &Ui, i: &Incident) -> String {
    let drill = if i.drill { format!("{}  ", ui.paint(Tone::Warn, "DRILL")) } else { String::new() };
    let tone = if i.status.is_active() { Tone::Bad } else { Tone::Good };
    format!(
        "{drill}incident {} {}  {}  {} {}",
        i.number,
        ui.paint(tone, &i.status.to_string()),
        ui.paint(Tone::Strong, &i.severity),
        plain(&i.runbook.id),
        plain(&i.title)
    )
}

/// Below this many columns a table is no table any more.
const NARROW: usize = 72;

/// One line of evidence: step, probe, verdict, what was seen, ref. What was seen goes on below where it is long.
pub fn observed(ui: &Ui, o: &Observation, reference: &str) -> String {
    let (word, tone) = verdict_word(o.verdict);
    let step = o.step.map_or_else(|| " ".to_owned(), |s| s.to_string());
    let (probe, seen) = (plain(&o.probe), plain(&o.observed));
    if ui.folds && ui.width < NARROW {
        let head = format!("  {step} {probe} {} {reference}", ui.paint(tone, word));
        return format!("{}\n{}", head.trim_end(), fold(&format!("      {}", broken(&seen, ui.width - 6)), ui.width, 0));
    }
    // Wide enough for the longest word, before colour is put on.
    let word = ui.paint(tone, &Ui::fit(word, 7));
    let lead = format!("  {step} {} {word} ", Ui::pad(&probe, 20));
    let indent = columns(&lead);
    let room = ui.width.saturating_sub(indent + 1 + 4).max(20);
    let seen = if ui.folds { fold(&broken(&seen, room), room, 0) } else { seen };
    let mut lines = seen.lines();
    let mut out = format!("{lead}{} {reference}", Ui::pad(lines.next().unwrap_or(""), room)).trim_end().to_owned();
    for l in lines {
        out.push_str(&format!("\n{}{l}", " ".repeat(indent)));
    }
    out
}

/// Breaks what has no spaces, such as an answer's JSON, so that it stays within its column.
fn broken(text: &str, room: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for c in text.chars() {
        let wide = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if c == ' ' {
            used = 0;
        } else if used + wide > room {
            out.push(' ');
            used = wide;
        } else {
            used += wide;
        }
        out.push(c);
    }
    out
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
    match now.since(at) {
        ms if ms < -5_000 => format!("in {}", spoken(-ms)),
        ms if ms < 5_000 => "just now".to_owned(),
        ms => format!("{} ago", spoken(ms)),
    }
}

/// A span the way it is said aloud, no finer than anybody cares: `40 s`, `4 min`, `3 h 5 min`, `2 days`.
fn spoken(ms: i64) -> String {
    let min = ms / 60_000;
    match (ms / 1000, min, min / 60) {
        (s, 0, _) => format!("{s} s"),
        (_, m, 0) => format!("{m} min"),
        (_, m, h) if h < 10 && m % 60 != 0 => format!("{h} h {} min", m % 60),
        (_, _, h) if h < 48 => format!("{h} h"),
        (_, _, h) => format!("{} days", h / 24),
    }
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
        // A command stays on one line, to be copied.
        out.push_str(&format!("{}{}\n", ui.paint(Tone::Strong, label), plain(&n.command)));
        out.push_str(&ui.folded(&format!("        {}\n", ui.paint(Tone::Dim, &why)), 0));
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
        out.push_str(&format!("severity {} -> {} {}: {}\n", plain(&c.from), plain(&c.to), ago(ui, c.at, v.now), plain(&c.reason)));
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
    out = ui.folded(&out, 2);
    section(&mut out, ui, "known", &known(ui, i));
    section(&mut out, ui, "actions", &i.actions.iter().map(|a| action(ui, a, v)).collect::<Vec<_>>());
    section(&mut out, ui, "clocks", &clocks(ui, v));
    let decided = i.decisions.iter().map(|d| format!("  {} -> {} ({})", plain(&d.decide), plain(&d.branch), d.then)).collect::<Vec<_>>();
    section(&mut out, ui, "decided", &decided);
    let followups = i.followups.iter().map(|f| {
        let state = if f.done.is_some() { "done" } else { "open" };
        let due = f.due.as_ref().map_or(String::new(), |d| format!(", due {}", plain(d)));
        format!("  f{} {state}{due}: {}", f.n, plain(&f.text))
    });
    section(&mut out, ui, "follow-ups", &followups.collect::<Vec<_>>());
    let links = i.links.iter().map(|(n, r, why)| {
        let what = n.map(|n| format!("incident {n}")).or_else(|| r.clone()).unwrap_or_default();
        format!("  {}: {}", plain(&what), plain(why))
    });
    section(&mut out, ui, "linked", &links.collect::<Vec<_>>());
    let earlier = v.earlier.iter().map(|b| {
        let how = ending(b);
        format!("  {} on {}: {how}", b.number, b.opened_at.to_date())
    });
    section(&mut out, ui, "seen before", &earlier.collect::<Vec<_>>());
    if with_timeline {
        let lines = timeline::entries(&v.events).into_iter().map(|e| {
            let said = if e.occurred_at.is_some() { format!(" (recorded {})", e.at.to_seconds()) } else { String::new() };
            let put_right = e.corrected_by.map_or(String::new(), |seq| format!(" (corrected by {}.{seq})", i.number));
            let what = format!("{}  {}{said}{put_right}", plain(&e.actor), plain(&e.summary));
            format!("  {} {:>9} {what}", e.when().to_seconds(), format!("{}.{}", i.number, e.seq))
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
        out.push_str(&ui.folded(l, if title.starts_with("timeline") && ui.width >= NARROW { 31 } else { 4 }));
        out.push('\n');
    }
}

/// How an earlier incident ended: its summary, or why it was no incident.
pub fn ending(b: &Brief) -> String {
    match (&b.summary, b.status) {
        (Some(reason), Status::Dismissed) => format!("dismissed: {}", plain(reason)),
        (Some(summary), _) => plain(summary),
        (None, status) => status.to_string(),
    }
}

/// The newest look of each probe where its first one stands, so that nothing jumps about, and everything attached.
fn known(ui: &Ui, i: &Incident) -> Vec<String> {
    let is_newest = |e: &Evidence| match &e.what {
        EvidenceKind::Observed(o) => i.latest(&o.probe).is_some_and(|(l, _)| l.n == e.n),
        _ => true,
    };
    let older = i.evidence.iter().filter(|e| !is_newest(e)).count();
    let place = |e: &Evidence| match &e.what {
        EvidenceKind::Observed(o) => {
            let of_it = |first: &&Evidence| matches!(&first.what, EvidenceKind::Observed(p) if p.probe == o.probe);
            i.evidence.iter().find(of_it).map_or(e.n, |first| first.n)
        }
        _ => e.n,
    };
    let mut newest: Vec<&Evidence> = i.evidence.iter().filter(|e| is_newest(e)).collect();
    newest.sort_by_key(|e| place(e));
    let mut lines: Vec<String> = newest.into_iter().map(|e| evidence(ui, e)).collect();
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
    if let Some(b) = &a.bypass {
        let state = match &b.review {
            Some((_, by, _, said)) => {
                format!("break-glass by {}: {}; reviewed by {}: {}", plain(&b.by), plain(&b.reason), plain(by), plain(said))
            }
            None => {
                let text = format!("BREAK-GLASS by {}, not reviewed, due {}", plain(&b.by), b.review_by.to_seconds());
                format!("{}: {}", ui.paint(Tone::Bad, &text), plain(&b.reason))
            }
        };
        out.push_str(&format!("\n     {state}"));
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
        let purpose = d.purpose.as_ref().map_or(String::new(), |p| format!(" for {}", plain(p)));
        out.push(format!("  {}{at}  tell {}{purpose}: {}", ui.paint(tone, word), plain(&d.to), plain(&d.reason)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;
    use crate::record::incident::decide::Command;
    use crate::record::testing::{Story, note};

    fn ui(width: usize) -> Ui {
        Ui { colour: false, out_tty: true, folds: true, width, ..Ui::new(&Environment::default(), false, false, false) }
    }

    fn view(story: &Story) -> View {
        let next = Next {
            command: "blotter resolve --summary \"…\" --impact \"…\"".to_owned(),
            why: "once there is: a root cause, and how many people were hurt by it for how long".to_owned(),
            needs: Some("T-JOSH (+1 555 0100)".to_owned()),
            due_at: Some(story.now.plus_millis(300_000)),
        };
        View {
            incident: story.incident(),
            events: story.events.clone(),
            runbook: None,
            escalations: Vec::new(),
            suggestions: Vec::new(),
            next: vec![next],
            earlier: Vec::new(),
            running: false,
            now: story.now,
        }
    }

    #[test]
    fn the_page_fits_narrow_terminals_and_loses_nothing() {
        let mut story = Story::dead_lambda();
        story.add(note("a note that is a good deal longer than forty columns, and longer than eighty of them as well"));
        let v = view(&story);
        for width in [40, 80] {
            let page = show(&ui(width), &v, true);
            for l in page.lines() {
                let is_command = l.contains("blotter ");
                let one_word = l.split_whitespace().count() <= 1;
                assert!(columns(l) <= width || is_command || one_word, "{width}: {l}\n{page}");
            }
            let words: Vec<&str> = page.split_whitespace().collect();
            let wide = Ui { folds: false, ..ui(200) };
            let all = show(&wide, &v, true);
            let mut missing: Vec<&str> = all.split_whitespace().filter(|w| !words.contains(w)).collect();
            missing.dedup();
            assert!(missing.is_empty(), "{width}: {missing:?}\n{page}");
        }
    }

    #[test]
    fn a_probe_keeps_its_place_when_it_is_looked_at_again() {
        let page = show(&ui(120), &view(&Story::dead_lambda()), false);
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}\n{page}"));
        assert!(at("  e4\n") < at("  e2\n"), "the fourth look is the first probe's\n{page}");
        assert!(at("  e2\n") < at("  e3\n"), "{page}");
    }

    #[test]
    fn what_is_piped_keeps_one_line_for_each_thing() {
        let story = Story::dead_lambda();
        let piped = Ui { out_tty: false, folds: false, ..ui(40) };
        let page = show(&piped, &view(&story), false);
        assert!(page.lines().any(|l| l.contains("prod -> 42, last known good is 41") && l.ends_with("e3")), "{page}");
        assert!(page.contains("opened 2026-03-22T02:"), "{page}");
    }

    #[test]
    fn an_answer_without_spaces_stays_in_its_column() {
        let mut o = crate::record::testing::status_down("2026-03-22T12:00:00Z".parse().unwrap());
        o.observed = "{\"a\":[1,2,3]}".repeat(12);
        for width in [40, 80] {
            let page = observed(&ui(width), &o, "e1");
            assert!(page.lines().all(|l| columns(l) <= width), "{page}");
            let whole = page.split_whitespace().collect::<String>().replace("e1", "");
            assert!(whole.contains(&o.observed), "{page}");
        }
    }

    #[test]
    fn time_is_told_the_way_people_say_it() {
        let now: Timestamp = "2026-03-22T12:00:00Z".parse().unwrap();
        for (ms, want) in [
            (0, "just now"),
            (4_999, "just now"),
            (40_000, "40 s ago"),
            (4 * 60_000 + 59_000, "4 min ago"),
            (3 * 3_600_000 + 5 * 60_000, "3 h 5 min ago"),
            (11 * 3_600_000 + 5 * 60_000, "11 h ago"),
            (47 * 3_600_000, "47 h ago"),
            (49 * 3_600_000, "2 days ago"),
            (-60_000, "in 1 min"),
        ] {
            assert_eq!(ago(&ui(80), now.plus_millis(-ms), now), want);
        }
        assert_eq!(ago(&Ui { out_tty: false, ..ui(80) }, now, now), "2026-03-22T12:00:00.000Z");
    }

    #[test]
    fn what_others_wrote_moves_no_cursor_on_the_page() {
        let evil = "\x1b[2J\u{202e}evil\u{9b}31m";
        let mut story = Story::dead_lambda();
        story.add(note(evil));
        let done = story.carry_out(Command::AddFollowup { text: evil.to_owned(), class: None, owner: Some(evil.to_owned()), due: None });
        assert!(done.is_ok(), "{done:?}");
        let page = show(&ui(80), &view(&story), true);
        assert!(page.chars().all(|c| c == '\n' || !c.is_control()) && !page.contains('\u{202e}'), "{page:?}");
    }

    #[test]
    fn the_chat_gets_a_few_plain_lines() {
        let mut story = Story::opened();
        let at = story.now;
        story.add(crate::record::event::EvidenceCaptured { n: 1, observation: crate::record::testing::status_down(at) });
        let mut v = view(&story);
        v.incident.title = "Dead Lambda <!channel> @here\x1b[31m".to_owned();
        let text = super::super::chat::text(&crate::config::Config::default(), &v);
        assert!(text.starts_with("P0 incident 7 open: INC-001 Dead Lambda < !channel> (at)here\\u{1b}[31m\n"), "{text}");
        for part in [
            "unmet: status",
            "on it: nobody has acknowledged it",
            "next: blotter resolve",
            "needs T-JOSH",
            "follow: blotter show 7 --watch",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.lines().count() <= 10 && text.chars().all(|c| c == '\n' || !c.is_control()), "{text}");
    }
}
