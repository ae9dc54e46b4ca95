use super::*;
use crate::record::verdict::{Outcome, Verdict};
use crate::runbook::model::{Condition, Op, WindowFn};

fn when(condition: &str) -> String {
    format!("id = \"x\"\nto = \"ANA\"\nwhen = {condition}")
}

fn read(condition: &str) -> Condition {
    let r = with("escalate", &when(condition));
    match r.escalates.into_iter().next().unwrap().trigger {
        crate::runbook::model::Trigger::When(c) => c,
        other => panic!("{other:?}"),
    }
}

fn refused(condition: &str, message: &str, hint: &str) {
    expect_one(&skeleton(HEADER, &fenced("escalate", &when(condition))), Severity::Error, message, hint);
}

#[test]
fn every_form_is_read() {
    let status = || "status".to_owned();
    assert!(
        matches!(read("{ probe = \"status\", if = \"status != 200\" }"), Condition::If { probe, test } if probe == "status" && test.text == "status != 200")
    );
    assert_eq!(
        read("{ probe = \"status\", outcome = [\"timeout\", \"answered\"] }"),
        Condition::Outcome { probe: status(), any: vec![Outcome::Timeout, Outcome::Answered] }
    );
    for (word, is) in [("met", Verdict::Met), ("unmet", Verdict::Unmet), ("unknown", Verdict::Unknown)] {
        assert_eq!(read(&format!("{{ probe = \"status\", verdict = \"{word}\" }}")), Condition::Verdict { probe: status(), is });
    }
    assert_eq!(read("{ decided = \"way\", branch = \"a\" }"), Condition::Decided { id: "way".to_owned(), branch: "a".to_owned() });
    let Condition::Window(w) = read("\"increase(errors, 24h) > 10\"") else { panic!() };
    assert_eq!(
        (w.func, w.series.as_str(), w.window_ms, w.op, w.value, w.cover),
        (WindowFn::Increase, "errors", 86_400_000, Op::Gt, 10.0, None)
    );
    let Condition::Window(w) = read("{ window = \"max(errors, 1h) >= 1.5\", cover = \"50%\" }") else { panic!() };
    assert_eq!((w.op, w.value, w.cover), (Op::Ge, 1.5, Some(0.5)));
}

#[test]
fn lists_mean_all_and_nest() {
    let unmet = || Condition::Verdict { probe: "status".to_owned(), is: Verdict::Unmet };
    let one = "{ probe = \"status\", verdict = \"unmet\" }";
    assert_eq!(read(&format!("[{one}]")), unmet());
    assert_eq!(read(&format!("[{one}, {one}]")), Condition::All(vec![unmet(), unmet()]));
    assert_eq!(read(&format!("{{ any = [{one}, {{ not = {one} }}] }}")), Condition::Any(vec![unmet(), Condition::Not(Box::new(unmet()))]));
    assert_eq!(read(&format!("{{ not = [{one}, {one}] }}")), Condition::Not(Box::new(Condition::All(vec![unmet(), unmet()]))));
    let r = with("escalate", &format!("id = \"x\"\nto = \"ANA\"\nany = [{one}, {{ all = [{one}] }}]"));
    assert!(matches!(&r.escalates[0].trigger, crate::runbook::model::Trigger::When(Condition::Any(parts)) if parts.len() == 2));
}

#[test]
fn what_is_no_condition_says_how_one_looks() {
    for (condition, message, hint) in [
        ("«{}»", "not a condition", "Write a window such as"),
        ("«7»", "`when` must be a condition; this is an integer", ""),
        ("«[]»", "`when` is an empty list", ""),
        ("{ any = «[]» }", "`any` is an empty list", ""),
        ("«{ if = \"status == 200\" }»", "a condition needs `probe`", ""),
        ("«{ probe = \"status\" }»", "nothing is said about the probe `status`", "`verdict = \"unmet\"`"),
        (
            "«{ probe = \"status\", if = \"status == 200\", verdict = \"met\" }»",
            "only one of `if`, `outcome` and `verdict` in one condition",
            "two conditions in a list",
        ),
        ("{ probe = \"status\", verdict = «\"unmett\"» }", "unknown verdict `unmett`", "Did you mean `unmet`?"),
        ("{ probe = \"status\", outcome = [«\"timed-out\"»] }", "unknown outcome `timed-out`", "Did you mean `timeout`?"),
        (
            "{ probe = \"silent\", verdict = «\"unmet\"» }",
            "`silent` expects nothing, so it never comes to a verdict",
            "Give `silent` an `expect`",
        ),
        (
            "{ probe = \"status\", verdict = \"unmet\", «cover» = \"50%\" }",
            "unknown key `cover` in a condition",
            "Known keys are `all`, `any`, `decided`, `if`",
        ),
        ("«{ decided = \"way\" }»", "a condition needs `branch`", ""),
        ("{ window = \"max(errors, 1h) > 1\", cover = «\"0%\"» }", "`0%` is not a share of a window", "from \"1%\" to \"100%\""),
        ("{ window = \"max(errors, 1h) > 1\", cover = «\"half\"» }", "`half` is not a share of a window", "may lie uncovered"),
    ] {
        refused(condition, message, hint);
    }
    errors(
        "signal",
        &[(
            "id = \"x\"\ntext = \"T\"\nwhen = { probe = \"status\", verdict = \"unmet\" }\n«any» = [{ probe = \"status\", verdict = \"met\" }]",
            "both `when` and `any`",
            "Put one of them inside the other",
        )],
    );
}

#[test]
fn windows_point_into_their_text() {
    for (condition, message, hint) in [
        ("\"«increse»(errors, 24h) > 10\"", "unknown window function `increse`", "Did you mean `increase`?"),
        ("\"increase(errors, «24») > 10\"", "`24` is no length of time", "24h"),
        ("\"increase(errors, 24h) «=» 10\"", "`=` is not a comparison", "`==`"),
        ("\"increase(errors, 24h) > «'x'»\"", "a window is compared with a number, and `\"x\"` is none", ""),
        ("\"«status» == 200\"", "not a window: `function(series, window) comparison number`", "increase(errors, 24h) > 10"),
    ] {
        let (text, place) = unmark(&skeleton(HEADER, &fenced("escalate", &when(condition))));
        let found = parse(&text).diagnostics;
        assert_eq!(found.len(), 1, "{}", shown(&text));
        assert_eq!((found[0].line, found[0].col), place.map(|p| (p.0, p.1)).unwrap(), "{}", shown(&text));
        assert_eq!(found[0].message, message);
        assert!(found[0].hint.clone().unwrap_or_default().contains(hint), "{found:?}");
    }
    warnings(
        "escalate",
        &[
            (
                "id = \"x\"\nto = \"ANA\"\nwhen = \"increase(«erors», 24h) > 10\"",
                "no probe here yields the reading `erors`",
                "Did you mean `errors`? A series of another runbook may be used.",
            ),
            (
                "id = \"x\"\nto = \"ANA\"\nwhen = \"max(«max», 24h) > 10\"",
                "no probe here yields the reading `max`",
                "A series of another runbook",
            ),
        ],
    );
}
