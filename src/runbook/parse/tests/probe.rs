use super::*;
use crate::record::verdict::Outcome;
use crate::runbook::kinds::{ACTIONS, PROBES, Shape};
use crate::runbook::model::ProbeSource;

#[test]
fn a_kind_is_one_of_those_that_exist_and_none_of_an_action() {
    errors(
        "probe",
        &[
            ("id = \"x\"\nkind = «\"htp\"»\nurl = \"https://a.example\"", "unknown kind of probe `htp`", "Did you mean `http`?"),
            (
                "id = \"x\"\nkind = «\"aws.log.filter\"»\nlog-group = \"g\"",
                "unknown kind of probe `aws.log.filter`",
                "Did you mean `aws.logs.filter`?",
            ),
            ("id = \"x\"\nkind = «\"postgres\"»", "unknown kind of probe `postgres`", "Kinds of probes are `http`,"),
            (
                "id = \"x\"\nkind = «\"manual\"»\ntext = \"T\"",
                "unknown kind of probe `manual`",
                "a kind of action; a probe changes nothing",
            ),
            ("id = \"x\"\nkind = \"ask\"\nquestion = \"?\"\n«from» = \"status\"", "both `kind` and `from`", "Keep one of them"),
        ],
    );
}

#[test]
fn a_request_that_could_change_something_must_promise_not_to() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = «\"POST\"»",
                "a probe with the method POST must promise that it changes nothing",
                "Add `read-only = true` if",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = «\"DELETE\"»\nread-only = false",
                "a probe with the method DELETE must promise that it changes nothing",
                "if it does, it is no probe",
            ),
            ("id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n«body» = { a = 1 }", "a GET request has no `body`", ""),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = \"HEAD\"\n«body» = \"x\"",
                "a HEAD request has no `body`",
                "",
            ),
        ],
    );
    with(
        "probe",
        "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = \"POST\"\nread-only = true\nbody = { a = { b = [1] } }",
    );
    with("probe", "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = \"HEAD\"");
}

#[test]
fn keys_without_a_meaning_where_they_stand() {
    errors(
        "probe",
        &[
            ("id = \"x\"\nkind = \"ask\"\nquestion = \"?\"\n«timeout» = \"5s\"", "`timeout` has no meaning here", "An `ask` never waits."),
            (
                "id = \"x\"\nkind = \"ask\"\nquestion = \"?\"\n«unmet-on» = [\"timeout\"]",
                "`unmet-on` has no meaning here",
                "An `ask` never waits.",
            ),
            ("id = \"x\"\nfrom = \"status\"\n«timeout» = \"5s\"", "`timeout` has no meaning here", "`from` only looks again"),
            ("id = \"x\"\nfrom = \"status\"\n«region» = \"us-east-1\"", "`region` has no meaning here", "`from` only looks again"),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n«region» = \"us-east-1\"",
                "`region` has no meaning here",
                "Only `aws.*` probes",
            ),
            (
                "id = \"x\"\nkind = \"ask\"\nquestion = \"?\"\nanswers = [\"a\"]\n«type» = \"text\"",
                "both `answers` and `type`",
                "Keep one of them",
            ),
        ],
    );
    errors(
        "action",
        &[(
            "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\n«region» = \"us-east-1\"\napprove = { from = [\"ANA\"] }",
            "`region` has no meaning here",
            "Only `aws.*` actions",
        )],
    );
}

#[test]
fn outcomes_that_may_be_the_symptom() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nunmet-on = [«\"time-out\"»]",
                "unknown outcome `time-out`",
                "Did you mean `timeout`?",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nunmet-on = [«\"answered\"»]",
                "unknown outcome `answered`",
                "It is one of `timeout`",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nunmet-on = [«\"skipped\"»]",
                "unknown outcome `skipped`",
                "It is one of",
            ),
        ],
    );
    let r = with(
        "probe",
        "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nunmet-on = [\"timeout\", \"unreachable\"]\ntimeout = \"1500ms\"",
    );
    let x = r.probes.last().unwrap();
    assert_eq!((x.unmet_on.as_slice(), x.timeout_ms), ([Outcome::Timeout, Outcome::Unreachable].as_slice(), 1500));
    assert_eq!(r.probes[0].timeout_ms, 10_000, "ten seconds unless stated");
}

#[test]
fn everything_a_probe_says_is_in_the_model() {
    let r = with(
        "probe",
        "id = \"x\"\nkind = \"aws.logs.filter\"\nlog-group = \"/g\"\npattern = \"ERROR\"\nsince = \"1h\"\nlimit = 7\nregion = \"eu-central-1\"\nexpect = [\"length(bad) == 0\"]\nrequire = [\"searchedAll == true\"]\nshow = \"bad[:3].message\"\n[select]\nbad = \"events[?message != 'ok']\"\n[readings]\nb = \"length(bad)\"\na = \"length(events)\"",
    );
    let x = r.probes.last().unwrap();
    let ProbeSource::Ask { kind, params } = &x.source else { panic!("{x:?}") };
    assert_eq!((kind.as_str(), x.step, x.line), ("aws.logs.filter", Some(1), 50));
    assert_eq!(
        serde_json::to_value(params).unwrap(),
        serde_json::json!({"log-group": "/g", "pattern": "ERROR", "since": "1h", "limit": 7})
    );
    assert_eq!(x.region.as_deref(), Some("eu-central-1"));
    assert_eq!((x.expect[0].text.as_str(), x.require[0].text.as_str()), ("length(bad) == 0", "searchedAll == true"));
    assert_eq!(x.readings.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), ["b", "a"], "in the file's order");
    assert_eq!(x.select[0].1.0, "events[?message != 'ok']");
}

/// A value that a shape takes, as TOML.
fn example(shape: Shape) -> String {
    match shape {
        Shape::Text => "\"text\"".to_owned(),
        Shape::Url => "\"https://a.example\"".to_owned(),
        Shape::Bool => "true".to_owned(),
        Shape::Int(low, _) => low.to_string(),
        Shape::Duration => "\"15m\"".to_owned(),
        Shape::Period => "\"5m\"".to_owned(),
        Shape::Statistic => "\"p90\"".to_owned(),
        Shape::Size => "\"64KiB\"".to_owned(),
        Shape::Choice(of) => format!("\"{}\"", of[0]),
        Shape::Choices(of) => format!("[\"{}\", \"{}\"]", of[0], of[1]),
        Shape::Texts => "[\"a\", \"b\"]".to_owned(),
        Shape::Table => "{ a = \"b\" }".to_owned(),
        Shape::Body => "{ a = 1 }".to_owned(),
        Shape::Arn(start) => format!("\"{start}aws:x\""),
        Shape::Arns(start) => format!("[\"{start}aws:x\"]"),
    }
}

#[test]
fn every_key_of_every_kind_is_read() {
    for kind in PROBES {
        let keys: Vec<_> = kind.keys.iter().filter(|k| k.name != "type" && k.name != "body").collect();
        let body: Vec<String> = keys.iter().map(|k| format!("{} = {}", k.name, example(k.shape))).collect();
        let r = with("probe", &format!("id = \"x\"\nkind = \"{}\"\n{}", kind.name, body.join("\n")));
        let ProbeSource::Ask { params, .. } = &r.probes.last().unwrap().source else { panic!("{}", kind.name) };
        assert_eq!(params.len(), keys.len(), "{}", kind.name);
    }
    for kind in ACTIONS {
        let body: Vec<String> = kind.keys.iter().map(|k| format!("{} = {}", k.name, example(k.shape))).collect();
        let r = with("action", &format!("id = \"x\"\nkind = \"{}\"\napprove = {{ from = [\"ANA\"] }}\n{}", kind.name, body.join("\n")));
        assert_eq!(r.actions.last().unwrap().params.len(), kind.keys.len(), "{}", kind.name);
    }
}

#[test]
fn a_value_with_a_placeholder_is_checked_when_it_is_filled_in() {
    let r = with("probe", "id = \"x\"\nkind = \"http\"\nurl = \"{{vars.api}}/{{probe.status.body.path}}\"\nredirects = \"{{vars.list}}\"");
    assert_eq!(r.probes.last().unwrap().id, "x");
}
