//! Which probe needs which: no circles, and nothing automatic behind a question to a person.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::Read;
use super::table::Cx;

/// Checks the needs of all probes.
pub(super) fn check(cx: &mut Cx<'_>, probes: &[Read]) {
    behind_ask(cx, probes);
    circles(cx, probes);
}

fn behind_ask(cx: &mut Cx<'_>, probes: &[Read]) {
    for read in probes.iter().filter(|r| r.probe.kind() != "ask") {
        for (need, at) in &read.needs {
            if cx.names.probe(need).is_some_and(|p| p.is_ask) {
                let hint = "It would wait for a person. Ask with the probe's own words, or make the other one automatic.".to_owned();
                cx.error(at, format!("the automatic probe `{}` needs the answer of `{need}`, an `ask`", read.probe.id), Some(hint));
            }
        }
    }
}

/// Reports each circle once, at the need that closes it.
fn circles(cx: &mut Cx<'_>, probes: &[Read]) {
    let by_id: BTreeMap<&str, &Read> = probes.iter().map(|r| (r.probe.id.as_str(), r)).collect();
    let mut done = BTreeSet::new();
    for read in probes {
        let mut path = Vec::new();
        walk(cx, &by_id, &read.probe.id, &mut path, &mut done);
    }
}

fn walk<'r>(cx: &mut Cx<'_>, by_id: &BTreeMap<&'r str, &'r Read>, id: &'r str, path: &mut Vec<&'r str>, done: &mut BTreeSet<&'r str>) {
    let Some(read) = by_id.get(id).filter(|_| !done.contains(id)) else { return };
    path.push(id);
    for (need, at) in &read.needs {
        if let Some(start) = path.iter().position(|p| p == need) {
            let circle: Vec<String> = path[start..].iter().chain([&need.as_str()]).map(|p| format!("`{p}`")).collect();
            cx.error(at, format!("probes need each other: {}", circle.join(" → ")), None);
        } else {
            walk(cx, by_id, need, path, done);
        }
    }
    path.pop();
    done.insert(id);
}
