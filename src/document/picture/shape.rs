//! The marks of the picture: each meaning has a shape and a colour of its own, so that either is enough.

use svg::node::element::{Circle, Group, Line, Path, Rectangle, Text};

use crate::record::verdict::Verdict;

/// A length as SVG has it: one decimal, and none that is zero.
pub(super) fn n(x: f64) -> String {
    let text = format!("{x:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// What a mark stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    Met,
    Unmet,
    Unknown,
    Seen,
    Proposed,
    Approved,
    Denied,
    Verified,
    Due,
    Told,
}

impl Mark {
    pub(super) fn of(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Met) => Self::Met,
            Some(Verdict::Unmet) => Self::Unmet,
            Some(Verdict::Unknown) => Self::Unknown,
            None => Self::Seen,
        }
    }

    /// The class that gives the colour.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Met | Self::Verified | Self::Told => "met",
            Self::Unmet | Self::Denied => "unmet",
            Self::Unknown | Self::Due => "unknown",
            Self::Seen => "seen",
            Self::Proposed | Self::Approved => "act",
        }
    }

    /// Draws it around a point.
    pub(super) fn draw(self, x: f64, y: f64) -> Group {
        let filled = format!("bl-fill-{}", self.class());
        let hollow = format!("bl-hollow bl-stroke-{}", self.class());
        let path = |d: String, class: &str| Path::new().set("d", d).set("class", class);
        let at = |dx: f64, dy: f64| format!("{} {}", n(x + dx), n(y + dy));
        let cross = format!("M{}L{}M{}L{}", at(-2.5, -2.5), at(2.5, 2.5), at(2.5, -2.5), at(-2.5, 2.5));
        let tick = format!("M{}L{}L{}", at(-3.0, 0.0), at(-0.8, 2.4), at(3.2, -2.6));
        let diamond = format!("M{}L{}L{}L{}Z", at(0.0, -6.0), at(6.0, 0.0), at(0.0, 6.0), at(-6.0, 0.0));
        let disc = |class: &str| Circle::new().set("cx", n(x)).set("cy", n(y)).set("r", "5.5").set("class", class);
        let square = || Rectangle::new().set("x", n(x - 5.5)).set("y", n(y - 5.5)).set("width", "11").set("height", "11");
        let group = Group::new();
        match self {
            Self::Met | Self::Told => group.add(disc(&filled)).add(path(tick, "bl-on")),
            Self::Unmet => group.add(square().set("class", filled)).add(path(cross, "bl-on")),
            Self::Unknown => group.add(path(diamond, &hollow)).add(letter("?", x, y)),
            Self::Seen => group.add(Circle::new().set("cx", n(x)).set("cy", n(y)).set("r", "4").set("class", hollow)),
            Self::Proposed => group.add(path(diamond, &hollow)),
            Self::Approved => group.add(path(diamond, &filled)).add(path(tick, "bl-on")),
            Self::Denied => group.add(disc(&hollow)).add(path(format!("M{}L{}", at(-3.8, 3.8), at(3.8, -3.8)), &hollow)),
            Self::Verified => group.add(path(star(x, y), &filled)),
            Self::Due => group.add(path(format!("M{}L{}L{}Z", at(-6.0, -5.0), at(6.0, -5.0), at(0.0, 6.0)), &filled)),
        }
    }
}

fn letter(text: &str, x: f64, y: f64) -> Text {
    Text::new(text).set("x", n(x)).set("y", n(y + 3.2)).set("class", "bl-letter")
}

/// A star of five points.
fn star(x: f64, y: f64) -> String {
    let mut d = String::new();
    for k in 0..10 {
        let radius = if k % 2 == 0 { 7.5 } else { 3.2 };
        let angle = f64::from(k) * std::f64::consts::PI / 5.0;
        d.push_str(&format!("{}{} {}", if k == 0 { "M" } else { "L" }, n(x + radius * angle.sin()), n(y - radius * angle.cos())));
    }
    d + "Z"
}

/// A straight line.
pub(super) fn line(x1: f64, y1: f64, x2: f64, y2: f64, class: &str) -> Line {
    Line::new().set("x1", n(x1)).set("y1", n(y1)).set("x2", n(x2)).set("y2", n(y2)).set("class", class)
}
