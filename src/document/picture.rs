//! An incident in one picture: severity, probes, actions, escalations and readings over one line of time.
//!
//! Drawn at a given width with text of a fixed size, so that a phone gets a picture of its own rather than a
//! shrunken one. Every meaning has a shape and a colour; colours follow the reader's light or dark.

use svg::Document;
use svg::node::element::{Circle, Definitions, Description, Group, Path, Pattern, Polyline, Rectangle, Style, Text, Title};

use crate::record::action::{Action, Progress};
use crate::record::event::{Event, Facts};
use crate::record::incident::{EvidenceKind, Incident, Status};
use crate::record::time::{Timestamp, human_span};
use crate::record::timeline::{occurred_at, one_line};

use super::escape::visible;

mod scale;
mod shape;
mod story;

use scale::Scale;
use shape::{Mark, line, n};

/// For whom it is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// A screen with room: 920 units wide.
    Wide,
    /// A phone: 360 units wide.
    Narrow,
    /// A file that stands alone and may be shown at either: 440 units wide.
    Alone,
}

impl Size {
    fn width(self) -> f64 {
        match self {
            Self::Wide => 920.0,
            Self::Narrow => 360.0,
            Self::Alone => 440.0,
        }
    }

    /// Room for the names of the rows.
    fn gutter(self) -> f64 {
        match self {
            Self::Wide => 190.0,
            Self::Narrow => 104.0,
            Self::Alone => 116.0,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Wide => "wide",
            Self::Narrow => "narrow",
            Self::Alone => "alone",
        }
    }
}

/// The colours and letters of every picture; a page that holds one needs it once.
pub const STYLE: &str = include_str!("picture/style.css");

/// More rows than this of a kind are not drawn; the picture says how many.
const MOST_ROWS: usize = 10;
const ROW: f64 = 24.0;
const EDGE: f64 = 12.0;

/// Draws an incident as an SVG document; `events` is its whole stream, of which `incident` is the fold.
///
/// Only [`Size::Alone`] carries [`STYLE`] itself.
pub fn draw(incident: &Incident, events: &[Event], size: Size) -> String {
    let end = end_of(incident, events);
    let told: Vec<Event> =
        events.iter().filter(|e| e.header.at <= end || occurred_at(&e.facts).is_some_and(|t| t <= end)).cloned().collect();
    let mut instants = vec![end];
    for e in &told {
        instants.extend([Some(e.header.at), occurred_at(&e.facts)].into_iter().flatten().filter(|t| *t <= end));
        if let Facts::EscalationRaised(x) = &e.facts {
            instants.push(x.due_at.min(end));
        }
        if let Facts::EvidenceCaptured(x) = &e.facts {
            instants.push(x.observation.started_at.min(end));
        }
    }
    let Some(scale) = Scale::new(instants, EDGE + size.gutter() + 10.0, size.width() - EDGE - 10.0) else { return String::new() };
    let mut p = Picture { incident, events: &told, size, scale, end, y: EDGE, back: Group::new(), front: Group::new() };
    p.title();
    let axis = p.y + 14.0;
    p.y += 30.0;
    let top = p.y - 8.0;
    p.numbers();
    p.severity();
    p.probes();
    p.actions();
    p.escalations(top);
    p.readings();
    p.axis(axis, top);
    p.key();
    p.finish()
}

/// When the story ends: what was recorded afterwards (corrections, follow-ups) would only stretch the line.
fn end_of(incident: &Incident, events: &[Event]) -> Timestamp {
    let last = events.last().map_or(incident.opened_at, |e| e.header.at);
    match (&incident.resolution, &incident.dismissed) {
        (Some(r), _) => r.at.max(incident.opened_at),
        (None, Some((at, _))) => *at,
        (None, None) => last,
    }
}

/// The points of a series.
type Curve = Vec<(Timestamp, f64)>;

struct Picture<'a> {
    incident: &'a Incident,
    events: &'a [Event],
    size: Size,
    scale: Scale,
    end: Timestamp,
    /// Where the next row begins.
    y: f64,
    /// Rules and dashes, under everything else.
    back: Group,
    front: Group,
}

/// Cuts text to the room there is; letters are taken as 0.56 of their height, wide ones as twice that.
fn fit(text: &str, width: f64, height: f64) -> String {
    let text = visible(&one_line(text));
    let letter = |c: char| if u32::from(c) >= 0x1100 { height * 1.1 } else { height * 0.56 };
    if text.chars().map(letter).sum::<f64>() <= width {
        return text;
    }
    let mut used = letter('…');
    let mut out = String::new();
    for c in text.chars() {
        used += letter(c);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}

/// Text on one line or two, broken between words; cut when that is not enough.
fn wrap(text: &str, width: f64, height: f64) -> Vec<String> {
    let text = one_line(text);
    let first = fit(&text, width, height);
    let Some(begun) = first.strip_suffix('…').filter(|_| !text.ends_with('…')) else { return vec![first] };
    let at = begun.rfind(' ').unwrap_or(begun.len());
    // What `fit` shows by number is longer than what it stands for: then the line is only cut.
    match text.get(..at).filter(|t| *t == &begun[..at]) {
        Some(_) => vec![begun[..at].to_owned(), fit(text[at..].trim_start(), width, height)],
        None => vec![first],
    }
}

impl Picture<'_> {
    fn put(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        svg::Node::append(&mut self.front, node);
    }

    fn under(&mut self, node: impl Into<Box<dyn svg::Node>>) {
        svg::Node::append(&mut self.back, node);
    }

    fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        self.put(Text::new(text).set("x", n(x)).set("y", n(y)).set("class", class));
    }

    fn left(&self) -> f64 {
        EDGE + self.size.gutter()
    }

    fn right(&self) -> f64 {
        self.size.width() - EDGE
    }

    /// Names the next row and gives its middle.
    fn row(&mut self, name: &str) -> f64 {
        let y = self.y + ROW / 2.0;
        let name = fit(name, self.size.gutter() - 12.0, 12.5);
        self.text(EDGE, y + 4.5, "bl-dim", &name);
        self.under(line(self.left(), y, self.right(), y, "bl-rule"));
        self.y += ROW;
        y
    }

    fn headline(&self) -> (String, String) {
        let i = self.incident;
        let drill = if i.drill { "DRILL · " } else { "" };
        let title = format!("{drill}Incident {} · {} {}", i.number, i.runbook.id, i.title);
        let began = i.occurred_at.unwrap_or(i.opened_at);
        let lasted = human_span(self.end.since(began).max(0));
        let state = match i.status {
            Status::Resolved => format!("resolved after {lasted}"),
            Status::Dismissed => format!("dismissed after {lasted}"),
            other => format!("{other}, {lasted} so far"),
        };
        let mut levels = vec![i.severity_history.first().map_or(i.severity.as_str(), |c| c.from.as_str())];
        levels.extend(i.severity_history.iter().map(|c| c.to.as_str()));
        (title, format!("{} · {state} · {} UTC", levels.join(" → "), self.scale.start().to_date()))
    }

    fn title(&mut self) {
        let (title, below) = self.headline();
        let room = self.size.width() - 2.0 * EDGE;
        self.text(EDGE, self.y + 14.0, "bl-title", &fit(&title, room, 15.5));
        self.text(EDGE, self.y + 33.0, "bl-dim", &fit(&below, room, 12.0));
        self.y += 42.0;
    }

    fn axis(&mut self, y: f64, top: f64) {
        let apart = if self.scale.end().since(self.scale.start()) >= 86_400_000 { 84.0 } else { 62.0 };
        let breaks = self.scale.breaks();
        for t in self.scale.ticks(apart) {
            self.under(line(t.x, top - 4.0, t.x, self.y, "bl-rule"));
            let half = 4.0 + 3.1 * t.label.len() as f64;
            let x = t.x.clamp(self.left() + half - 14.0, self.right() - half + 10.0);
            if breaks.iter().all(|b| (b.x - t.x).abs() > half + 22.0) {
                self.text(x, y, "bl-tick", &t.label);
            }
        }
        for b in &breaks {
            self.text(b.x, y, "bl-tick", &format!("{} …", b.label));
            let (x, bottom) = (b.x, self.y);
            let mut d = format!("M{} {}", n(x), n(top - 4.0));
            let mut at = top - 4.0;
            let mut side = 3.0;
            while at < bottom {
                at += 6.0;
                d.push_str(&format!("L{} {}", n(x + side), n(at)));
                side = -side;
            }
            self.under(Path::new().set("d", d).set("class", "bl-break"));
        }
    }

    /// The turning points as numbers, told below.
    fn numbers(&mut self) {
        let (points, _) = story::points(self.events);
        let mut rows: Vec<f64> = Vec::new();
        let top = self.y;
        for (k, p) in points.iter().enumerate() {
            let x = self.scale.x(p.at);
            let row = rows.iter().position(|last| x - last >= 20.0).unwrap_or_else(|| {
                rows.push(f64::NEG_INFINITY);
                rows.len() - 1
            });
            rows[row] = x;
            let y = top + 10.0 + 20.0 * row as f64;
            self.put(Circle::new().set("cx", n(x)).set("cy", n(y)).set("r", "9").set("class", "bl-disc"));
            self.text(x, y + 4.0, "bl-num", &(k + 1).to_string());
        }
        self.text(EDGE, top + 14.0, "bl-dim", "story");
        self.y += 20.0 * rows.len() as f64 + 6.0;
    }

    fn severity(&mut self) {
        let i = self.incident;
        let y = self.row("severity");
        let opened = self.scale.x(i.opened_at);
        let began = self.scale.x(i.occurred_at.unwrap_or(i.opened_at));
        if began < opened {
            let before = Rectangle::new().set("x", n(began)).set("y", n(y - 9.0)).set("width", n(opened - began)).set("height", "18");
            self.put(before.set("class", "bl-before"));
        }
        let mut level = i.severity_history.first().map_or(i.severity.clone(), |c| c.from.clone());
        let mut from = opened;
        let until = self.end;
        for c in i.severity_history.iter().filter(|c| c.at <= until) {
            let to = self.scale.x(c.at);
            self.band(&level, from, to, y);
            (level, from) = (c.to.clone(), to);
        }
        let end = self.scale.x(self.end);
        self.band(&level, from, end, y);
        if let Some((at, _)) = &i.mitigated {
            let from = self.scale.x(*at);
            let hatch = Rectangle::new().set("x", n(from)).set("y", n(y - 10.0)).set("width", n((end - from).max(0.0))).set("height", "20");
            self.put(hatch.set("fill", format!("url(#bl-hatch-{})", self.size.name())));
        }
        self.names(y);
        self.y += 4.0;
    }

    /// The worse, the taller.
    fn band(&mut self, level: &str, from: f64, to: f64, y: f64) {
        let rank = rank(level);
        let height = 20.0 - 2.0 * f64::from(rank);
        let rect =
            Rectangle::new().set("x", n(from)).set("y", n(y - height / 2.0)).set("width", n((to - from).max(1.5))).set("height", n(height));
        self.put(rect.set("class", format!("bl-p{rank}")));
    }

    /// The name of each level on its band, where there is room.
    fn names(&mut self, y: f64) {
        let i = self.incident;
        let first = i.severity_history.first().map_or(&i.severity, |c| &c.from).clone();
        let mut bands = vec![(first, self.scale.x(i.opened_at))];
        let until = self.end;
        for c in i.severity_history.iter().filter(|c| c.at <= until) {
            bands.push((c.to.clone(), self.scale.x(c.at)));
        }
        let mitigated = i.mitigated.as_ref().map(|m| self.scale.x(m.0));
        for (k, (level, from)) in bands.iter().enumerate() {
            let to = bands.get(k + 1).map_or(self.scale.x(self.end), |b| b.1);
            if to - from < 26.0 {
                continue;
            }
            if mitigated.is_some_and(|m| m < from + 22.0) {
                let back = Rectangle::new().set("x", n(from + 2.0)).set("y", n(y - 7.5)).set("width", "20").set("height", "15");
                self.put(back.set("class", format!("bl-p{}", rank(level))));
            }
            self.text(from + 4.0, y + 4.5, "bl-sev", &fit(level, to - from - 4.0, 12.0));
        }
    }

    fn probes(&mut self) {
        let mut rows: Vec<(String, Vec<(Timestamp, Mark)>)> = Vec::new();
        for e in &self.incident.evidence {
            let EvidenceKind::Observed(o) = &e.what else { continue };
            if o.started_at > self.end {
                continue;
            }
            let point = (o.started_at, Mark::of(o.verdict));
            match rows.iter_mut().find(|(name, _)| *name == o.probe) {
                Some((_, points)) => points.push(point),
                None => rows.push((o.probe.clone(), vec![point])),
            }
        }
        let hidden = rows.len().saturating_sub(MOST_ROWS);
        for (name, points) in rows.into_iter().take(MOST_ROWS) {
            let y = self.row(&name);
            let xs: Vec<f64> = points.iter().map(|(at, _)| self.scale.x(*at)).collect();
            for (k, (_, mark)) in points.iter().enumerate() {
                // Nobody looked after the last mark: what holds from there on is not known.
                let (to, kind) = xs.get(k + 1).map_or((self.scale.x(self.end), "bl-after"), |x| (*x, "bl-run"));
                self.put(line(xs[k], y, to, y, &format!("{kind} bl-stroke-{}", mark.class())));
            }
            for (k, (_, mark)) in points.iter().enumerate() {
                // Marks that would hide each other are told apart by the line alone.
                if k == 0 || xs[k] - xs[k - 1] >= 6.0 || points[k - 1].1 != *mark {
                    self.put(mark.draw(xs[k], y));
                }
            }
        }
        self.more(hidden, "probes");
    }

    fn more(&mut self, hidden: usize, what: &str) {
        if hidden > 0 {
            self.text(EDGE, self.y + 12.0, "bl-small", &format!("and {hidden} more {what}"));
            self.y += 18.0;
        }
    }

    fn actions(&mut self) {
        let actions: Vec<&Action> = self.incident.actions.iter().filter(|a| a.proposed_at <= self.end).collect();
        let hidden = actions.len().saturating_sub(MOST_ROWS);
        for a in actions.into_iter().take(MOST_ROWS) {
            let y = self.row(&format!("a{} {}", a.n, a.block));
            let ended = ended(a);
            let last = ended.map(|(at, _)| at).or(a.started_at).or(a.approvals.last().map(|x| x.at)).unwrap_or(a.proposed_at);
            let mut marks = vec![(a.proposed_at, Mark::Proposed)];
            marks.extend(a.approvals.iter().map(|x| (x.at, Mark::Approved)));
            marks.extend(ended);
            marks.extend(a.verification.as_ref().map(|v| {
                let is_met = v.verdict == crate::record::verdict::Verdict::Met;
                (v.at, if is_met { Mark::Verified } else { Mark::of(Some(v.verdict)) })
            }));
            let (from, to) = (self.scale.x(a.proposed_at), self.scale.x(last.min(self.end)));
            self.put(line(from, y, to, y, "bl-run bl-stroke-act"));
            let mut free = 0.0;
            for (at, mark) in marks {
                // Side by side where they would hide each other.
                let x = self.scale.x(at.min(self.end)).max(free).min(self.right());
                free = x + 12.0;
                self.put(mark.draw(x, y));
            }
        }
        self.more(hidden, "actions");
    }

    fn escalations(&mut self, top: f64) {
        let all: Vec<_> = self.incident.escalations.iter().filter(|e| e.due_at <= self.end).collect();
        let mut names: Vec<&str> = Vec::new();
        for e in &all {
            if !names.contains(&e.to.as_str()) {
                names.push(&e.to);
            }
        }
        for name in names {
            let y = self.row(&format!("tell {name}"));
            for e in all.iter().filter(|e| e.to == name) {
                let x = self.scale.x(e.due_at);
                self.under(line(x, top, x, y, "bl-due"));
                self.put(Mark::Due.draw(x, y));
                let told = self.events.iter().find_map(|t| match &t.facts {
                    Facts::EscalationDelivered(d) if d.raised == e.seq && d.ok => Some(t.header.at),
                    _ => None,
                });
                if let Some(at) = told.filter(|at| *at <= self.end) {
                    let to = self.scale.x(at).max(x + 13.0);
                    self.put(line(x + 6.0, y, to, y, "bl-run bl-stroke-unknown"));
                    self.put(Mark::Told.draw(to, y));
                }
            }
        }
    }

    /// Series of more than one number, each in its own row.
    fn readings(&mut self) {
        let mut all: Vec<((&str, &str), Curve)> = Vec::new();
        for e in &self.incident.evidence {
            let EvidenceKind::Observed(o) = &e.what else { continue };
            for r in o.readings.iter().filter(|r| o.started_at <= self.end && r.value.is_finite()) {
                let key = (r.name.as_str(), r.origin.as_str());
                match all.iter_mut().find(|(k, _)| *k == key) {
                    Some((_, points)) => points.push((o.started_at, r.value)),
                    None => all.push((key, vec![(o.started_at, r.value)])),
                }
            }
        }
        all.retain(|(_, points)| points.len() > 1);
        let hidden = all.len().saturating_sub(MOST_ROWS);
        for ((name, _), points) in all.into_iter().take(MOST_ROWS) {
            self.curve(name, &points);
        }
        self.more(hidden, "readings");
    }

    fn curve(&mut self, name: &str, points: &[(Timestamp, f64)]) {
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        let top = self.y + 5.0;
        let room = self.size.gutter() - 12.0;
        self.text(EDGE, top + 10.0, "bl-dim", &fit(name, room, 12.5));
        let range = if low < high { format!("{low} to {high}") } else { format!("{low}") };
        self.text(EDGE, top + 24.0, "bl-small", &fit(&range, room, 10.5));
        let y = |v: f64| top + 2.0 + if high > low { 22.0 * (high - v) / (high - low) } else { 11.0 };
        let xy: Vec<(f64, f64)> = points.iter().map(|(at, v)| (self.scale.x(*at), y(*v))).collect();
        let path: Vec<_> = xy.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
        self.under(line(self.left(), top + 26.0, self.right(), top + 26.0, "bl-rule"));
        self.put(Polyline::new().set("points", path.join(" ")).set("class", "bl-curve"));
        for (x, y) in xy.iter().take(200) {
            self.put(Circle::new().set("cx", n(*x)).set("cy", n(*y)).set("r", "2.6").set("class", "bl-dot"));
        }
        self.y += 36.0;
    }

    /// What the numbers and the marks say.
    fn key(&mut self) {
        let (points, left_out) = story::points(self.events);
        let room = self.size.width() - 2.0 * EDGE;
        self.y += 10.0;
        let long = self.scale.end().since(self.scale.start()) >= 86_400_000;
        for (k, p) in points.iter().enumerate() {
            let y = self.y + 14.0;
            let time = p.at.to_seconds();
            let time = if long { &time[5..16] } else { &time[11..19] };
            self.put(Circle::new().set("cx", n(EDGE + 9.0)).set("cy", n(y - 4.0)).set("r", "9").set("class", "bl-disc"));
            self.text(EDGE + 9.0, y, "bl-num", &(k + 1).to_string());
            self.text(EDGE + 24.0, y, "bl-dim", time);
            self.y += 22.0;
            for (k, part) in wrap(&p.text, room - 84.0, 13.0).iter().enumerate() {
                self.y += if k > 0 { 16.0 } else { 0.0 };
                self.text(EDGE + 84.0, y + 16.0 * k as f64, "bl-say", part);
            }
        }
        self.more(left_out, "turning points in the timeline");
        self.marks();
    }

    fn marks(&mut self) {
        const ALL: [(Mark, &str); 10] = [
            (Mark::Met, "met"),
            (Mark::Unmet, "unmet, failed"),
            (Mark::Unknown, "unknown"),
            (Mark::Seen, "seen"),
            (Mark::Proposed, "proposed"),
            (Mark::Approved, "approved"),
            (Mark::Denied, "denied, stale"),
            (Mark::Verified, "recovery verified"),
            (Mark::Due, "escalation due"),
            (Mark::Told, "told, done"),
        ];
        self.y += 8.0;
        self.under(line(EDGE, self.y, self.right(), self.y, "bl-rule"));
        let (mut x, mut y) = (EDGE + 7.0, self.y + 16.0);
        for (mark, name) in ALL {
            let width = 27.0 + 5.9 * name.len() as f64;
            if x + width > self.right() {
                (x, y) = (EDGE + 7.0, y + 20.0);
            }
            self.put(mark.draw(x, y));
            self.text(x + 11.0, y + 4.0, "bl-small", name);
            x += width;
        }
        self.y = y + 20.0;
        let band = "dashed: before it was opened; hatched: the harm has stopped; dotted: after the last look; taller: worse";
        for part in wrap(band, self.size.width() - 2.0 * EDGE, 10.5) {
            self.text(EDGE, self.y + 4.0, "bl-small", &part);
            self.y += 14.0;
        }
    }

    fn finish(self) -> String {
        let (w, h) = (n(self.size.width()), n(self.y + 2.0));
        let name = self.size.name();
        let (title, below) = self.headline();
        let (points, _) = story::points(self.events);
        let told: Vec<_> = points.iter().map(|p| format!("{} {}", p.at.to_seconds(), one_line(&p.text))).collect();
        let hatch = Pattern::new()
            .set("id", format!("bl-hatch-{name}"))
            .set("width", "7")
            .set("height", "7")
            .set("patternUnits", "userSpaceOnUse")
            .set("patternTransform", "rotate(45)")
            .add(line(0.0, 0.0, 0.0, 7.0, "bl-hatch"));
        let mut svg = Document::new()
            .set("viewBox", format!("0 0 {w} {h}"))
            .set("width", w.as_str())
            .set("height", h.as_str())
            .set("class", format!("bl bl-{name}"))
            .set("role", "img")
            .set("aria-labelledby", format!("bl-title-{name} bl-desc-{name}"))
            .add(Title::new(visible(&one_line(&format!("{title}; {below}")))).set("id", format!("bl-title-{name}")))
            .add(Description::new().set("id", format!("bl-desc-{name}")).add(svg::node::Text::new(visible(&told.join("; ")))));
        if self.size == Size::Alone {
            svg = svg.add(Style::new(STYLE));
        }
        let svg = svg
            .add(Definitions::new().add(hatch))
            .add(Rectangle::new().set("width", w).set("height", h).set("class", "bl-bg"))
            .add(self.back)
            .add(self.front);
        svg.to_string() + "\n"
    }
}

fn rank(level: &str) -> u8 {
    level.strip_prefix('P').and_then(|d| d.parse::<u8>().ok()).unwrap_or(4).min(4)
}

/// How an action ended, and when.
fn ended(a: &Action) -> Option<(Timestamp, Mark)> {
    match &a.progress {
        Progress::Waiting => None,
        Progress::Denied { at, .. } | Progress::Stale { at, .. } => Some((*at, Mark::Denied)),
        Progress::Started => a.started_at.map(|at| (at, Mark::Unknown)),
        Progress::Succeeded { at, .. } => Some((*at, Mark::Met)),
        Progress::Failed { at, .. } => Some((*at, Mark::Unmet)),
        Progress::Unknown { at, .. } => Some((*at, Mark::Unknown)),
    }
}

#[cfg(test)]
mod tests;
