//! `docs/runbooks.md` describes the language that is read.

use super::*;
use crate::runbook::kinds::{ACTIONS, PROBES};

const DOCS: &str = include_str!("../../../../docs/runbooks.md");

/// The examples of the page: what follows `toml`, and the body.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = DOCS.split("\n```toml ").skip(1);
    blocks.map(|b| b.split_once('\n').unwrap()).map(|(kind, rest)| (kind, rest.split_once("\n```\n").unwrap().0)).collect()
}

#[test]
fn its_examples_are_one_runbook_without_findings() {
    let all = examples();
    let blocks: Vec<String> = all.iter().map(|(kind, body)| fenced(kind, body)).collect();
    let text =
        format!("# DOCS-1: The page's examples\n\n{}\n## Signals\n\n## Steps\n\n### 1. Look\n\n{}", blocks[0], blocks[1..].join("\n"));
    let r = sound(&text);
    assert_eq!(all[0].0, "runbook");
    for kind in ["runbook", "signal", "probe", "decide", "action", "verify", "escalate"] {
        assert!(all.iter().any(|(k, _)| *k == kind), "no example of `{kind}`");
    }
    assert!(r.probes.len() >= 4 && r.escalates.len() >= 2);
}

#[test]
fn every_key_of_every_kind_is_named_beside_its_kind() {
    let rows: Vec<&str> = DOCS.lines().filter(|l| l.starts_with("| ")).collect();
    for kind in PROBES.iter().chain(ACTIONS) {
        let start =
            rows.iter().position(|l| l.starts_with(&format!("| `{}` ", kind.name))).unwrap_or_else(|| panic!("no row for {}", kind.name));
        let own = rows[start..].iter().skip(1).take_while(|l| l.starts_with("| |"));
        let said: String = std::iter::once(&rows[start]).chain(own).copied().collect();
        for key in kind.keys {
            assert!(said.contains(&format!("`{}`", key.name)), "`{}` of {} is not named", key.name, kind.name);
        }
    }
}

#[test]
fn every_key_that_a_block_may_have_is_named() {
    // A key that nobody knows makes the checker list those it knows, or name what it resembles.
    for key in [
        "severity",
        "review-by",
        "must-have",
        "id",
        "kind",
        "from",
        "expect",
        "require",
        "select",
        "show",
        "readings",
        "timeout",
        "unmet-on",
        "region",
        "text",
        "when",
        "any",
        "all",
        "supports",
        "explained-by",
        "then",
        "note",
        "if",
        "requires",
        "approve",
        "break-glass",
        "min",
        "expires",
        "self",
        "none",
        "review-within",
        "after",
        "probes",
        "passes",
        "every",
        "within",
        "confirm",
        "unless",
        "to",
        "for",
        "window",
        "cover",
        "decided",
        "branch",
        "outcome",
        "verdict",
        "not",
    ] {
        let is_named = [format!("`{key}`"), format!("{key} ="), format!("[[{key}]]")].iter().any(|w| DOCS.contains(w.as_str()));
        assert!(is_named, "`{key}`");
    }
    for word in ["recovered", "acknowledged", "mitigated", "resolved", "opened", "dismiss", "link:", "age(", "sub(", "lower("] {
        assert!(DOCS.contains(word), "{word}");
    }
}
