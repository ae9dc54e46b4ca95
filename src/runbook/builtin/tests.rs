//! Every fact of the procedures is carried by a block, and none is lost when a runbook is edited.

use super::all;
use crate::runbook::diagnostic::render;
use crate::runbook::parse::parse;

mod facts;
mod stack;

/// Text of a built-in runbook.
fn text(id: &str) -> &'static str {
    all().into_iter().find(|(file, _)| file.starts_with(id)).unwrap().1
}

#[test]
fn all_parse_without_findings() {
    for (file, text) in all() {
        let parsed = parse(text);
        let found: String = parsed.diagnostics.iter().map(|d| render(d, file, text)).collect();
        assert!(found.is_empty(), "{found}");
        let runbook = parsed.runbook.unwrap();
        assert!(file.starts_with(&format!("{}-", runbook.id)), "{file}");
    }
}

#[test]
fn each_reads_well_as_plain_markdown() {
    for (file, text) in all() {
        assert!(text.ends_with("```\n"), "{file} ends with one line end");
        let r = parse(text).runbook.unwrap();
        assert_eq!(r.steps.len(), 5, "{file}");
        for step in &r.steps {
            assert!(step.prose.split_whitespace().count() >= 8, "{file}: step {} says too little", step.n);
        }
        let (before, _) = text.split_once("```toml runbook").unwrap();
        assert!(before.split_whitespace().count() > 25, "{file} begins with what is happening");
        let mut is_block = false;
        for (n, line) in text.lines().enumerate() {
            is_block ^= line.starts_with("```");
            let at = format!("{file}:{}", n + 1);
            assert_eq!(line.trim_end(), line, "{at} ends with spaces");
            assert!(is_block || line.chars().count() <= 105, "{at} is too long to read");
        }
        for section in ["\n## Signals\n", "\n## Steps\n", "\n## Escalation\n"] {
            assert_eq!(text.matches(section).count(), 1, "{file}: {section}");
        }
    }
}

#[test]
fn runbooks_that_lead_to_others_lead_to_ones_that_exist() {
    use crate::runbook::model::Then;
    let known: Vec<String> = all().iter().map(|(_, t)| parse(t).runbook.unwrap().id).collect();
    let mut led = 0;
    for (_, text) in all() {
        let r = parse(text).runbook.unwrap();
        let branches = r.decides.iter().flat_map(|d| &d.branches);
        let named = branches.filter_map(|b| match &b.then {
            Then::Open(id) | Then::Link(id) => Some(id),
            Then::Anchor(_) | Then::Dismiss => None,
        });
        for id in named.chain(r.signals.iter().filter_map(|s| s.explained_by.as_ref())) {
            assert!(known.contains(id), "{} leads to `{id}`", r.id);
            led += 1;
        }
    }
    assert!(led >= 5, "INC-002, INC-003 and INC-004 lead elsewhere");
}
