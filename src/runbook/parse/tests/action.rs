use super::*;
use crate::runbook::model::Condition;

fn action(rest: &str) -> String {
    format!(
        "id = \"x\"\nkind = \"aws.lambda.update-alias\"\nfunction = \"f\"\nalias = \"prod\"\nfrom-version = \"1\"\nto-version = \"2\"\n{rest}"
    )
}

fn refused(rest: &str, message: &str, hint: &str) {
    expect_one(&skeleton(HEADER, &fenced("action", &action(rest))), Severity::Error, message, hint);
}

#[test]
fn nothing_is_done_without_somebodys_approval() {
    let block = fenced("action", &action("")).replacen("```toml action", "«```toml action»", 1);
    expect_one(
        &skeleton(HEADER, &block),
        Severity::Error,
        "an `aws.lambda.update-alias` action needs `approve`",
        "approve = { from = [\"ID\"], expires = \"15m\" }`.",
    );
    let manual = "«```toml action»\nid = \"x\"\nkind = \"manual\"\ntext = \"T\"\n```\n";
    expect_one(&skeleton(HEADER, manual), Severity::Error, "a `manual` action needs `approve`", "or `approve = { none = true }`");
    refused("approve = { none = «true» }", "`none = true` on an action that changes something", "Only a `manual` action");
    refused("approve = «{ expires = \"15m\" }»", "`approve` needs `from`", "of whom any may approve");
    refused("approve = { from = «[]» }", "`from` is an empty list", "");
    refused("approve = { from = [\"ANA\", «\"ANA\"»] }", "`ANA` is named twice", "");
    refused("approve = { from = [\"ANA\"], min = «2» }", "2 approvals are wanted, but only 1 may approve", "");
    refused("approve = { from = [\"ANA\"], min = «0» }", "`min` must be from 1 to 100, not 0", "");
    refused("approve = «\"ANA\"»", "`approve` must be a table; this is a text", "");
    errors(
        "action",
        &[(
            "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\napprove = { none = true, «from» = [\"ANA\"] }",
            "both `none = true` and `from`",
            "",
        )],
    );
}

#[test]
fn an_approval_says_who_how_many_how_long_and_whether_oneself() {
    let r = with("action", &action("approve = { from = [\"ANA\", \"BEN\"], min = 2, expires = \"1h\", self = true }"));
    let rule = &r.actions[1].approve;
    assert_eq!(
        (rule.from.as_slice(), rule.min, rule.expires_s, rule.allow_self, rule.none),
        (&["ANA".to_owned(), "BEN".to_owned()][..], 2, 3600, true, false)
    );
    let plain = &with("action", &action("approve = { from = [\"ANA\"] }")).actions[1].approve;
    assert_eq!((plain.min, plain.expires_s, plain.allow_self), (1, 900, false));
    let none = with("action", "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\napprove = { none = true }");
    assert_eq!((none.actions[1].approve.none, none.actions[1].approve.min), (true, 0));
}

#[test]
fn breaking_the_glass_names_severities_and_a_review() {
    let approve = "approve = { from = [\"ANA\"] }\n";
    refused(&format!("{approve}break-glass = «{{ severity = [\"P0\"] }}»"), "`break-glass` needs `review-within`", "");
    refused(&format!("{approve}break-glass = «{{ review-within = \"24h\" }}»"), "`break-glass` needs `severity`", "");
    refused(
        &format!("{approve}break-glass = {{ severity = [«\"P7\"»], review-within = \"24h\" }}"),
        "unknown severity `P7`",
        "Did you mean `P0`?",
    );
    refused(
        &format!("{approve}break-glass = {{ severity = «\"P0\"», review-within = \"24h\" }}"),
        "`severity` must be a list; this is a text",
        "`severity = [\"P0\"]`",
    );
    refused(&format!("{approve}break-glass = {{ severity = «[]», review-within = \"24h\" }}"), "`severity` is an empty list", "");
    errors(
        "action",
        &[(
            "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\napprove = { none = true }\n«break-glass» = { severity = [\"P0\"], review-within = \"1h\" }",
            "`break-glass` has no meaning here",
            "no approval to go without",
        )],
    );
    let r = with("action", &action(&format!("{approve}break-glass = {{ severity = [\"P0\", \"P1\"], review-within = \"24h\" }}")));
    assert_eq!(
        (r.actions[1].break_glass.as_slice(), r.actions[1].review_within_s),
        (&["P0".to_owned(), "P1".to_owned()][..], Some(86_400))
    );
    assert!(r.actions[0].break_glass.is_empty(), "absent means forbidden");
}

#[test]
fn what_an_action_requires_is_kept_as_written_too() {
    let r = with("action", &action("approve = { from = [\"ANA\"] }\nrequires = [\n  { probe = \"status\",\n    verdict = \"unmet\" },\n  \"max(errors, 1h) > 3\",\n]").replace(",\n    verdict", ", verdict"));
    let x = &r.actions[1];
    assert_eq!(x.requires_text, ["{ probe = \"status\", verdict = \"unmet\" }", "max(errors, 1h) > 3"]);
    assert!(matches!(x.requires.as_slice(), [Condition::Verdict { .. }, Condition::Window(_)]));
    refused(
        "approve = { from = [\"ANA\"] }\nrequires = «{ probe = \"status\", verdict = \"unmet\" }»",
        "`requires` must be a list; this is a table",
        "",
    );
    refused(
        "approve = { from = [\"ANA\"] }\nrequires = [{ probe = «\"statsu\"», verdict = \"unmet\" }]",
        "unknown probe `statsu`",
        "`status`",
    );
}

#[test]
fn a_kind_is_one_of_those_that_exist_and_none_of_a_probe() {
    errors(
        "action",
        &[
            (
                "id = \"x\"\nkind = «\"manuel\"»\ntext = \"T\"\napprove = { from = [\"ANA\"] }",
                "unknown kind of action `manuel`",
                "Did you mean `manual`?",
            ),
            (
                "id = \"x\"\nkind = «\"aws.lambda.alias\"»\nfunction = \"f\"\nalias = \"a\"\napprove = { from = [\"ANA\"] }",
                "unknown kind of action `aws.lambda.alias`",
                "is a kind of probe; it changes nothing",
            ),
            (
                "id = \"x\"\nkind = «\"shell\"»\napprove = { from = [\"ANA\"] }",
                "unknown kind of action `shell`",
                "Kinds of actions are `aws.lambda.update-alias`,",
            ),
        ],
    );
}

#[test]
fn targets_are_arns() {
    errors(
        "action",
        &[
            (
                "id = \"x\"\nkind = \"aws.sfn.stop-executions\"\nstate-machine = «\"my-machine\"»\nexecutions = [\"arn:aws:x\"]\napprove = { from = [\"ANA\"] }",
                "`state-machine` must be an ARN that begins with `arn:`, not `my-machine`",
                "",
            ),
            (
                "id = \"x\"\nkind = \"aws.sfn.stop-executions\"\nstate-machine = \"arn:aws:x\"\nexecutions = «\"arn:aws:x\"»\napprove = { from = [\"ANA\"] }",
                "`executions` must be a list of ARNs that begin with `arn:`, not `arn:aws:x`",
                "`executions = [\"arn:aws:x\"]`",
            ),
            (
                "id = \"x\"\nkind = \"aws.lambda.update-alias\"\nfunction = \"f\"\nalias = \"prod\"\nfrom-version = «1»\nto-version = \"2\"\napprove = { from = [\"ANA\"] }",
                "`from-version` must be a text; this is an integer",
                "",
            ),
        ],
    );
}
