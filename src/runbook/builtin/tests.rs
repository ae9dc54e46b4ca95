//! Every fact of the procedures is carried by a block, and none is lost when a runbook is edited.

use super::all;
use crate::runbook::diagnostic::render;
use crate::runbook::model::Runbook;
use crate::runbook::parse::parse;

fn runbook(id: &str) -> Runbook {
    let (file, text) = all().into_iter().find(|(file, _)| file.starts_with(id)).unwrap();
    let parsed = parse(text);
    let found: String = parsed.diagnostics.iter().map(|d| render(d, file, text)).collect();
    assert_eq!(found, "");
    parsed.runbook.unwrap()
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
