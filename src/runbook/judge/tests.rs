use serde_json::{Map, json};

use super::*;
use crate::runbook::expect::{check_expr, compile};
use crate::runbook::model::ProbeSource;
use Verdict::{Met, Unknown, Unmet};

fn probe(expect: &[&str]) -> Probe {
    Probe {
        id: "status".to_owned(),
        step: Some(1),
        line: 1,
        source: ProbeSource::Ask { kind: "http".to_owned(), params: Map::new() },
        timeout_ms: 10_000,
        unmet_on: Vec::new(),
        expect: expect.iter().map(|e| compile(e).unwrap()).collect(),
        require: Vec::new(),
        readings: Vec::new(),
        select: Vec::new(),
        show: None,
        region: None,
    }
}

fn look(result: &Value) -> Look<'_> {
    let at = "2026-11-24T12:00:00Z".parse().unwrap();
    Look { outcome: Outcome::Answered, reason: None, result: Some(result), truncated: false, at, others_answered: true, doubt: None }
}

fn named(parts: &[(&str, &str)]) -> Vec<(String, Expr)> {
    parts.iter().map(|(n, e)| ((*n).to_owned(), check_expr(e).unwrap())).collect()
}

#[test]
fn several_expectations_make_one_verdict() {
    let r = json!({"status": 200, "body": {"ok": true}});
    for (expect, verdict) in [
        (&["status == 200", "body.ok == true"][..], Some(Met)),
        (&["status == 500", "body.none == 1"], Some(Unmet)),
        (&["status == 200", "body.none == 1"], Some(Unknown)),
        (&[], None),
    ] {
        assert_eq!(judge(&probe(expect), &look(&r)).verdict, verdict, "{expect:?}");
    }
}

#[test]
fn a_symptom_counts_only_when_somebody_else_was_answered() {
    let mut p = probe(&["status == 200"]);
    p.unmet_on = vec![Outcome::Timeout];
    let mut l = Look { outcome: Outcome::Timeout, result: None, ..look(&Value::Null) };
    let j = judge(&p, &l);
    assert_eq!((j.verdict, j.observed.as_str(), j.usable), (Some(Unmet), "no answer within 10 s", false));
    assert_eq!(j.expectations[0].verdict, Unknown);
    l.others_answered = false;
    let j = judge(&p, &l);
    assert_eq!(j.verdict, Some(Unknown));
    assert!(j.observed.contains("our own network"));
    l.others_answered = true;
    l.doubt = Some("wrong account");
    assert_eq!(judge(&p, &l).verdict, Some(Unknown));
    l.doubt = None;
    l.outcome = Outcome::Unreachable;
    l.reason = Some("connection refused\nby host");
    let j = judge(&p, &l);
    assert_eq!((j.verdict, j.observed.as_str()), (Some(Unknown), "unreachable: connection refused by host"));
}

#[test]
fn every_way_of_not_getting_an_answer_is_unknown() {
    for (outcome, _) in Outcome::ALL {
        let j = judge(&probe(&[]), &Look { outcome, result: None, ..look(&Value::Null) });
        assert_eq!((j.verdict, j.usable, j.result), (Some(Unknown), false, None), "{outcome}");
        assert!(!j.observed.is_empty());
    }
    let partial = json!({"status": 200});
    let j = judge(&probe(&["status == 200"]), &Look { outcome: Outcome::TooLarge, ..look(&partial) });
    assert_eq!(j.verdict, Some(Unknown));
}

#[test]
fn a_doubt_makes_everything_unknown() {
    let r = json!({"status": 200, "n": 1});
    let mut p = probe(&["status == 200"]);
    p.readings = named(&[("n", "n")]);
    let j = judge(&p, &Look { doubt: Some("wrong account: 1 answered, 2 expected"), ..look(&r) });
    assert_eq!((j.verdict, j.usable, j.readings.len()), (Some(Unknown), false, 0));
    assert_eq!(j.observed, "wrong account: 1 answered, 2 expected");
    assert_eq!(j.expectations[0].because.as_deref(), Some("wrong account: 1 answered, 2 expected"));
}

#[test]
fn no_datapoints_are_no_data_before_any_expression() {
    let mut p = probe(&["sum == 0"]);
    p.readings = named(&[("errors", "sum")]);
    for points in [json!([]), json!([{"t": "x", "value": null}])] {
        let r = json!({"datapoints": points, "sum": 0, "available": ["Bounce", "Send"]});
        let j = judge(&p, &look(&r));
        assert_eq!((j.verdict, j.readings.len(), j.usable), (Some(Unknown), 0, false));
        assert_eq!(j.observed, "no data; metrics that exist: Bounce, Send");
    }
    let r = json!({"datapoints": [{"t": "x", "value": null}, {"t": "y", "value": 0}], "sum": 0});
    assert_eq!(judge(&p, &look(&r)).verdict, Some(Met));
}

#[test]
fn what_does_not_reach_far_enough_proves_nothing() {
    let mut p = probe(&["length(pulses) > 0"]);
    p.select = named(&[("pulses", "body.entries[?kind == 'pulse']")]);
    p.require = vec![compile("age(body.entries[-1].t) >= 24h").unwrap()];
    p.readings = named(&[("pulses", "length(pulses)")]);
    let r = json!({"body": {"entries": [{"kind": "pulse", "t": "2026-11-24T11:00:00Z"}, {"kind": "x", "t": "2026-11-24T09:00:00Z"}]}});
    let j = judge(&p, &look(&r));
    assert_eq!((j.verdict, j.readings.len(), j.usable), (Some(Unknown), 0, false));
    assert!(j.observed.contains("body.entries[-1].t is 3h old, expected at least 1d"), "{}", j.observed);
    let r = json!({"body": {"entries": [{"kind": "pulse", "t": "2026-11-24T11:00:00Z"}, {"kind": "x", "t": "2026-11-23T12:00:00Z"}]}});
    let j = judge(&p, &look(&r));
    assert_eq!((j.verdict, j.readings.clone()), (Some(Met), vec![("pulses".to_owned(), 1.0)]));
    let j = judge(&p, &look(&json!({"body": {"entries": []}})));
    assert_eq!(j.verdict, Some(Unknown));
}

#[test]
fn selected_parts_stand_beside_the_answer() {
    let mut p = probe(&["first.n == 1"]);
    p.select = named(&[("first", "body.list[0]"), ("total", "sum(body.list[].n)"), ("bad", "sum(body)")]);
    p.show = Some(check_expr("[first.n, total]").unwrap());
    let r = json!({"status": 200, "body": {"list": [{"n": 1}, {"n": 2}]}});
    let j = judge(&p, &look(&r));
    assert_eq!(j.verdict, Some(Met));
    let merged = j.result.unwrap();
    assert_eq!((&merged["first"], &merged["bad"], &merged["status"]), (&json!({"n": 1}), &Value::Null, &json!(200)));
    assert_eq!(merged["total"].as_f64(), Some(3.0));
    assert_eq!(j.shown.as_array().map(Vec::len), Some(2));
    // Cut: the total may still change, so it is shown but nothing is built on it.
    let j = judge(&p, &Look { truncated: true, ..look(&r) });
    assert_eq!(j.result.unwrap()["total"], Value::Null);
    assert_eq!(j.shown[1].as_f64(), Some(3.0));
    assert_eq!(j.verdict, Some(Met));
}

#[test]
fn a_reading_is_a_number_that_is_there() {
    let mut p = probe(&[]);
    p.readings = named(&[("a", "a"), ("b", "b"), ("c", "c"), ("d", "d.e"), ("n", "length(list)")]);
    let r = json!({"a": 1, "b": "2", "c": null, "list": [1, 2], "d": true});
    assert_eq!(judge(&p, &look(&r)).readings, [("a".to_owned(), 1.0), ("n".to_owned(), 2.0)]);
    assert_eq!(judge(&p, &Look { truncated: true, ..look(&r) }).readings, [("a".to_owned(), 1.0)]);
}

#[test]
fn the_line_for_people() {
    let r = json!({
        "status": 502, "events": [1, 2], "none": [], "text": "a\nb\u{1b}[31m", "t": "2026-11-23T09:00:00Z", "long": "x".repeat(500),
        "drifted": true, "Name": "prod", "FunctionVersion": "42", "current": "41", "body": {"entries": [1]},
    });
    let cases: &[(&[&str], &str)] = &[
        (&["status == 200"], "502, expected 200"),
        (&["status == 502"], "502"),
        (&["status < 500"], "502, expected less than 500"),
        (&["length(events) == `0`"], "2 events in 15m, expected none"),
        (&["length(none) == 0"], "no none in 15m"),
        (&["length(none) > 0"], "no none in 15m, expected some"),
        (&["length(body.entries[?@ == `1`]) > 3"], "1 entry in 15m, expected more than 3"),
        (&["body.x == 1"], "body.x is missing, expected 1"),
        (&["text == 'c'"], "text is a b [31m, expected c"),
        (&["text == 1"], "text == 1: text, compared with a number"),
        (&["age(t) < 24h"], "t is 1d 3h old, expected less than 1d"),
        (&["drifted == false"], "prod -> 42, the deploy record says 41"),
        (&["!drifted"], "not so: !drifted"),
        (&["status == 200", "length(events) == 0"], "502, expected 200; 2 events in 15m, expected none"),
        (&["status == 200", "status == 201", "status == 202"], "502, expected 200; 2 more unmet"),
        (&["status == 502", "drifted == true"], "502, drifted true"),
        (&[], "status 502"),
    ];
    for (expect, wanted) in cases {
        let mut p = probe(expect);
        let params = Map::from_iter([("since".to_owned(), json!("15m"))]);
        p.source = ProbeSource::Ask { kind: "aws.logs.filter".to_owned(), params };
        assert_eq!(judge(&p, &look(&r)).observed, *wanted, "{expect:?}");
    }
    let long = judge(&probe(&["long == 'y'", "text == 'c'"]), &look(&r)).observed;
    assert!(long.chars().count() <= 160 && !long.contains(char::is_control), "{long}");
    assert_eq!(judge(&probe(&[]), &look(&json!({"answer": "yes", "note": null}))).observed, "yes");
    assert_eq!(judge(&probe(&[]), &look(&json!({"x": 1}))).observed, "seen");
}
