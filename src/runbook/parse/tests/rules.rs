use super::*;
use crate::runbook::model::{Then, Trigger};

const UNMET: &str = "when = { probe = \"status\", verdict = \"unmet\" }";

#[test]
fn a_branch_leads_somewhere() {
    for (then, message, hint) in [
        ("«\"#2-to\"»", "no heading has the anchor `#2-to`", "Did you mean `#2-two`?"),
        ("«\"#nowhere-at-all\"»", "no heading has the anchor `#nowhere-at-all`", "as GitHub makes it"),
        ("«\"2-two\"»", "`2-two` leads nowhere", "Did you mean `#2-two`?"),
        ("«\"dismis\"»", "`dismis` leads nowhere", "Did you mean `dismiss`?"),
        ("«\"go on\"»", "`go on` leads nowhere", "Write \"#anchor\", \"dismiss\", the id of a runbook"),
        ("«\"T-1\"»", "`T-1` is this runbook itself", ""),
        ("«\"link:T-1\"»", "`T-1` is this runbook itself", ""),
    ] {
        let body = format!("id = \"x\"\n[[branch]]\nid = \"b\"\nthen = {then}");
        expect_one(&skeleton(HEADER, &fenced("decide", &body)), Severity::Error, message, hint);
    }
    for (then, wanted) in [
        ("#2-two", Then::Anchor("2-two".to_owned())),
        ("#t-1-test", Then::Anchor("t-1-test".to_owned())),
        ("B-2", Then::Open("B-2".to_owned())),
        ("link:B-2", Then::Link("B-2".to_owned())),
    ] {
        let r = with("decide", &format!("id = \"x\"\n[[branch]]\nid = \"b\"\nthen = \"{then}\""));
        assert_eq!(r.decides[1].branches[0].then, wanted);
        assert_eq!(wanted.to_string(), then, "written as it was read");
    }
}

#[test]
fn a_branch_that_dismisses_gives_its_reason() {
    expect_one(
        &skeleton(HEADER, &fenced("decide", "id = \"x\"\n«[[branch]]»\nid = \"b\"\nthen = \"dismiss\"")),
        Severity::Error,
        "a `[[branch]]` needs `note`",
        "A branch that dismisses says why",
    );
}

#[test]
fn branches_are_told_apart_and_state_their_condition_in_if() {
    errors(
        "decide",
        &[
            ("id = \"x\"\n[[branch]]\nid = \"b\"\nthen = \"#2-two\"\n[[branch]]\nid = «\"b\"»\nthen = \"B-2\"", "second branch `b`", ""),
            (
                "id = \"x\"\n[[branch]]\nid = \"b\"\nthen = \"#2-two\"\n«when» = \"max(errors, 1h) > 1\"",
                "unknown key `when` in a `[[branch]]`",
                "states its condition in `if`",
            ),
            ("id = \"x\"\nbranch = «\"b\"»", "`branch` must be a list; this is a text", "in brackets"),
            ("id = \"x\"\nbranch = «[]»", "`branch` is an empty list", ""),
        ],
    );
    let r = with(
        "decide",
        "id = \"x\"\n[[branch]]\nid = \"b\"\nthen = \"#2-two\"\nif = { probe = \"status\", verdict = \"unmet\" }\n[[branch]]\nid = \"c\"\nthen = \"B-2\"",
    );
    let branches: Vec<_> = r.decides[1].branches.iter().map(|b| (b.id.as_str(), b.when.is_some())).collect();
    assert_eq!(branches, [("b", true), ("c", false)]);
}

#[test]
fn a_signal_may_be_explained_by_another_runbook_only() {
    let signal = |by: &str| format!("id = \"x\"\ntext = \"T\"\n{UNMET}\nexplained-by = {by}");
    expect_one(&skeleton(HEADER, &fenced("signal", &signal("«\"T-1\"»"))), Severity::Error, "`T-1` is this runbook itself", "");
    expect_one(&skeleton(HEADER, &fenced("signal", &signal("«\"B 2\"»"))), Severity::Error, "`B 2` cannot be the id of a runbook", "");
    let s = &with("signal", &format!("{}\nsupports = true", signal("\"B-2\""))).signals[0];
    assert_eq!((s.supports, s.explained_by.as_deref()), (true, Some("B-2")));
}

#[test]
fn a_verification_can_pass_in_its_time() {
    let verify = |rest: &str| format!("after = \"fix\"\nprobes = [\"status\"]\n{rest}");
    for (rest, message, hint) in [
        ("passes = 3\nevery = \"5s\"\nwithin = «\"10s\"»", "3 rounds cannot pass within this time", "fewer rounds"),
        ("passes = «0»\nwithin = \"1m\"", "`passes` must be from 1 to 1000, not 0", ""),
        ("within = \"1m\"\nconfirm = [«\"status\"»]", "`status` asks nobody", "others stand in `probes`"),
        ("within = \"1m\"\nconfirm = «[]»", "`confirm` is an empty list", ""),
    ] {
        expect_one(&skeleton(HEADER, &fenced("verify", &verify(rest))), Severity::Error, message, hint);
    }
    errors(
        "verify",
        &[
            ("after = \"fix\"\nprobes = [«\"tiles\"»]\nwithin = \"1m\"", "`tiles` asks a person", "Put it in `confirm`"),
            (
                "after = \"fix\"\nprobes = [«\"silent\"»]\nwithin = \"1m\"",
                "`silent` expects nothing, so it never comes to a verdict",
                "an `expect` that says what is good",
            ),
            ("after = \"fix\"\nprobes = «[]»\nwithin = \"1m\"", "`probes` is an empty list", ""),
        ],
    );
    warnings(
        "verify",
        &[(
            "after = \"fix\"\nprobes = [\"status\"]\nevery = «\"5s\"»\nwithin = \"1m\"",
            "`every` has no meaning with one round",
            "passes = 3",
        )],
    );
    let v = &with("verify", &verify("passes = 3\nevery = \"2s\"\nwithin = \"1m\"\nconfirm = [\"tiles\"]")).verifies[0];
    assert_eq!((v.passes, v.every_ms, v.within_ms, v.confirm.as_slice()), (3, 2000, 60_000, &["tiles".to_owned()][..]));
    let v = &with("verify", &verify("within = \"1m\"")).verifies[0];
    assert_eq!((v.passes, v.every_ms), (1, 5000));
}

#[test]
fn an_escalation_has_a_condition_or_a_clock() {
    errors(
        "escalate",
        &[
            ("id = \"x\"\nto = \"ANA\"\n«within» = \"5m\"", "`within` without `after`", "from an action or from \"opened\""),
            (
                "id = \"x\"\nto = \"ANA\"\nwhen = \"max(errors, 1h) > 1\"\n«unless» = \"recovered\"",
                "`unless` without `after`",
                "add `after`",
            ),
            (
                "id = \"x\"\nto = \"ANA\"\n«after» = \"fix\"\nwithin = \"5m\"\nwhen = \"max(errors, 1h) > 1\"",
                "both a condition and `after`",
                "Write two rules.",
            ),
            (
                "id = \"x\"\nto = \"ANA\"\nafter = \"fix\"\nwithin = «\"0m\"»",
                "`0m` is not a duration such as \"10s\", \"15m\" or \"24h\"",
                "",
            ),
            ("id = \"x\"\nto = «\"\"»\nwhen = \"max(errors, 1h) > 1\"", "`to` is empty", ""),
            (
                "id = \"x\"\nto = \"ANA\"\nwhen = \"max(errors, 1h) > 1\"\nseverity = «\"p0\"»",
                "unknown severity `p0`",
                "Did you mean `P0`?",
            ),
        ],
    );
    warnings(
        "escalate",
        &[(
            "id = \"x\"\nto = \"ANA\"\nafter = \"fix\"\nwithin = \"5m\"\nunless = «\"recovered\"»",
            "nothing verifies that `fix` has helped",
            "Add a `verify` block with `after = \"fix\"`.",
        )],
    );
    let e = &with(
        "escalate",
        "id = \"x\"\nto = \"ANA\"\nfor = \"help\"\nafter = \"opened\"\nwithin = \"5m\"\nunless = \"acknowledged\"\nseverity = \"P0\"",
    )
    .escalates[0];
    assert_eq!(e.trigger, Trigger::After { after: "opened".to_owned(), within_ms: 300_000, unless: Some("acknowledged".to_owned()) });
    assert_eq!((e.purpose.as_deref(), e.severity.as_deref()), (Some("help"), Some("P0")));
}

#[test]
fn a_clock_may_be_called_off_by_a_verification_of_this_file() {
    let verify = fenced("verify", "id = \"better\"\nafter = \"fix\"\nprobes = [\"status\"]\nwithin = \"1m\"");
    let escalate = fenced("escalate", "id = \"x\"\nto = \"ANA\"\nafter = \"fix\"\nwithin = \"5m\"\nunless = \"better\"");
    sound(&skeleton(HEADER, &format!("{verify}\n{escalate}")));
}
