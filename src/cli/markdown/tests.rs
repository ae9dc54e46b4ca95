use super::*;
use crate::config::Environment;
use crate::runbook::builtin;

fn page(columns: &str, text: &str) -> String {
    let vars = [("COLUMNS".to_owned(), columns.to_owned())].into();
    let ui = Ui { colour: false, ..Ui::new(&Environment { cwd: ".".into(), vars }, false, false, false) };
    render(&ui, text)
}

#[test]
fn prose_is_wrapped_and_blocks_are_told_in_words() {
    let text = "# T: Title\n\nOne two three four five six seven eight nine ten.\n\n## Part\n\n1. first\n2. second\n\n```toml probe\nid = \"status\"\nkind = \"http\"\nurl = \"https://a.example\"\nexpect = [\"status == 200\"]\n```\n\n```sh\nrm x\n```\n";
    let wanted = "T: Title\n========\n\nOne two three four five six seven eight\nnine ten.\n\nPart\n----\n\n  1. first\n  2. second\n\n  > probe status · GET https://a.example\n    · expects status == 200\n\n    rm x\n";
    assert_eq!(page("40", text), wanted);
}

#[test]
fn each_kind_of_block_says_what_a_person_has_to_know() {
    for (kind, body, wanted) in [
        (
            "probe",
            "id = \"log\"\nkind = \"aws.logs.filter\"\nlog-group = \"/g/{{vars.fn}}\"\npattern = \"ERROR\"\nsince = \"15m\"\nlimit = 9\nexpect = [\"length(events) == 0\"]\n[readings]\nn = \"length(events)\"",
            "  > probe log · aws.logs.filter · log-group /g/orders · pattern ERROR · since 15m · expects length(events) == 0 · keeps n",
        ),
        ("probe", "id = \"red\"\nkind = \"ask\"\nquestion = \"Is it red?\"", "  > probe red · asks you: Is it red? (yes or no)"),
        ("probe", "id = \"b\"\nfrom = \"a\"\nrequire = [\"x == 1\"]", "  > probe b · looks again at a · says nothing unless x == 1"),
        (
            "signal",
            "id = \"s\"\ntext = \"It is red\"\nany = [{ probe = \"a\", if = \"x == 1\" }, { all = [\"max(n, 1h) > 1\", { not = { probe = \"a\", outcome = [\"timeout\"] } }] }]\nsupports = true",
            "  > signal s · It is red · when a says x == 1 or (max(n, 1h) > 1 and not a ends in timeout) · only supports the others",
        ),
        (
            "decide",
            "id = \"d\"\n[[branch]]\nid = \"x\"\nif = { probe = \"a\", verdict = \"unmet\" }\nthen = \"dismiss\"\nnote = \"No harm.\"\n[[branch]]\nid = \"y\"\nthen = \"link:B-2\"",
            "  > decide d\n    - x if a is unmet: dismiss. No harm.\n    - y: link B-2",
        ),
        (
            "action",
            "id = \"back\"\nkind = \"aws.lambda.update-alias\"\nfunction = \"{{vars.fn}}\"\nto-version = \"{{deploy.last-known-good}}\"\nrequires = [{ probe = \"a\", verdict = \"unmet\" }]\napprove = { from = [\"KIM\", \"ROS\"], min = 2 }\nbreak-glass = { severity = [\"P0\"], review-within = \"1h\" }",
            "  > action back · aws.lambda.update-alias · function orders · to-version <deploy.last-known-good> · only while a is unmet · needs the approval of 2 of KIM, ROS · may break the glass at P0",
        ),
        (
            "verify",
            "after = \"back\"\nprobes = [\"a\", \"b\"]\npasses = 3\nwithin = \"5m\"\nconfirm = [\"red\"]",
            "  > verify · after back · a and b met 3 times in a row within 5m · then asks red",
        ),
        (
            "escalate",
            "id = \"e\"\nafter = \"back\"\nunless = \"recovered\"\nwithin = \"5m\"\nto = \"KIM\"\nfor = \"help\"\nseverity = \"P0\"",
            "  > escalate e · 5m after back unless recovered · tell KIM: help · raises it to P0",
        ),
        ("verify", "after = [", "  > verify (cannot be read)"),
    ] {
        let shown = page("400", &format!("```toml runbook\n[vars]\nfn = \"orders\"\n```\n\n```toml {kind}\n{body}\n```\n"));
        assert_eq!(shown.split_once("\n\n").unwrap().1.trim_end(), wanted);
    }
}

#[test]
fn every_built_in_runbook_fits_a_terminal_and_wastes_no_lines() {
    for (file, text) in builtin::all() {
        let shown = page("80", text);
        assert!(shown.starts_with("INC-00"), "{file} begins with its heading");
        assert!(!shown.contains("\n\n\n") && !shown.contains("{{"), "{file}");
        for line in shown.lines().filter(|l| l.chars().count() > 80) {
            let words = line.split_whitespace().filter(|w| !matches!(*w, ">" | "-")).count();
            assert_eq!(words, 1, "{file}: only a word that is longer than the line may stick out: {line}");
        }
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let shown = page("80", "# T: \u{1b}[31mx\n\n```toml probe\nid = \"a\\u001b\"\n```\n\n```sh\n\u{1b}[2J\n```\n");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}
