use super::*;
use crate::runbook::builtin;
use crate::runbook::parse::parse_file;

/// Text of a file in `tests/fixtures/runbooks`.
macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/fixtures/runbooks/", $name))
    };
}

#[test]
fn every_fault_of_a_file_is_said_in_one_run() {
    let (text, expected) = (fixture!("faults.md"), fixture!("faults.expected"));
    let found: String = parse(text).diagnostics.iter().map(|d| render(d, "faults.md", text)).collect();
    assert_eq!(found, expected, "the fixture says what a person must read\n{found}");
    assert!(parse(text).runbook.is_none());
}

#[test]
fn a_runbook_of_another_stack_uses_every_kind_of_block_and_is_clean() {
    let text = fixture!("STORE-7-checkout-failing.md");
    let found: String = parse(text).diagnostics.iter().map(|d| render(d, "STORE-7", text)).collect();
    assert_eq!(found, "");
    let r = parse(text).runbook.unwrap();
    for (what, n) in [
        ("signals", r.signals.len()),
        ("steps", r.steps.len()),
        ("probes", r.probes.len()),
        ("decides", r.decides.len()),
        ("actions", r.actions.len()),
        ("verifies", r.verifies.len()),
        ("escalates", r.escalates.len()),
        ("must-haves", r.must_have.len()),
    ] {
        assert!(n > 1, "it has {n} {what}");
    }
    let kinds: Vec<_> = r.probes.iter().map(|p| p.kind()).collect();
    for kind in crate::runbook::kinds::PROBES {
        assert!(kinds.contains(&kind.name), "no probe of kind {}", kind.name);
    }
    let kinds: Vec<_> = r.actions.iter().map(|a| a.kind.as_str()).collect();
    for kind in crate::runbook::kinds::ACTIONS {
        assert!(kinds.contains(&kind.name), "no action of kind {}", kind.name);
    }
}

#[test]
fn an_empty_file_says_what_a_runbook_needs() {
    for text in ["", "\n", "   "] {
        let said: Vec<_> = parse(text).diagnostics.into_iter().map(|d| (d.line, d.col, d.message)).collect();
        let wanted = ["no `# ID: Title` heading", "no `runbook` block", "the runbook has no steps"].map(|m| (1, 1, m.to_owned()));
        assert_eq!(said, wanted, "{text:?}");
        assert!(!shown(text).contains("panic"));
    }
}

#[test]
fn a_file_that_is_not_utf_8_has_that_one_error_with_its_place() {
    let (text, parsed) = parse_file(b"# T-1: Test\n\nGr\xfc\xdfe\n\n```toml runbook\n".to_vec());
    let found: String = parsed.diagnostics.iter().map(|d| render(d, "x.md", &text)).collect();
    assert_eq!(
        found,
        "x.md:3:3: error: not UTF-8\n  |\n3 | Gr\u{fffd}\u{fffd}e\n  |   ^\n  = help: Save the file as UTF-8; this place was written in another encoding.\n"
    );
    assert!(parsed.runbook.is_none());
    let (text, parsed) = parse_file(skeleton(HEADER, "").into_bytes());
    assert!(parsed.runbook.is_some_and(|r| r.text == text));
}

#[test]
fn the_header_is_there_once() {
    let text = skeleton(HEADER, &fenced("runbook", "severity = \"P2\"")).replacen(
        "```toml runbook\nseverity = \"P2\"",
        "«```toml runbook»\nseverity = \"P2\"",
        1,
    );
    expect_one(&text, Severity::Error, "second `runbook` block", "The first one stands in line 3.");
    let text = skeleton(HEADER, "").replacen("```toml runbook\n", "```toml\n", 1);
    assert!(parse(&text).diagnostics.iter().any(|d| d.message == "no `runbook` block"), "{}", shown(&text));
}

#[test]
fn what_the_header_says_is_in_the_model() {
    let text = skeleton(
        "severity = \"P3\"\nreview-by = 2027-03-22\n[aws]\nregion = \"eu-west-1\"\naccount = \"123456789012\"\n[vars]\napi = \"https://api.example\"\nlist = [1, 2]\n",
        "",
    );
    let r = sound(&text);
    assert_eq!((r.severity.as_str(), r.review_by.as_deref()), ("P3", Some("2027-03-22")));
    assert_eq!((r.region.as_deref(), r.account.as_deref()), (Some("eu-west-1"), Some("123456789012")));
    assert_eq!(r.vars["list"], serde_json::json!([1, 2]));
    assert_eq!(r.hash, crate::record::id::Hash::of(&[text.as_bytes()]));
    assert_eq!(r.text, text);
}

#[test]
fn what_a_text_means_by_its_escapes_is_made_harmless_where_it_is_told() {
    let text = skeleton(HEADER, &fenced("escalate", "id = \"e\"\nafter = \"fix\"\nwithin = \"5\\n\\u001b[2Jm\"\nto = \"ANA\""));
    assert!(parse(&text).diagnostics.iter().any(|d| d.message.contains('\u{1b}')), "{:?}", parse(&text).diagnostics);
    points_inside(&text);
}

#[test]
fn no_cut_of_a_runbook_makes_the_checker_panic_or_point_outside() {
    for (_, text) in builtin::all() {
        let ends = text.char_indices().map(|(i, _)| i).step_by(131);
        for end in ends {
            points_inside(&text[..end]);
        }
    }
}

fn points_inside(text: &str) {
    let lines: Vec<&str> = text.split('\n').collect();
    for d in parse(text).diagnostics {
        let width = lines[d.line - 1].chars().count();
        assert!(d.col - 1 <= width && d.col - 1 + d.len <= width.max(d.col), "{d:?}");
        let (rendered, harmless) = (render(&d, "x.md", text), |c: char| if c.is_control() && c != '\t' { '\u{fffd}' } else { c });
        assert!(rendered.contains(&d.message.chars().map(harmless).collect::<String>()), "{rendered}");
        assert!(!rendered.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n')), "{rendered:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 80, failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_change_of_a_runbook_makes_the_checker_panic_or_point_outside(
        at in 0_usize..2000, len in 0_usize..40, new in "[-\\[\\]{}\"'`=#.,a-z0-9 \\n\\\\ü]{0,12}",
    ) {
        let text = skeleton(HEADER, &fenced("escalate", "id = \"e\"\nafter = \"fix\"\nwithin = \"5m\"\nto = \"ANA\""));
        let start = at.min(text.len());
        let end = (start + len).min(text.len());
        points_inside(&format!("{}{new}{}", &text[..start], &text[end..]));
    }
}
