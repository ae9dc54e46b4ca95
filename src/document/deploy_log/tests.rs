use super::*;
use crate::record::event::{DeployRecorded, DeployStatus};
use crate::record::testing::{Story, at, deploy};
use DeployStatus::{Bad, Good, Unknown};

fn stream() -> StreamId {
    StreamId::deploy("121546003735", "us-east-1", "mission-control-api", "prod")
}

fn told(deploys: &[DeployRecorded]) -> Deploys {
    let mut s = Story::on(stream());
    for d in deploys {
        s.after(60).add(d.clone());
    }
    Deploys::fold(&s.events)
}

#[test]
fn a_table_literally() {
    let d = told(&[
        DeployRecorded {
            from: Some("40".to_owned()),
            commit: Some("abc123".to_owned()),
            by: Some("T-ANA".to_owned()),
            source: "imported DEPLOY-LOG.md:7".to_owned(),
            ..deploy("41", Good, "2026-03-10T09:00:00Z")
        },
        DeployRecorded {
            from: Some("41".to_owned()),
            note: Some("weekly | release".to_owned()),
            ..deploy("42", Unknown, "2026-03-21T18:00:00Z")
        },
        DeployRecorded {
            status_only: true,
            occurred_at: None,
            source: "incident 7.a1".to_owned(),
            ..deploy("42", Bad, "2026-03-22T02:20:00Z")
        },
    ]);
    let hash: Vec<_> = d.all().iter().map(|d| d.hash.short()).collect();
    assert_eq!(
        entry(&stream(), &d, false),
        format!(
            "\
## mission-control-api:prod (121546003735, us-east-1)

Current: `42` `2`; last known good beside it: `41`.

| UTC | From | To | Status | Commit | By | Source | Note | Event |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| 2026-03-22 02:16:00 (recorded) |  | 42 (status only) | bad |  |  | incident 7.a1 |  | `3` {} |
| 2026-03-21 18:00:00 | 41 | 42 | unknown |  |  | recorded | weekly &#124; release | `2` {} |
| 2026-03-10 09:00:00 | 40 | 41 | good | `abc123` | T-ANA | imported DEPLOY-LOG.md:7 |  | `1` {} |
",
            hash[2], hash[1], hash[0]
        )
    );
    assert!(entry(&stream(), &d, true).starts_with("## DRILL: mission-control-api"));
    assert!(entry(&stream(), &told(&[]), false).contains("| Event |"));
}

fn read(text: &str) -> Imported {
    import(text, &Defaults::default())
}

fn why(text: &str) -> Vec<(usize, String)> {
    let got = read(text);
    assert_eq!(got.rows, [], "{text}");
    got.unreadable.into_iter().map(|u| (u.line, u.why)).collect()
}

fn row(line: usize, when: &str, from: Option<&str>, to: &str, status: DeployStatus) -> DeployRow {
    DeployRow {
        line,
        at: at(when),
        function: "mission-control-api".to_owned(),
        alias: "prod".to_owned(),
        from: from.map(str::to_owned),
        to: to.to_owned(),
        status,
        commit: None,
        by: None,
        note: None,
    }
}

#[test]
fn a_table_by_its_headers_and_oldest_first() {
    let got = read(
        "\
# Deploys

Some words about 41 -> 42.

| Date (UTC) | Function | Alias | From | To | Result | Commit | Who | Weather | Notes |
|---|---|---|---|---|---|---|---|---|---|
| 2026-03-21 18:04 | mission-control-api | prod | 41 | **42** | bad | `abc123` | T-ANA | rain | weekly \\| release |
| 2026-03-10 | `mission-control-api` | prod | – | v41 | ✅ | | | | |
| | | | | | | | | | |
| soon | mission-control-api | prod | 42 | 43 | good | | | | |
",
    );
    let newest = DeployRow {
        commit: Some("abc123".to_owned()),
        by: Some("T-ANA".to_owned()),
        note: Some("weekly | release".to_owned()),
        ..row(7, "2026-03-21T18:04:00Z", Some("41"), "42", Bad)
    };
    assert_eq!(got.rows, [row(8, "2026-03-10T00:00:00Z", None, "41", Good), newest]);
    let left: Vec<_> = got.unreadable.iter().map(|u| (u.line, u.why.as_str())).collect();
    assert_eq!(left, [(10, "`soon` is not a date such as 2026-03-21 or 2026-03-21 18:04")]);
    assert!(got.unreadable[0].text.starts_with("soon | mission-control-api | prod | 42 | 43 | good"));
}

#[test]
fn other_shapes_of_the_same_columns() {
    for table in [
        "| When | Target | Versions | Status |\n|-|-|-|-|\n| 2026-03-21T18:04:00Z | mission-control-api:prod | 41 → 42 | bad |\n",
        "| Deployed | Lambda | Version | Status |\n|-|-|-|-|\n| 2026-03-21T19:04:00+01:00 | mission-control-api:prod | 41 -> 42 | Broken |\n",
        "## mission-control-api:prod (eu)\n\n| Time | To | From | State |\n|-|-|-|-|\n| 2026-03-21 18:04:00 UTC | 42 | v41 | ❌ |\n",
    ] {
        let got = read(table);
        assert_eq!(got.unreadable, [], "{table}");
        let line = got.rows[0].line;
        assert_eq!(got.rows, [row(line, "2026-03-21T18:04:00Z", Some("41"), "42", Bad)]);
    }
}

#[test]
fn a_list_item_by_item() {
    let got = read(
        "\
* 2026-03-21 mission-control-api:prod 41 -> 42 bad (abc123)
* 2026-03-22 02:16 UTC: mission-control-api:prod 42 → 41 good by T-OPS: rollback of 7.a1
* 2026-03-23 mission-control-api:prod 43
* 2026-03-24 mission-control-api:prod 44 by T-ANA - with `flags`
    continued
",
    );
    assert_eq!(got.unreadable, []);
    assert_eq!(
        got.rows,
        [
            DeployRow { commit: Some("abc123".to_owned()), ..row(1, "2026-03-21T00:00:00Z", Some("41"), "42", Bad) },
            DeployRow {
                by: Some("T-OPS".to_owned()),
                note: Some("rollback of 7.a1".to_owned()),
                ..row(2, "2026-03-22T02:16:00Z", Some("42"), "41", Good)
            },
            row(3, "2026-03-23T00:00:00Z", None, "43", Unknown),
            DeployRow {
                by: Some("T-ANA".to_owned()),
                note: Some("with flags continued".to_owned()),
                ..row(4, "2026-03-24T00:00:00Z", None, "44", Unknown)
            },
        ]
    );
    assert_eq!(got.rows[0].facts("DEPLOY-LOG.md").source, "imported DEPLOY-LOG.md:1");
}

#[test]
fn items_inside_items_are_read_one_by_one() {
    let got = read("- March\n  - 2026-03-21 mission-control-api:prod 42\n  - 2026-03-22 mission-control-api:prod 41\n- and so on\n");
    assert_eq!(got.rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(got.unreadable.iter().map(|u| (u.line, u.text.as_str())).collect::<Vec<_>>(), [(1, "March"), (4, "and so on")]);
}

#[test]
fn nothing_is_guessed() {
    let table = |header: &str, cells: &str| {
        let rule = "|-".repeat(header.matches('|').count() - 1);
        format!("{header}\n{rule}|\n{cells}\n")
    };
    for (header, cells, reason) in [
        ("| Date | Function | Alias |", "| 2026-03-21 | f | prod |", "the table has no column for the version, such as `To` or `Version`"),
        ("| Function | Alias | To |", "| f | prod | 42 |", "the table has no column for the date"),
        ("| Date | Alias | To |", "| 2026-03-21 | prod | 42 |", "it names no function"),
        ("| Date | Function | To |", "| 2026-03-21 | f | 42 |", "it names no alias"),
        ("| Date | Target | To |", "| 2026-03-21 | f:prod | latest |", "`latest` is not a version number"),
        ("| Date | Target | To |", "| 2026-03-21 | f:prod | |", "it names no version"),
        ("| Date | Target | To |", "| | f:prod | 42 |", "it has no date, so its place in the order is not known"),
        ("| Date | Target | To |", "| 21.03.2026 | f:prod | 42 |", "`21.03.2026` is not a date such as 2026-03-21 or 2026-03-21 18:04"),
        (
            "| Date | Target | To |",
            "| 2026-03-21 18:04 CET | f:prod | 42 |",
            "`2026-03-21 18:04 CET` is not a date such as 2026-03-21 or 2026-03-21 18:04",
        ),
        ("| Date | Target | To |", "| 2026-03-21 | f/prod | 42 |", "`f/prod` is not of the form function:alias"),
        ("| Date | Target | To |", "| 2026-03-21 | f g:prod | 42 |", "`f g` is not the name of a function"),
        ("| Date | Target | From | To |", "| 2026-03-21 | f:prod | 40 | 41 -> 42 |", "it names two versions to come from"),
        ("| Date | Target | To | Version |", "| 2026-03-21 | f:prod | 41 | 42 |", "two columns say the same thing"),
        ("| Date | Function | Alias | To |", "| 2026-03-21 | f:dev | prod | 42 |", "it names two aliases"),
        (
            "| Date | Target | To | Status |",
            "| 2026-03-21 | f:prod | 42 | success |",
            "`success` does not say whether the version works; say good, bad or unknown",
        ),
    ] {
        assert_eq!(why(&table(header, cells)), [(3, reason.to_owned())]);
    }
    for item in
        ["42", "2026-03-21", "2026-03-21 41 ->", "yesterday f:prod 42", "2026-03-21 f:prod forty-two", "2026-03-21 f:prod 42 good (a b)"]
    {
        assert_eq!(why(&format!("- {item}\n")).len(), 1, "{item}");
    }
    assert_eq!(why("- 2026-13-41 f:prod 42\n"), [(1, "`2026-13-41` is not a date such as 2026-03-21 or 2026-03-21 18:04".to_owned())]);
    assert_eq!(why("- 2026-03-21 f:prod 42 rolled\n").len(), 1);
    assert_eq!(why("Just prose: 2026-03-21 f:prod 41 -> 42\n"), []);
}

#[test]
fn the_person_may_say_which_alias_a_log_is_of() {
    let defaults = Defaults { function: Some("mission-control-api".to_owned()), alias: Some("prod".to_owned()) };
    let got = import("- 2026-03-21 41 -> 42 bad\n- 2026-03-22 other:dev 7\n", &defaults);
    assert_eq!(got.rows[0], row(1, "2026-03-21T00:00:00Z", Some("41"), "42", Bad));
    assert_eq!((got.rows[1].function.as_str(), got.rows[1].alias.as_str()), ("other", "dev"));
}

#[test]
fn the_same_day_keeps_the_direction_of_the_file() {
    let versions = |text: &str| read(text).rows.iter().map(|r| r.to.clone()).collect::<Vec<_>>();
    let newest_first = "- 2026-03-22 f:p 4\n- 2026-03-21 f:p 3\n- 2026-03-21 f:p 2\n- 2026-03-20 f:p 1\n";
    let oldest_first = "- 2026-03-20 f:p 1\n- 2026-03-21 f:p 2\n- 2026-03-21 f:p 3\n- 2026-03-22 f:p 4\n";
    assert_eq!(versions(newest_first), ["1", "2", "3", "4"]);
    assert_eq!(versions(oldest_first), ["1", "2", "3", "4"]);
}

#[test]
fn what_blotter_wrote_is_not_read_back_as_truth() {
    let ours = entry(&stream(), &told(&[deploy("41", Good, "2026-03-10T09:00:00Z")]), false);
    let entry = crate::document::managed::Entry { id: stream().to_string(), order: 1, at: 1, body: Some(ours) };
    let file = crate::document::managed::merge(None, PREAMBLE, &[entry], false).unwrap().text + "\n- 2026-03-21 f:prod 42\n";
    let got = read(&file);
    assert_eq!(got.rows.len(), 1);
    assert_eq!(
        got.unreadable.iter().map(|u| (u.line, u.why.as_str())).collect::<Vec<_>>(),
        [(6, "written by blotter from a record of its own")]
    );
}

#[test]
fn any_text_is_survived() {
    for text in [
        "",
        "\u{feff}",
        "|",
        "| a |\n|-|\n",
        "- ",
        "-",
        "- [ ] x\n",
        "<table><tr><td>2026-03-21</td></tr></table>",
        "\r\n- 2026-03-21 f:prod 42\r\n",
    ] {
        let _ = read(text);
    }
    assert_eq!(read("\r\n- 2026-03-21 f:prod 42\r\n").rows[0].line, 2);
}
