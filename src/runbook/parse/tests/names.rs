use super::*;

#[test]
fn ids_are_one_namespace_signals_apart() {
    errors(
        "probe",
        &[("id = «\"status\"»\nkind = \"ask\"\nquestion = \"?\"", "second block with the id `status`", "The first one stands in line 14")],
    );
    errors("probe", &[("id = «\"fix\"»\nfrom = \"status\"", "second block with the id `fix`", "ids are unique in a file")]);
    errors("probe", &[("id = «\"way\"»\nfrom = \"status\"", "second block with the id `way`", "ids are unique in a file")]);
    let twice = "id = \"sign\"\ntext = \"It is red\"\nwhen = { probe = \"status\", verdict = \"unmet\" }";
    let text = format!("{}\n{}", fenced("signal", twice), fenced("signal", &twice.replace("\"sign\"", "«\"sign\"»")));
    expect_one(&skeleton(HEADER, &text), Severity::Error, "second block with the id `sign`", "The first one stands in line 50");
    let r = with("signal", &twice.replace("sign", "status"));
    assert_eq!(r.signals[0].id, r.probes[0].id, "a signal may be called like a probe");
}

#[test]
fn a_verification_is_named_after_its_action_unless_it_has_a_name() {
    let verify = |id: &str| format!("{id}after = \"fix\"\nprobes = [\"status\"]\nwithin = \"1m\"");
    assert_eq!(with("verify", &verify("")).verifies[0].id, "verify-fix");
    assert_eq!(with("verify", &verify("id = \"better\"\n")).verifies[0].id, "better");
    let two = format!("{}\n{}", fenced("verify", &verify("")), fenced("verify", &verify("").replace("\"fix\"", "«\"fix\"»")));
    expect_one(&skeleton(HEADER, &two), Severity::Error, "second block with the id `verify-fix`", "The first one");
}

#[test]
fn names_are_lower_case_and_not_words_of_the_language() {
    let long = format!("id = «\"{}\"»\nfrom = \"status\"", "a".repeat(65));
    expect_one(&skeleton(HEADER, &fenced("probe", &long)), Severity::Error, &format!("`{}` cannot be an id", "a".repeat(65)), "up to 64");
    errors(
        "probe",
        &[
            ("id = «\"Status\"»\nfrom = \"status\"", "`Status` cannot be an id", "lower-case"),
            ("id = «\"a.b\"»\nfrom = \"status\"", "`a.b` cannot be an id", "letters, digits"),
            ("id = «\"-a\"»\nfrom = \"status\"", "`-a` cannot be an id", "letters, digits"),
            ("id = «\"../x\"»\nfrom = \"status\"", "`../x` cannot be an id", "letters, digits"),
            ("id = «\"opened\"»\nfrom = \"status\"", "`opened` cannot be an id", "a meaning of its own"),
            ("id = «\"recovered\"»\nfrom = \"status\"", "`recovered` cannot be an id", "a meaning of its own"),
            ("id = «\"\"»\nfrom = \"status\"", "`id` is empty", ""),
        ],
    );
}

#[test]
fn what_is_named_must_exist_and_be_of_the_right_kind() {
    errors(
        "probe",
        &[
            ("id = \"x\"\nfrom = «\"statsu\"»", "unknown probe `statsu`", "Did you mean `status`?"),
            ("id = \"x\"\nfrom = «\"elsewhere\"»", "unknown probe `elsewhere`", "`silent`, `status`, `tiles` and `x`"),
            ("id = \"x\"\nfrom = «\"fix\"»", "`fix` is an `action`, not a `probe`", "It is defined in line 35."),
        ],
    );
    errors(
        "verify",
        &[
            ("after = «\"fx\"»\nprobes = [\"status\"]\nwithin = \"1m\"", "unknown action `fx`", "Did you mean `fix`?"),
            ("after = «\"status\"»\nprobes = [\"status\"]\nwithin = \"1m\"", "`status` is a `probe`, not an `action`", "line 14"),
            ("after = \"fix\"\nprobes = [\"status\", «\"stat\"»]\nwithin = \"1m\"", "unknown probe `stat`", "Did you mean `status`?"),
        ],
    );
    errors(
        "escalate",
        &[
            ("id = \"x\"\nwhen = { decided = «\"wy\"», branch = \"a\" }\nto = \"ANA\"", "unknown decide `wy`", "Did you mean `way`?"),
            ("id = \"x\"\nwhen = { decided = \"way\", branch = «\"aa\"» }\nto = \"ANA\"", "`way` has no branch `aa`", "Did you mean `a`?"),
            ("id = \"x\"\nafter = «\"fox\"»\nwithin = \"5m\"\nto = \"ANA\"", "unknown action `fox`", "Did you mean `fix`?"),
            (
                "id = \"x\"\nafter = \"fix\"\nunless = «\"recoverd\"»\nwithin = \"5m\"\nto = \"ANA\"",
                "unknown `unless` `recoverd`",
                "Did you mean `recovered`?",
            ),
        ],
    );
}

#[test]
fn a_name_may_be_used_above_its_block() {
    let r = with("probe", "id = \"first\"\nfrom = \"second\"\n```\n\n```toml probe\nid = \"second\"\nfrom = \"status\"");
    assert_eq!(r.probes.last().unwrap().id, "second");
}

#[test]
fn readings_of_one_file_do_not_mix_in_one_series() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nfrom = \"status\"\n[readings]\n«errors» = \"body.other\"",
                "second reading `errors`",
                "The probe in line 14 yields it already",
            ),
            (
                "id = \"x\"\nfrom = \"status\"\n[readings]\n«\"1st\"» = \"body.x\"",
                "`1st` cannot be the name of a reading",
                "begin with a letter",
            ),
            (
                "id = \"x\"\nfrom = \"status\"\n[readings]\n«\"a b\"» = \"body.x\"",
                "`a b` cannot be the name of a reading",
                "letters, digits",
            ),
        ],
    );
}

#[test]
fn what_the_record_must_have_is_looked_up() {
    header_errors(&[
        ("severity = \"P1\"\n[record]\nmust-have = [«\"reading:erors\"»]", "unknown reading `erors`", "Did you mean `errors`?"),
        ("severity = \"P1\"\n[record]\nmust-have = [«\"ask:tils\"»]", "unknown probe `tils`", "Did you mean `tiles`?"),
        ("severity = \"P1\"\n[record]\nmust-have = [«\"ask:status\"»]", "`status` asks nobody", "for a number use `reading:`"),
        (
            "severity = \"P1\"\n[record]\nmust-have = [«\"errors\"»]",
            "`errors` is nothing that a record can have",
            "\"reading:NAME\" or \"ask:ID\"",
        ),
    ]);
    let r = sound(&skeleton(&format!("{HEADER}[record]\nmust-have = [\"reading:errors\", \"ask:tiles\"]\n"), ""));
    assert_eq!(r.must_have.len(), 2);
}
