use super::*;

fn from_status(rest: &str) -> String {
    format!("id = \"x\"\nfrom = \"status\"\n{rest}")
}

fn refused(rest: &str, message: &str, hint: &str) {
    expect_one(&skeleton(HEADER, &fenced("probe", &from_status(rest))), Severity::Error, message, hint);
}

#[test]
fn expressions_point_at_the_very_place() {
    for (rest, message, hint) in [
        ("expect = [\"«lenght»(body.a) > 1\"]", "unknown function `lenght`", "Did you mean `length`?"),
        ("expect = [\"ok == true\", \"«summ»(body.a) > 1\"]", "unknown function `summ`", "Did you mean `sum`?"),
        ("require = [\"«zebra»(body.a) > 1\"]", "unknown function `zebra`", "Known are `abs`, `age`"),
        ("expect = [\"«sub»(body.a) > 1\"]", "`sub` takes 2 arguments, not 1", ""),
        ("show = \"body.a | «to_strin»(@)\"", "unknown function `to_strin`", "Did you mean `to_string`?"),
        ("[select]\na = \"«sort_by»(body.a, b)\"", "argument 2 of `sort_by` has to be an `&expression`", ""),
        ("[readings]\na = \"body.a«[»0\"", "`[` is never closed", ""),
        (
            "expect = ['body.a == «9007199254740993»']",
            "`9007199254740993` is above 2^53, where JSON numbers are no longer exact",
            "Compare as text",
        ),
        ("expect = [\"status «=» 200\"]", "`=` is not a comparison", "`==`"),
        ("expect = [\"status == «OK»\"]", "`OK` is not a literal", "'text'"),
        ("expect = [\"\\u0073tatus == «OK»\"]", "`OK` is not a literal", "'text'"),
        ("expect = [\"\"\"\nstatus == «OK»\"\"\"]", "`OK` is not a literal", "'text'"),
        ("expect = [«\"\"»]", "`expect` is empty", ""),
        ("expect = [\"body.a matches «'('»\"]", "not a regular expression", ""),
    ] {
        let (text, place) = unmark(&skeleton(HEADER, &fenced("probe", &from_status(rest))));
        let found = parse(&text).diagnostics;
        assert_eq!(found.len(), 1, "{}", shown(&text));
        let at = (found[0].line, found[0].col);
        assert_eq!(Some(at), place.map(|p| (p.0, p.1)), "{}", shown(&text));
        assert!(found[0].message.starts_with(message), "{}", shown(&text));
        assert!(found[0].hint.clone().unwrap_or_default().contains(hint), "{}", shown(&text));
    }
}

#[test]
fn instants_are_compared_by_their_age() {
    let (text, place) = unmark(&skeleton(HEADER, &fenced("probe", &from_status("expect = [\"body.t < «'2026-01-01T00:00:00Z'»\"]"))));
    let found = &parse(&text).diagnostics[0];
    assert_eq!((found.severity, Some((found.line, found.col))), (Severity::Error, place.map(|p| (p.0, p.1))));
    assert!(found.hint.clone().unwrap().contains("age(x) < 24h"), "{found:?}");
    // Inside a filter it is legal JMESPath that never holds, so it is a warning.
    let inside = "[select]\nnew = \"body.e[?t > «'2026-01-01T00:00:00Z'»]\"";
    let (text, place) = unmark(&skeleton(HEADER, &fenced("probe", &from_status(inside))));
    let parsed = parse(&text);
    let found = &parsed.diagnostics[0];
    assert_eq!((found.severity, Some((found.line, found.col))), (Severity::Warning, place.map(|p| (p.0, p.1))));
    assert!(found.hint.clone().unwrap().contains("age(x)") && parsed.runbook.is_some(), "{found:?}");
}

#[test]
fn a_filter_that_one_bare_element_would_spoil_is_warned_of_wherever_it_stands() {
    let message = "`contains` fails on an element where its first argument is missing, and spoils the whole filter";
    warnings(
        "probe",
        &[
            ("id = \"x\"\nfrom = \"status\"\n[select]\na = \"body.e[?«contains»(kind, 'a')]\"", message, "not_null(x, '')"),
            ("id = \"x\"\nfrom = \"status\"\nexpect = [\" length(body.e[?«contains»(kind, 'a')]) > 0\"]", message, "not_null(x, '')"),
            ("id = \"x\"\nfrom = \"status\"\nshow = \"body.e[?«contains»(lower(kind), 'a')]\"", message, "not_null(x, '')"),
            ("id = \"x\"\nfrom = \"status\"\n[readings]\na = \"length(body.e[?«contains»(kind, 'a')])\"", message, "not_null(x, '')"),
        ],
    );
    warnings(
        "escalate",
        &[(
            "id = \"x\"\nto = \"ANA\"\nwhen = { probe = \"status\", if = \"length(body.e[?«contains»(kind, 'a')]) > 0\" }",
            message,
            "not_null(x, '')",
        )],
    );
    with("probe", "id = \"x\"\nfrom = \"status\"\n[select]\na = \"body.e[?contains(not_null(kind, ''), 'a')]\"");
}

#[test]
fn placeholders_name_what_exists() {
    let http = |url: &str| format!("id = \"x\"\nkind = \"http\"\nurl = \"{url}\"");
    for (url, message, hint) in [
        ("«{{vars.apu}}»/x", "unknown variable `apu`", "Did you mean `api`?"),
        ("{{vars.api}}/«{{probe.statsu.body.id}}»", "unknown probe `statsu`", "Did you mean `status`?"),
        ("{{vars.api}}/«{{var.api}}»", "`{{var.api}}`: unknown placeholder `var`", "Did you mean `vars`?"),
        ("{{vars.api}}/«{{api}}»", "`{{api}}`: a placeholder has a dot", "{{vars.x}}"),
        ("{{vars.api}}/«{{probe.status}}»", "`{{probe.status}}`: it does not say what of the answer is wanted", "{{probe.ID.EXPR}}"),
        ("{{vars.api}}/«{{deploy.best}}»", "`{{deploy.best}}`: the deploy record has `current` and `last-known-good`", ""),
        ("{{vars.api}}/«{{incident.id}}»", "`{{incident.id}}`: of the incident only `number` can be filled in", ""),
        ("{{vars.api}}/«{{»vars.api", "a placeholder is never closed", "}}"),
        (
            "{{vars.api}}/{{probe.status.«lenght»(body)}}",
            "`{{probe.status.lenght(body)}}`: unknown function `lenght`",
            "Did you mean `length`?",
        ),
        (
            "{{vars.api}}/{{probe.status.«age»(body.t)}}",
            "`{{probe.status.age(body.t)}}`: `age` cannot stand in a placeholder: its value changes while one looks",
            "",
        ),
    ] {
        let (text, place) = unmark(&skeleton(HEADER, &fenced("probe", &http(url))));
        let found = parse(&text).diagnostics;
        assert_eq!(found.len(), 1, "{}", shown(&text));
        assert_eq!(Some((found[0].line, found[0].col)), place.map(|p| (p.0, p.1)), "{}", shown(&text));
        assert_eq!(found[0].message, message);
        assert!(found[0].hint.clone().unwrap_or_default().contains(hint), "{found:?}");
    }
}

#[test]
fn placeholders_are_for_a_kinds_own_keys_only() {
    let message = "a placeholder in an expression";
    refused("expect = [\"status == «{{»vars.api}}\"]", message, "in a kind's own keys only");
    refused("show = \"body[«{{»vars.api}}]\"", message, "in a kind's own keys only");
    refused("[readings]\na = \"«{{»vars.api}}\"", message, "in a kind's own keys only");
    errors("escalate", &[("id = \"x\"\nto = \"ANA\"\nwhen = \"max(errors, 1h) > «{{»vars.api}}\"", message, "in a kind's own keys only")]);
}

#[test]
fn placeholders_deep_in_a_value_are_checked_too() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n[headers]\nX = \"«{{vars.apu}}»\"",
                "unknown variable `apu`",
                "`api`",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = \"POST\"\nread-only = true\nbody = { a = [{ b = \"«{{vars.apu}}»\" }] }",
                "unknown variable `apu`",
                "`api`",
            ),
        ],
    );
    errors(
        "action",
        &[(
            "id = \"x\"\nkind = \"manual\"\ntext = \"Stop «{{vars.apu}}».\"\napprove = { from = [\"ANA\"] }",
            "unknown variable `apu`",
            "`api`",
        )],
    );
}
