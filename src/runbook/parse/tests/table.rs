use super::*;

#[test]
fn unknown_keys_are_named_with_what_was_meant() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n«tiemout» = \"5s\"",
                "unknown key `tiemout` in an `http` probe",
                "Did you mean `timeout`?",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n«pattern» = \"x\"",
                "unknown key `pattern` in an `http` probe",
                "`pattern` belongs to `aws.logs.filter`.",
            ),
            (
                "id = \"x\"\nfrom = \"status\"\n«url» = \"https://a.example\"",
                "unknown key `url` in a `probe` block",
                "`from` only looks again",
            ),
            ("id = \"x\"\nkind = \"aws.ses.account\"\n«zebra» = 1", "unknown key `zebra` in an `aws.ses.account` probe", "Known keys are"),
        ],
    );
    errors(
        "action",
        &[
            (
                "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\napprove = { from = [\"ANA\"], «mim» = 2 }",
                "unknown key `mim` in `approve`",
                "Did you mean `min`?",
            ),
            (
                "id = \"x\"\nkind = \"manual\"\ntext = \"T\"\napprove = { from = [\"ANA\"] }\n«alias» = \"prod\"",
                "unknown key `alias` in a `manual` action",
                "belongs to `aws.lambda.update-alias`.",
            ),
        ],
    );
    errors(
        "signal",
        &[(
            "id = \"x\"\ntext = \"T\"\nwhen = { probe = \"status\", verdict = \"unmet\" }\n«explaned-by» = \"B-1\"",
            "unknown key `explaned-by` in a `signal` block",
            "`explained-by`",
        )],
    );
    header_errors(&[
        ("severity = \"P1\"\n«region» = \"us-east-1\"", "unknown key `region` in a `runbook` block", "`region` stands in `[aws]`."),
        ("severity = \"P1\"\n«must-have» = []", "unknown key `must-have` in a `runbook` block", "`[record]`"),
        ("severity = \"P1\"\n«title» = \"T\"", "unknown key `title` in a `runbook` block", "in the heading"),
        ("severity = \"P1\"\n[aws]\n«acount» = \"123456789012\"", "unknown key `acount` in `[aws]`", "Did you mean `account`?"),
    ]);
}

#[test]
fn a_key_after_a_table_header_fell_into_the_table() {
    header_errors(&[
        ("[vars]\napi = \"https://api.example\"\n«severity» = \"P1\"", "`severity` falls into `[vars]`", "Write `severity` above it."),
        ("severity = \"P1\"\n[aws]\n«review-by» = 2027-03-22", "`review-by` falls into `[aws]`", "above it"),
    ]);
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nfrom = \"status\"\n[readings]\na = \"body.a\"\n«expect» = [\"status == 200\"]",
                "`expect` falls into `[readings]`",
                "or in quotes if it is meant to be there",
            ),
            (
                "id = \"x\"\nfrom = \"status\"\n[select]\na = \"body.a\"\n«show» = \"a\"",
                "`show` falls into `[select]`",
                "Write `show` above it",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\n[headers]\nAccept = \"x\"\n«timeout» = \"5s\"",
                "`timeout` falls into `[headers]`",
                "Write `timeout` above it",
            ),
        ],
    );
}

#[test]
fn a_missing_severity_that_fell_into_a_table_is_said_once_with_its_cause() {
    let text = skeleton("[vars]\napi = \"https://api.example\"\nseverity = \"P1\"\n", "");
    let said: Vec<_> = parse(&text).diagnostics.into_iter().map(|d| d.message).collect();
    assert_eq!(said, ["`severity` falls into `[vars]`"]);
}

#[test]
fn a_dotted_name_is_quoted() {
    errors(
        "probe",
        &[(
            "id = \"x\"\nfrom = \"status\"\n[readings]\n«agents».alive = \"body.agents.alive\"",
            "`agents` must be an expression; this is a table",
            "`\"agents.alive\" = …`",
        )],
    );
}

#[test]
fn inline_tables_stay_on_one_line() {
    errors(
        "probe",
        &[(
            "id = \"x\"\nfrom = \"status\"\nselect = «{»\n  a = \"body.a\",\n  b = \"body.b\"\n}",
            "an inline table that spans lines",
            "use a table `[select]`",
        )],
    );
    // A list may span lines, and so may a text inside an inline table.
    with("probe", "id = \"x\"\nfrom = \"status\"\nexpect = [\n  \"status == 200\",\n  \"body.a > 1\",\n]");
    with(
        "signal",
        "id = \"x\"\ntext = \"T\"\nany = [\n  { probe = \"status\", if = \"status == 500\" },\n  { all = [\n    { probe = \"status\", verdict = \"unmet\" },\n  ] },\n]",
    );
}

#[test]
fn values_have_their_types() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nkind = \"http\"\nurl = «7»",
                "`url` must be an address that begins with `https://` or `http://`; this is an integer",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = «\"ftp://a.example\"»",
                "`url` must be an address that begins with `https://` or `http://`, not `ftp://a.example`",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nread-only = «\"yes\"»",
                "`read-only` must be `true` or `false`, not `yes`",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nredirects = «11»",
                "`redirects` must be a whole number from 0 to 10; this is an integer",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmax-bytes = «\"1MB\"»",
                "`max-bytes` must be a size up to \"64MiB\", such as \"64KiB\" or \"1MiB\", not `1MB`",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nmethod = «\"get\"»",
                "`method` must be one of \"GET\", \"HEAD\", \"POST\", \"PUT\", \"PATCH\", \"DELETE\", \"OPTIONS\", not `get`",
                "Did you mean `GET`?",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\ntimeout = «10»",
                "`timeout` must be a duration such as \"10s\", \"15m\" or \"24h\"; this is an integer",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\ntimeout = «\"soon\"»",
                "`soon` is not a duration such as \"10s\", \"15m\" or \"24h\"",
                "",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example\"\nexpect = «\"status == 200\"»",
                "`expect` must be a list; this is a text",
                "`expect = [\"status == 200\"]`",
            ),
            (
                "id = \"x\"\nkind = \"aws.logs.filter\"\nlog-group = \"g\"\nlimit = «0»",
                "`limit` must be a whole number from 1 to 10000; this is an integer",
                "",
            ),
            (
                "id = \"x\"\nkind = \"aws.sfn.executions\"\nstate-machine = \"arn:aws:states:eu-west-1:1:stateMachine:x\"\nstatus = «[\"RUNNING\", \"DEAD\"]»",
                "`status` must be one of \"RUNNING\", \"SUCCEEDED\", \"FAILED\", \"TIMED_OUT\", \"ABORTED\", \"PENDING_REDRIVE\", or a list of them; this is a list",
                "",
            ),
            ("id = \"x\"\nfrom = \"status\"\nexpect = «[]»", "`expect` is an empty list", ""),
            ("id = «7»\nfrom = \"status\"", "`id` must be a text; this is an integer", ""),
        ],
    );
    header_errors(&[
        ("severity = «\"P9\"»", "unknown severity `P9`", "Did you mean"),
        ("severity = «1»", "`severity` must be a text; this is an integer", ""),
        ("severity = \"P1\"\nreview-by = «\"2027-03-22\"»", "`review-by` must be a date", "without quotes"),
        ("severity = \"P1\"\nreview-by = «2027-03-22T00:00:00Z»", "`review-by` must be a date", "without a time"),
        (
            "severity = \"P1\"\n[aws]\naccount = «123456789012»",
            "`account` must be a text; this is an integer",
            "`account = \"123456789012\"`",
        ),
        ("severity = \"P1\"\n[aws]\naccount = «\"12\"»", "`12` is not an AWS account", "twelve digits"),
        ("severity = \"P1\"\n[aws]\nregion = «\"Virginia\"»", "`Virginia` is not an AWS region", "us-east-1"),
        (
            "severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nx = \"a «{{»vars.api}}\"",
            "a placeholder in a variable",
            "never within each other",
        ),
    ]);
}

#[test]
fn numbers_that_json_cannot_hold_are_refused() {
    header_errors(&[
        (
            "severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nx = «9007199254740993»",
            "`x` is above 2^53, where JSON numbers stop being exact",
            "as a text",
        ),
        (
            "severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nx = [[1, «-9007199254740993»]]",
            "`x` is above 2^53, where JSON numbers stop being exact",
            "as a text",
        ),
        ("severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nx = «nan»", "`x` is not a number that JSON can hold", ""),
        ("severity = \"P1\"\n[vars]\napi = \"https://api.example\"\nx = «-inf»", "`x` is not a number that JSON can hold", ""),
    ]);
    let r = sound(&skeleton(&format!("{HEADER}edge = 9007199254740992\nhex = 0xff\nday = 2026-11-25\n"), ""));
    assert_eq!((&r.vars["edge"], &r.vars["hex"], &r.vars["day"]), (&9_007_199_254_740_992_i64.into(), &255.into(), &"2026-11-25".into()));
}

#[test]
fn what_is_no_toml_is_said_once_a_line_and_does_not_cascade() {
    errors(
        "probe",
        &[(
            "id = \"broken\"\nkind = «http»\nurl = \"https://a.example\"",
            "not TOML: string values must be quoted, expected literal string",
            "",
        )],
    );
    // Others may still name the broken block, its readings, its branches, and what it verifies.
    let broken = |kind: &str, body: &str| format!("```toml {kind}\n{body}\n= =\n```\n");
    let users = [
        fenced("probe", "id = \"user\"\nfrom = \"broken\""),
        fenced("escalate", "id = \"e1\"\nwhen = \"max(unheard-of, 1h) > 1\"\nto = \"ANA\""),
        fenced("escalate", "id = \"e2\"\nwhen = { decided = \"fork\", branch = \"whatever\" }\nto = \"ANA\""),
        fenced("escalate", "id = \"e3\"\nafter = \"fix\"\nunless = \"recovered\"\nwithin = \"5m\"\nto = \"ANA\""),
    ];
    let more = [broken("probe", "id = \"broken\""), broken("decide", "id = \"fork\""), broken("verify", "after = \"fix\"")].join("\n");
    let text = skeleton(HEADER, &format!("{more}\n{}", users.join("\n")));
    let said: Vec<_> = parse(&text).diagnostics.into_iter().map(|d| d.message).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|m| m.starts_with("not TOML: ")), "{said:?}");
    // A header that cannot be read leaves no variable unknown.
    let text = skeleton("severity = \"P1\"\n[vars\n", "");
    let said: Vec<_> = parse(&text).diagnostics.into_iter().map(|d| d.message).collect();
    assert!(said.len() == 1 && said[0].starts_with("not TOML: "), "{said:?}");
}

#[test]
fn what_is_missing_is_said_at_the_block() {
    for (kind, body, message) in [
        ("probe", "kind = \"ask\"\nquestion = \"?\"", "a `probe` block needs `id`"),
        ("probe", "id = \"x\"", "a `probe` block needs `kind`"),
        ("probe", "id = \"x\"\nkind = \"http\"", "an `http` probe needs `url`"),
        ("probe", "id = \"x\"\nkind = \"ask\"", "an `ask` probe needs `question`"),
        ("probe", "id = \"x\"\nkind = \"aws.lambda.alias\"\nalias = \"prod\"", "an `aws.lambda.alias` probe needs `function`"),
        ("action", "id = \"x\"\nkind = \"manual\"\napprove = { from = [\"ANA\"] }", "a `manual` action needs `text`"),
        ("action", "kind = \"manual\"\ntext = \"T\"\napprove = { from = [\"ANA\"] }", "an `action` block needs `id`"),
        ("action", "id = \"x\"\ntext = \"T\"\napprove = { from = [\"ANA\"] }", "an `action` block needs `kind`"),
        ("signal", "id = \"x\"\nwhen = { probe = \"status\", verdict = \"unmet\" }", "a `signal` block needs `text`"),
        ("signal", "id = \"x\"\ntext = \"T\"", "a `signal` block needs `when`"),
        ("decide", "id = \"x\"", "a `decide` block needs `branch`"),
        ("verify", "after = \"fix\"\nwithin = \"1m\"", "a `verify` block needs `probes`"),
        ("verify", "after = \"fix\"\nprobes = [\"status\"]", "a `verify` block needs `within`"),
        ("verify", "probes = [\"status\"]\nwithin = \"1m\"", "a `verify` block needs `after`"),
        ("escalate", "id = \"x\"\nwhen = { probe = \"status\", verdict = \"unmet\" }", "an `escalate` block needs `to`"),
        ("escalate", "id = \"x\"\nto = \"ANA\"", "an `escalate` block needs `when`"),
        ("escalate", "id = \"x\"\nafter = \"fix\"\nto = \"ANA\"", "an `escalate` block needs `within`"),
    ] {
        let block = fenced(kind, body).replacen(&format!("```toml {kind}"), &format!("«```toml {kind}»"), 1);
        let found = only(&skeleton(HEADER, &block), Severity::Error);
        assert_eq!(found.message, message, "{body}");
    }
}
