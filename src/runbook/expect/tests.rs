use serde_json::{Value, json};

use super::*;
use crate::record::time::Timestamp;
use crate::record::verdict::Verdict::{self, Met, Unknown, Unmet};

fn at() -> Timestamp {
    "2026-11-24T12:00:00Z".parse().unwrap()
}

fn check(text: &str, result: &Value) -> (Verdict, Value, Option<String>) {
    let e = compile(text).unwrap_or_else(|f| panic!("{text}: {f:?}"));
    let c = Subject::new(result, Some(at()), false).check(&e);
    assert_eq!(c.text, text.trim());
    assert_eq!(c.verdict == Unknown, c.because.is_some(), "{text}: an unknown says why, and only an unknown");
    (c.verdict, c.actual, c.because)
}

fn verdict(text: &str, result: &Value) -> Verdict {
    check(text, result).0
}

fn cut(text: &str, result: &Value) -> Verdict {
    Subject::new(result, Some(at()), true).check(&compile(text).unwrap()).verdict
}

fn parts(text: &str) -> (String, Op, Value) {
    match compile(text).unwrap().form {
        Form::Compare { left, op, right } => (left.0, op, right),
        Form::Bool(e) => panic!("`{e:?}` is no comparison"),
    }
}

#[test]
fn the_last_comparison_at_depth_0_splits() {
    let cases = [
        ("status == 200", "status", Op::Eq, json!(200)),
        ("  a.b  !=  'x'  ", "a.b", Op::Ne, json!("x")),
        ("length(body.entries[?a == 'x']) > 3", "length(body.entries[?a == 'x'])", Op::Gt, json!(3)),
        ("\"a == b\" == true", "\"a == b\"", Op::Eq, json!(true)),
        ("x == 'a && b'", "x", Op::Eq, json!("a && b")),
        ("x == '>= 3'", "x", Op::Eq, json!(">= 3")),
        ("a == `1` == true", "a == `1`", Op::Eq, json!(true)),
        ("events | length(@) <= 2", "events | length(@)", Op::Le, json!(2)),
        ("age(t) < 24h", "age(t)", Op::Lt, json!(86_400)),
        ("elapsed < 1500ms", "elapsed", Op::Lt, json!(1.5)),
        ("body contains 'x'", "body", Op::Contains, json!("x")),
        ("contains == 1", "contains", Op::Eq, json!(1)),
        ("a.contains == 1", "a.contains", Op::Eq, json!(1)),
        ("message matches '^E[0-9]+'", "message", Op::Matches, json!("^E[0-9]+")),
        ("x == null", "x", Op::Eq, Value::Null),
        ("x == `0`", "x", Op::Eq, json!(0)),
        ("x == \"it's\"", "x", Op::Eq, json!("it's")),
        (r"x == 'it\'s'", "x", Op::Eq, json!("it's")),
        ("x == [1, 2]", "x", Op::Eq, json!([1, 2])),
        ("x == -1.5", "x", Op::Eq, json!(-1.5)),
    ];
    for (text, left, op, right) in cases {
        assert_eq!(parts(text), (left.to_owned(), op, right), "{text}");
    }
}

#[test]
fn a_boolean_at_depth_0_is_left_to_jmespath() {
    for text in [
        "status == `200` && ok",
        "!drifted",
        "a || b == `1`",
        "contains(body, 'x')",
        "SendingEnabled",
        "contains (a, 'b')",
        "a.contains",
        "matches",
    ] {
        assert_eq!(compile(text).unwrap().form, Form::Bool(Expr(text.to_owned())), "{text}");
    }
}

#[test]
fn faults_point_at_the_place_and_say_what_to_write() {
    let cases = [
        ("", 0, "there is none", ""),
        ("status = 200", 7, "`=` is not a comparison", "=="),
        ("status ==", 9, "nothing stands after", ""),
        ("== 200", 0, "nothing stands before `==`", ""),
        ("status == OK", 10, "`OK` is not a literal", "'text'"),
        ("lenght(x) > 1", 0, "unknown function `lenght`", "`length`"),
        ("  lenght(x) > 1", 2, "unknown function `lenght`", "`length`"),
        ("a && lenght(x) > `1`", 5, "unknown function `lenght`", "`length`"),
        ("length(x, y) > 1", 0, "`length` takes one argument, not 2", ""),
        ("sub(x) > 1", 0, "`sub` takes 2 arguments, not 1", ""),
        ("not_null() == 1", 0, "`not_null` takes at least 1 argument, not 0", ""),
        ("sort_by(x, y)[0] == 1", 0, "argument 2 of `sort_by` has to be an `&expression`", ""),
        ("x == 9007199254740993", 5, "above 2^53", "text"),
        ("x == 99999999999999999999", 5, "above 2^53", ""),
        ("x == [1, [9007199254740993]]", 5, "above 2^53", "text"),
        ("x == {\"a\": -9007199254740993}", 5, "above 2^53", "text"),
        ("x == 1e17", 5, "above 2^53", "text"),
        ("a && x == `-9007199254740993`", 10, "above 2^53", ""),
        ("x[0 == 1", 1, "`[` is never closed", ""),
        ("x] == 1", 1, "`]` closes nothing", ""),
        ("x == 'a", 5, "a quote is never closed", ""),
        ("x == \"a", 5, "a double quote is never closed", ""),
        ("x == `1", 5, "a backtick is never closed", ""),
        (r"x == 'a\'", 5, "a quote is never closed", ""),
        ("t < '2026-01-01T00:00:00Z'", 4, "compares numbers", "age(x)"),
        ("x matches '('", 10, "not a regular expression", ""),
        ("x matches 3", 10, "takes a regular expression", ""),
        ("x == 200 && y", 5, "not JMESPath: this is not expected here", "backticks"),
        ("!x == 200", 6, "not JMESPath", "backticks"),
        ("x || y == 200", 10, "not JMESPath", "backticks"),
        ("x && y == 200", 10, "not JMESPath", "backticks"),
        ("x and y", 2, "not JMESPath", "`&&`"),
        ("x or y", 2, "not JMESPath", "`&&`"),
        ("not x", 4, "not JMESPath", "`!`"),
        ("x && not y", 9, "not JMESPath", "`!`"),
        ("x && y contains 'z'", 7, "not JMESPath: this is not expected here", "contains(list, 'x')"),
        ("x && y matches 'z'", 7, "not JMESPath: this is not expected here", "`matches` stands alone"),
        ("x &&", 4, "not JMESPath: it ends too early", ""),
        ("x[", 1, "never closed", ""),
        ("x & y", 2, "not JMESPath: this is not expected here", ""),
        ("x &(y", 3, "`(` is never closed", ""),
        ("x[::0] == 1", 1, "step 0", ""),
        ("x[0:2147483647] == 1", 1, "reaches beyond", ""),
        ("x[0:1000001] == 1", 1, "a slice reaches beyond 1000000", ""),
        ("x[-1000001:] == 1", 1, "a slice reaches beyond 1000000", ""),
        ("x[::1000001] == 1", 1, "a slice reaches beyond 1000000", ""),
        ("x[1000001] == 1", 1, "an index reaches beyond 1000000", ""),
        ("x[-1000001] == 1", 1, "an index reaches beyond 1000000", ""),
    ];
    for (text, offset, message, hint) in cases {
        let f = compile(text).expect_err(text);
        assert!(f.message.contains(message), "{text}: {f:?}");
        assert!(f.hint.clone().unwrap_or_default().contains(hint), "{text}: {f:?}");
        if !text.starts_with("x[") {
            assert_eq!(f.offset, offset, "{text}: {f:?}");
        }
    }
    assert!(compile(&"(".repeat(60)).unwrap_err().message.contains("deeper"));
    assert!(compile(&format!("{} == 1", "a".repeat(EXPR_MAX))).unwrap_err().message.contains("longer"));
    assert!(check_expr("a = b").unwrap_err().hint.unwrap().contains("=="));
    for within in ["x[1000000] == 1", "x[-1000000] == 1", "x[-1000000:1000000:1000000] == `[]`"] {
        assert!(compile(within).is_ok(), "{within}");
    }
    for exact in ["x == 9007199254740992", "x == -9007199254740992", "x == 9007199254740992.0"] {
        assert!(compile(exact).is_ok(), "{exact}");
    }
    assert_eq!(check_expr(" a.b[?c == 'd'] ").unwrap(), Expr("a.b[?c == 'd']".to_owned()));
}

#[test]
fn what_is_missing_or_of_another_type_is_unknown() {
    let r = json!({"status": 200, "text": "200", "nothing": null, "list": [1], "big": 9_007_199_254_740_993_u64});
    let cases = [
        ("status == 200", Met),
        ("status == 200.0", Met),
        ("status != 200", Unmet),
        ("status >= 200", Met),
        ("missing == 200", Unknown),
        ("missing != 200", Unknown),
        ("nothing != 200", Unknown),
        ("missing > 1", Unknown),
        ("missing contains 'x'", Unknown),
        ("missing matches 'x'", Unknown),
        ("missing == null", Met),
        ("missing != null", Unmet),
        ("status == null", Unmet),
        ("status != null", Met),
        ("text == 200", Unknown),
        ("text != 200", Unknown),
        ("text > 1", Unknown),
        ("status contains 'x'", Unknown),
        ("status matches '2'", Unknown),
        ("list contains 1", Met),
        ("list contains 2", Unmet),
        ("text contains '0'", Met),
        ("@ contains 'status'", Met),
        ("text matches '^2..$'", Met),
        ("sum(text) > 1", Unknown),
        ("length(missing) > 1", Unknown),
        ("big == 9007199254740992", Unmet),
    ];
    for (text, wanted) in cases {
        assert_eq!(verdict(text, &r), wanted, "{text}");
    }
    assert_eq!(check("missing == 200", &r).2.as_deref(), Some("missing"));
    assert_eq!(check("text == 200", &r).2.as_deref(), Some("text, compared with a number"));
}

#[test]
fn lists_and_objects_are_equal_when_all_that_is_in_them_is() {
    let r = json!({"codes": [200, 404], "nested": [[1], [2]], "tags": {"a": 1, "b": [2]}});
    let cases = [
        ("codes == [200.0, 404]", Met),
        ("codes == [200, 405]", Unmet),
        ("codes == [404, 200]", Unmet),
        ("codes == [200]", Unmet),
        ("codes == [200, 404, 500]", Unmet),
        ("nested contains [2.0]", Met),
        ("nested contains [3]", Unmet),
        ("nested contains []", Unmet),
        (r#"tags == {"b": [2.0], "a": 1.0}"#, Met),
        (r#"tags == {"a": 1, "b": [3]}"#, Unmet),
        (r#"tags == {"a": 1, "c": [2]}"#, Unmet),
        (r#"tags == {"a": 1}"#, Unmet),
        (r#"tags == {"a": 1, "b": [2], "c": 3}"#, Unmet),
    ];
    for (text, wanted) in cases {
        assert_eq!(verdict(text, &r), wanted, "{text}");
    }
}

#[test]
fn a_bare_boolean_is_three_valued() {
    let r = json!({"yes": true, "no": false, "n": 5, "s": "x", "nothing": null, "list": []});
    let cases = [
        ("yes", Met),
        ("no", Unmet),
        ("!no", Met),
        ("missing", Unknown),
        ("!missing", Unknown),
        ("s", Unknown),
        ("list", Unknown),
        ("n == `5` && yes", Met),
        ("missing != `200` && yes", Unknown),
        ("missing != `200` && no", Unmet),
        ("no && missing != `200`", Unmet),
        ("missing != `200` || yes", Met),
        ("missing == `200` || no", Unknown),
        ("!(missing == `200`)", Unknown),
        ("missing == `null` && yes", Met),
        ("`null` == missing && yes", Met),
        ("missing == nothing && yes", Unknown),
        ("n == s && yes", Unknown),
        ("n != s && yes", Unknown),
        ("n > `4` && n < `6`", Met),
        ("s > `4` && yes", Unknown),
        ("contains(missing, 'x') || yes", Met),
        ("contains(missing, 'x') && yes", Unknown),
        ("(missing != `1`) == true", Unknown),
        ("(n != `1`) == true", Met),
        ("(missing || `7`) == 7", Met),
        ("(!(missing == `1`)) == true", Unknown),
        ("(missing == `1` || no == `true`) == false", Unknown),
        ("(missing == `1` && yes == `true`) == false", Unknown),
        ("(nothing == `null` && n) == 5", Met),
        ("(n && nothing == `null`) == true", Met),
    ];
    for (text, wanted) in cases {
        assert_eq!(verdict(text, &r), wanted, "{text}");
    }
    assert_eq!(check("missing != `200` && yes", &r).2.as_deref(), Some("`missing` is missing"));
    assert_eq!(check("s && yes", &r).2.as_deref(), Some("`s` is text, neither true nor false"));
    for (text, because) in [
        ("list[3] != `200` && yes", "`list[3]` is missing"),
        ("nothing.x[0].y != `200` && yes", "`nothing.x[0].y` is missing"),
        ("sub(n, nothing) > `1` && yes", "`sub(n, nothing)` is missing"),
        ("sub(n, `null`) > `1` && yes", "`sub(…)` is missing"),
        ("[n, missing][1] != `1` && yes", "a value is missing"),
        ("length(missing) > `1` && yes", "argument 1 of a function is missing, array|object|string wanted"),
        ("sum(s) > `1` && yes", "argument 1 of a function is string, array[number] wanted"),
    ] {
        assert_eq!(check(text, &r).2.as_deref(), Some(because), "{text}");
    }
}

#[test]
fn age_counts_back_from_the_observation() {
    let r = json!({
        "iso": "2026-11-24T11:59:00Z", "offset": "2026-11-24T13:00:00+02:00", "aws": "2026-11-24T11:59:30.000+0000",
        "s": 1_795_521_600, "ms": 1_795_521_590_000_i64, "bad": "yesterday", "nothing": null, "first": 100_000_000_000_i64,
        "list": [{"t": "2026-11-24T11:00:00Z"}, {"x": 1}, {"t": "2026-11-23T11:00:00Z"}],
    });
    assert_eq!(check("age(iso) == 60", &r).0, Met);
    assert_eq!(check("age(offset) == 1h", &r).0, Met);
    assert_eq!(check("age(aws) == 30s", &r).0, Met);
    assert_eq!(check("age(s) == 0", &r), (Met, json!(0), None));
    assert_eq!(check("age(ms) == 10", &r).0, Met);
    assert_eq!(check("age(first) > 0", &r).0, Met, "from here on it counts milliseconds: 1973, not 5138");
    assert_eq!(check("age(bad) < 24h", &r).0, Unknown);
    assert_eq!(check("age(nothing) < 24h", &r).2.as_deref(), Some("missing"));
    assert_eq!(check("length(list[?age(t) < `86400`]) == 1", &r).0, Met);
    let no_time = Subject::new(&r, None, false).check(&compile("age(iso) < 1h").unwrap());
    assert_eq!(no_time.verdict, Unknown);
}

#[test]
fn an_expression_may_be_as_long_and_as_deep_as_that_and_no_more() {
    let long = |n: usize| compile(&format!("x == '{}'", "a".repeat(n - "x == ''".len())));
    assert!(long(EXPR_MAX).is_ok());
    assert!(long(EXPR_MAX + 1).unwrap_err().message.contains("is longer than"));
    let deep = |n: usize| compile(&format!("{}x{} == `1`", "(".repeat(n), ")".repeat(n)));
    assert!(deep(48).is_ok(), "{:?}", deep(48));
    assert!(deep(49).unwrap_err().message.contains("nest deeper than 48"));
}

#[test]
fn sub_and_lower_pass_null_on() {
    let r = json!({"a": 10, "b": 4.5, "s": "ÄB", "nothing": null, "large": 9_007_199_254_740_994.0});
    assert_eq!(check("sub(a, b) == 5.5", &r).0, Met);
    assert_eq!(check("sub(a, a) == 0", &r).1, json!(0));
    assert_eq!(check("sub(large, b) > 0", &r).1, json!(9_007_199_254_740_990_i64), "a whole number is shown as one");
    assert_eq!(check("sub(large, `2.0`) > 0", &r).1, json!(9_007_199_254_740_992.0), "as far as each has its own");
    assert_eq!(check("sub(a, nothing) > 0", &r).2.as_deref(), Some("missing"));
    assert_eq!(check("sub(nothing, a) > 0", &r).2.as_deref(), Some("missing"));
    assert_eq!(verdict("sub(a, s) > 0", &r), Unknown);
    assert_eq!(verdict("lower(s) == 'äb'", &r), Met);
    assert_eq!(check("lower(nothing) == 'äb'", &r).2.as_deref(), Some("missing"));
    assert_eq!(verdict("lower(a) == 'x'", &r), Unknown);
}

#[test]
fn a_cut_answer_proves_what_more_items_could_not_undo() {
    let r = json!({
        "status": 200, "ok": true, "events": [{"k": "a", "t": 3}, {"k": "b", "t": 2}], "names": ["x", "y"], "numbers": [1, 9],
    });
    let cases = [
        ("status == 200", Met),
        ("status == 500", Unmet),
        ("length(events) > 1", Met),
        ("length(events) >= 2", Met),
        ("length(events) > 5", Unknown),
        ("length(events) == 0", Unmet),
        ("length(events) == 2", Unknown),
        ("length(events) == 3", Unknown),
        ("length(events) != 1", Met),
        ("length(events) != 3", Unknown),
        ("length(events) < 2", Unmet),
        ("length(events) < 3", Unknown),
        ("length(events[?k == 'a']) > 0", Met),
        ("length(events[?k == 'c']) == 0", Unknown),
        ("events[0].k == 'a'", Met),
        ("events[?k == 'b'] | [0].t == 2", Met),
        ("events[-1].k == 'b'", Unknown),
        ("events[5].k == null", Unknown),
        ("names contains 'x'", Met),
        ("names contains 'z'", Unknown),
        ("contains(names, 'x')", Met),
        ("contains(names, 'z')", Unknown),
        ("max(numbers) > 5", Met),
        ("max(numbers) < 10", Unknown),
        ("sum(numbers) > 5", Unknown),
        ("min(numbers) < 5", Unknown),
        ("sort(numbers)[0] == 1", Unknown),
        ("missing == null", Unknown),
        ("names == ['x','y']", Unknown),
        ("length(events) > `1` && ok", Met),
        ("length(events) < `3` && ok", Unknown),
        ("length(events) < `3` || ok", Met),
        ("`1` < length(events) && ok", Met),
        ("(length(events) > `1`) == true", Met),
        ("lower(names[0]) == 'x'", Met),
        ("(length(events) < `3` && ok) == true", Unknown),
        ("(ok && length(events) < `3`) == true", Unknown),
        ("(names[0] && names[1]) == 'y'", Met),
        ("length(map(&k, events)) > `1`", Met),
        ("length(events[:1]) == 1", Unknown),
        ("length(events[:1]) > `0`", Met),
        ("length(events[0:1]) > `0`", Met),
        ("length(events[-1:]) > `0`", Unknown),
        ("length(events[:-1]) > `0`", Unknown),
        ("length(events[0:-1]) > `0`", Unknown),
        ("length(events[-2:2]) > `0`", Unknown),
        ("length(events[::-1]) > `0`", Unknown),
    ];
    for (text, wanted) in cases {
        if let Ok(e) = compile(text) {
            let c = Subject::new(&r, Some(at()), true).check(&e);
            assert_eq!(c.verdict, wanted, "{text}: {c:?}");
        } else {
            assert_eq!(text, "names == ['x','y']");
        }
    }
    assert_eq!(cut("names == [\"x\", \"y\"]", &r), Unknown);
}

#[test]
fn what_is_probably_not_meant_is_warned_of() {
    let cases = [
        ("length(e[?contains(kind, 'cert')]) > 0", "`contains` fails on an element"),
        ("length(e[?contains(lower(kind), 'cert')]) > 0", "`contains` fails on an element"),
        ("length(e[?starts_with(kind, 'c')]) > 0", "`starts_with` fails"),
        ("length(e[?kind && contains(name, 'cert')]) > 0", "`contains` fails on an element"),
        ("length(e[?contains(kind, 'cert') && kind]) > 0", "`contains` fails on an element"),
        ("length(e[?t > '2026-01-01T00:00:00Z']) > 0", "has no order"),
        ("length(e[?kind == \"cert\"]) > 0", "names a field"),
    ];
    for (text, wanted) in cases {
        let w = warnings(&compile(text).unwrap());
        assert_eq!(w.len(), 1, "{text}: {w:?}");
        assert!(w[0].message.contains(wanted), "{text}: {w:?}");
        assert!(w[0].hint.is_some());
    }
    for text in [
        "length(e[?contains(not_null(kind, ''), 'cert')]) > 0",
        "length(e[?kind && contains(kind, 'cert')]) > 0",
        "length(e[?kind && contains(lower(kind), 'cert')]) > 0",
        "length(e[?type(kind) == 'string' && contains(kind, 'cert')]) > 0",
        "contains(names, 'x')",
        "length(e[?\"odd name\".x == 'y']) > 0",
    ] {
        assert_eq!(warnings(&compile(text).unwrap()), [], "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_compiler_panic(text in "[ a-c0-9.'\"`(){}\\[\\]&|!<>=@*?:,\\\\-]{0,40}") {
        if let Ok(e) = compile(&text) {
            let r = json!({"a": [1, {"b": "c"}], "b": {"c": null}, "c": "x"});
            for truncated in [false, true] {
                let _ = Subject::new(&r, Some(at()), truncated).check(&e);
            }
            let _ = warnings(&e);
        }
    }
}
