use super::*;

/// A file of a heading, a header and steps.
fn file(title: &str, rest: &str) -> String {
    format!("{title}\n\n```toml runbook\nseverity = \"P1\"\n```\n\n{rest}")
}

const STEPS: &str = "## Steps\n\n### 1. One\n";

#[test]
fn the_heading_names_the_runbook() {
    for (title, message, hint) in [
        ("«# INC-001 Dead Lambda»", "the heading is not `# ID: Title`", "# INC-001: Dead Lambda"),
        ("«# INC 001: Dead Lambda»", "the heading is not `# ID: Title`", "letters, digits and `-`"),
        ("«# INC-001:» ", "the heading is not `# ID: Title`", ""),
        ("«# ../x: Dead Lambda»", "the heading is not `# ID: Title`", "letters, digits"),
        ("# A-1: One\n\n«# B-1: Two»", "second `#` heading", "One file is one runbook"),
        ("«Words before any heading.»", "no `# ID: Title` heading", "Begin with"),
    ] {
        let found = only(&file(title, STEPS), Severity::Error);
        assert_eq!(found.message, message, "{title}");
        assert!(found.hint.unwrap_or_default().contains(hint), "{title}");
    }
}

#[test]
fn a_heading_may_be_underlined_instead() {
    let r = sound("INC-7: Flood\n============\n\n```toml runbook\nseverity = \"P4\"\n```\n\nSteps\n-----\n\n### 1. Look\n");
    assert_eq!((r.id.as_str(), r.title.as_str(), r.steps.len()), ("INC-7", "Flood", 1));
}

#[test]
fn steps_are_numbered_in_order() {
    for (steps, message, hint) in [
        ("### 1. One\n\n«### 1. Again»\n", "step 1 stands where step 2 belongs", "this one is `### 2. Again`."),
        ("### 1. One\n\n«### 3. Three»\n", "step 3 stands where step 2 belongs", "`### 2. Three`"),
        ("«### 0. Zero»\n", "step 0 stands where step 1 belongs", "`### 1. Zero`"),
        ("### 1. One\n\n«### Two»\n", "the heading is not `### n. Title`", "Write it as `### 2. Two`, or move it out of `Steps`."),
        ("### 1. One\n\n«### 2.»\n", "the heading is not `### n. Title`", "`### 2."),
    ] {
        let found = only(&file("# A-1: T", &format!("## Steps\n\n{steps}")), Severity::Error);
        assert_eq!(found.message, message, "{steps}");
        assert!(found.hint.clone().unwrap_or_default().contains(hint), "{found:?}");
    }
}

#[test]
fn sections_that_are_nearly_named_right_are_warned_of() {
    for (text, message, hint) in [
        (format!("{STEPS}\n«## Signal»\n"), "`Signal` is not a section", "The section is called `Signals`"),
        (format!("{STEPS}\n«## Escalations»\n"), "`Escalations` is not a section", "`Escalation`"),
        (format!("{STEPS}\n«## steps»\n"), "`steps` is not a section", "`Steps`"),
    ] {
        expect_one(&file("# A-1: T", &text), Severity::Warning, message, hint);
    }
    expect_one(
        &file("# A-1: T", &format!("{STEPS}\n«## Steps»\n\n### 2. Two\n")),
        Severity::Error,
        "second section `Steps`",
        "under the first",
    );
    sound(&file("# A-1: T", &format!("{STEPS}\n## Background\n\n## Links\n")));
}

#[test]
fn a_runbook_without_steps_is_warned_of() {
    expect_one(&file("«# A-1: T»", "## Signals\n"), Severity::Warning, "the runbook has no steps", "### 1. Title");
}

#[test]
fn fences_that_are_nearly_blocks_are_faults() {
    for (fence, message, hint) in [
        ("«```toml prob»\nid = 1\n```", "unknown kind of block `prob`", "Did you mean `probe`?"),
        ("«```toml Probe»\nid = 1\n```", "unknown kind of block `Probe`", "Did you mean `probe`?"),
        ("«```toml-probe»\nid = 1\n```", "`toml-probe` is not a kind of block", "Did you mean `toml probe`?"),
        ("«```probe»\nid = 1\n```", "`probe` is not a kind of block", "Did you mean `toml probe`?"),
        ("«```yaml probe»\nid: 1\n```", "`yaml probe` is not a kind of block", "Did you mean `toml probe`?"),
        ("«```toml probe status»\nid = 1\n```", "unexpected `status` after `toml probe`", "nothing else"),
        ("«```toml verify»\nafter = 1", "the block is never closed", "Close it with ``` on a line of its own."),
    ] {
        let (fence, message) = (fence.to_owned(), message.to_owned());
        let found = only_first(&file("# A-1: T", &format!("{STEPS}\n{fence}\n")));
        assert_eq!(found.message, message, "{fence}");
        let said = found.hint.clone().unwrap_or_default();
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn a_block_that_is_never_closed_does_not_swallow_the_next() {
    let open = "«```toml probe»\nid = \"a\"\nkind = \"ask\"\nquestion = \"?\"\n\nMore words.\n\n";
    let next = fenced("probe", "id = \"b\"\nfrom = \"a\"") + "\nAnd more.\n";
    let found = only(&file("# A-1: T", &format!("{STEPS}\n{open}{next}")), Severity::Error);
    assert_eq!(
        (found.message.as_str(), found.hint.as_deref()),
        ("the block is never closed", Some("Close it with ``` on a line of its own before line 18."))
    );
}

/// The first finding; what an unclosed block says besides is no matter.
fn only_first(marked: &str) -> Diagnostic {
    let (text, place) = unmark(marked);
    let found = parse(&text).diagnostics.into_iter().next().unwrap();
    assert_eq!(Some((found.line, found.col, found.len)), place, "{found:?}");
    found
}

#[test]
fn blocks_stand_at_the_left_margin() {
    for text in [
        "- a list\n\n  «```toml probe»\n  id = \"a\"\n  ```\n",
        "> «```toml probe»\n> id = \"a\"\n> ```\n",
        "    «```toml probe»\n    id = \"a\"\n    ```\n",
    ] {
        expect_one(&file("# A-1: T", &format!("{STEPS}\n{text}")), Severity::Error, "a block must start in column 1", "to the left margin");
    }
}

#[test]
fn any_other_fence_is_prose() {
    let text =
        "```toml\nnot = [toml\n```\n\n```sh\nrm -rf x\n```\n\n```\nplain\n```\n\n~~~~markdown\n```toml probe\n```\n~~~~\n\n    indented\n";
    let r = sound(&file("# A-1: T", &format!("{STEPS}\n{text}")));
    assert!(r.probes.is_empty() && r.steps[0].prose.contains("rm -rf x"));
}

#[test]
fn blocks_are_legal_under_any_heading_and_have_a_step_only_under_steps() {
    let probe = |id: &str| fenced("probe", &format!("id = \"{id}\"\nkind = \"ask\"\nquestion = \"?\""));
    let text = format!(
        "{}\n## Signals\n\n{}\n## Steps\n\n{}\n### 1. One\n\n#### Deeper\n\n{}\n## Escalation\n\n### 2. No step\n\n{}",
        probe("a"),
        probe("b"),
        probe("c"),
        probe("d"),
        probe("e")
    );
    let r = sound(&file("# A-1: T", &text));
    let steps: Vec<_> = r.probes.iter().map(|p| (p.id.as_str(), p.step)).collect();
    assert_eq!(steps, [("a", None), ("b", None), ("c", None), ("d", Some(1)), ("e", None)]);
    assert_eq!(r.steps.len(), 1);
}

#[test]
fn line_ends_and_a_byte_order_mark_do_not_matter() {
    let text = skeleton(HEADER, "");
    let r = sound(&text);
    let crlf = sound(&text.replace('\n', "\r\n"));
    assert_eq!((crlf.probes.clone(), crlf.steps.len()), (r.probes.clone(), r.steps.len()));
    assert_ne!(crlf.hash, r.hash, "the hash is of the bytes as they are");
    let marked = format!("\u{feff}{text}");
    assert_eq!(sound(&marked).probes, r.probes);
    let bad = format!("\u{feff}{}", text.replace("T-1: Test", "T 1: Test"));
    let found = parse(&bad).diagnostics;
    assert_eq!(found.len(), 1, "{found:?}");
}
