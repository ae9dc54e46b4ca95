use super::*;

#[test]
fn nothing_automatic_waits_for_a_person() {
    errors(
        "probe",
        &[
            (
                "id = \"x\"\nfrom = «\"tiles\"»",
                "the automatic probe `x` needs the answer of `tiles`, an `ask`",
                "It would wait for a person",
            ),
            (
                "id = \"x\"\nkind = \"http\"\nurl = \"https://a.example/«{{probe.tiles.answer}}»\"",
                "the automatic probe `x` needs the answer of `tiles`, an `ask`",
                "It would wait for a person",
            ),
        ],
    );
    // A question may name what a probe has found.
    with("probe", "id = \"x\"\nkind = \"ask\"\nquestion = \"Is {{probe.status.status}} what you see?\"");
}

#[test]
fn a_circle_is_said_once_where_it_closes() {
    let probes = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(id, from)| fenced("probe", &format!("id = \"{id}\"\nfrom = {from}"))).collect::<Vec<_>>().join("\n")
    };
    for (pairs, message) in [
        (&[("a", "«\"a\"»")][..], "probes need each other: `a` → `a`"),
        (&[("a", "\"b\""), ("b", "«\"a\"»")], "probes need each other: `a` → `b` → `a`"),
        (&[("a", "\"b\""), ("b", "\"c\""), ("c", "«\"b\"»")], "probes need each other: `b` → `c` → `b`"),
        (&[("outside", "\"a\""), ("a", "\"b\""), ("b", "«\"a\"»")], "probes need each other: `a` → `b` → `a`"),
    ] {
        expect_one(&skeleton(HEADER, &probes(pairs)), Severity::Error, message, "");
    }
    let by_placeholder = fenced("probe", "id = \"a\"\nkind = \"http\"\nurl = \"https://x.example/{{probe.b.body.id}}\"")
        + "\n"
        + &fenced("probe", "id = \"b\"\nkind = \"http\"\nurl = \"https://x.example/«{{probe.a.body.id}}»\"");
    expect_one(&skeleton(HEADER, &by_placeholder), Severity::Error, "probes need each other: `a` → `b` → `a`", "");
}

#[test]
fn a_diamond_is_no_circle() {
    let text =
        [("b", "status"), ("c", "status")].map(|(id, from)| fenced("probe", &format!("id = \"{id}\"\nfrom = \"{from}\""))).join("\n")
            + "\n"
            + &fenced("probe", "id = \"d\"\nkind = \"http\"\nurl = \"https://x.example/{{probe.b.body.x}}/{{probe.c.body.x}}\"");
    sound(&skeleton(HEADER, &text));
}
