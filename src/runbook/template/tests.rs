use serde_json::json;

use super::*;

fn env_of<'a>(vars: &'a BTreeMap<String, Value>, results: &'a BTreeMap<String, Value>, deploy: &'a DeployFacts) -> Env<'a> {
    Env { vars, results, deploy: Some(deploy), incident: Some(7) }
}

fn fill_in(value: &Value) -> Result<Value, Unresolved> {
    let vars = BTreeMap::from([
        ("api".to_owned(), json!("https://example.org/prod")),
        ("n".to_owned(), json!(3)),
        ("list".to_owned(), json!(["a", "b"])),
        ("sly".to_owned(), json!("{{vars.api}}")),
        ("nothing".to_owned(), Value::Null),
    ]);
    let results = BTreeMap::from([(
        "alias".to_owned(),
        json!({"FunctionVersion": "42", "running": [{"arn": "x"}, {"arn": "y"}], "odd": {"a": {"b": 1}}, "empty": null}),
    )]);
    let deploy = DeployFacts { current: Some("42".to_owned()), last_known_good: None };
    resolve_value(value, &env_of(&vars, &results, &deploy))
}

#[test]
fn a_lone_placeholder_keeps_its_type_and_longer_text_takes_scalars() {
    let cases = [
        (json!("{{vars.api}}/status"), json!("https://example.org/prod/status")),
        (json!("{{vars.n}}"), json!(3)),
        (json!("n={{vars.n}}, {{ vars.n }}"), json!("n=3, 3")),
        (json!("{{vars.list}}"), json!(["a", "b"])),
        (json!("{{probe.alias.FunctionVersion}}"), json!("42")),
        (json!("{{probe.alias.running[].arn}}"), json!(["x", "y"])),
        (json!("{{probe.alias.{a: odd.a.{b: b}}}}"), json!({"a": {"b": 1}})),
        (json!("{{probe.alias.running[?arn != '}}'].arn | [0]}}"), json!("x")),
        (json!("{{deploy.current}}"), json!("42")),
        (json!("{{incident.number}}"), json!(7)),
        (json!({"a": ["{{vars.n}}", true]}), json!({"a": [3, true]})),
        (json!("no braces }} here"), json!("no braces }} here")),
    ];
    for (text, wanted) in cases {
        assert_eq!(fill_in(&text).unwrap(), wanted, "{text}");
    }
}

#[test]
fn filled_in_text_is_never_looked_at_again() {
    assert_eq!(fill_in(&json!("{{vars.sly}}")).unwrap(), json!("{{vars.api}}"));
    assert_eq!(fill_in(&json!("<{{vars.sly}}>")).unwrap(), json!("<{{vars.api}}>"));
}

#[test]
fn what_cannot_be_filled_in_is_named_with_the_reason() {
    let cases = [
        ("{{vars.missing}}", "variable `missing` is not set"),
        ("{{vars.nothing}}", "missing in the answer"),
        ("{{probe.none.x}}", "probe `none` has no answer"),
        ("{{probe.alias.nope}}", "missing in the answer"),
        ("{{probe.alias.empty}}", "missing in the answer"),
        ("x {{vars.list}}", "list or an object"),
        ("{{deploy.last-known-good}}", "no good version"),
        ("{{probe.alias.sum(FunctionVersion)}}", "argument 1"),
    ];
    for (text, because) in cases {
        let e = fill_in(&json!(text)).expect_err(text);
        assert!(e.because.contains(because), "{text}: {e}");
        assert!(text.contains(&e.placeholder), "{text}: {e}");
    }
}

#[test]
fn bad_placeholders_are_all_found_and_good_ones_too() {
    let value = json!(["{{vars.a}} {{var.b}}", "{{probe.x}}", "{{probe.x.lenght(a)}}", {"k": "{{deploy.best}} {{open"}, "{{probe.p.age(t)}}", "{{plain}}"]);
    let found = placeholders(&value);
    let faults: Vec<_> = found.iter().filter_map(|r| r.as_ref().err()).collect();
    assert_eq!(found.iter().filter(|r| r.is_ok()).count(), 1);
    let wanted = [
        (11, "unknown placeholder `var`", "`vars`"),
        (0, "does not say what of the answer", "EXPR"),
        (10, "unknown function `lenght`", "`length`"),
        (0, "`current` and `last-known-good`", ""),
        (16, "never closed", "}}"),
        (10, "`age` cannot stand", ""),
        (0, "has a dot", "{{vars.x}}"),
    ];
    assert_eq!(faults.len(), wanted.len(), "{faults:?}");
    for (f, (offset, message, hint)) in faults.iter().zip(wanted) {
        assert!(f.offset == offset && f.message.contains(message), "{f:?}");
        assert!(f.hint.clone().unwrap_or_default().contains(hint), "{f:?}");
    }
}

#[test]
fn dependencies_come_from_placeholders_and_from() {
    let mut probe = Probe {
        id: "x".to_owned(),
        step: None,
        line: 1,
        source: ProbeSource::From("status".to_owned()),
        timeout_ms: 1000,
        unmet_on: Vec::new(),
        expect: Vec::new(),
        require: Vec::new(),
        readings: Vec::new(),
        select: Vec::new(),
        show: None,
        region: None,
    };
    assert_eq!(dependencies(&probe), ["status"]);
    let params = json!({"a": "{{probe.one.x}} {{vars.y}}", "b": {"c": ["{{probe.two.y}}", "{{probe.one.z}}"]}});
    let Value::Object(params) = params else { unreachable!() };
    probe.source = ProbeSource::Ask { kind: "http".to_owned(), params };
    assert_eq!(dependencies(&probe), ["one", "two"]);
}
