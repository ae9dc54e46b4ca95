//! The list: what is read, and that everything which could mean more than it says is a fault with its place.

use super::*;
use crate::sign::APPROVAL;
use crate::sign::testing::{SoftSecurityKey, key, line};

fn at(s: &str) -> Timestamp {
    s.parse().unwrap()
}

fn read(text: &str) -> Signers {
    let (signers, faults) = Signers::parse(text);
    assert!(faults.is_empty(), "{faults:?}\n{text}");
    signers
}

fn ada() -> String {
    key(1).key().line()
}

#[test]
fn a_file_as_git_uses_it_is_read() {
    let text = format!(
        "# ours\n\n  ada@example.com,T-ADA namespaces=\"git,approval@blotter\",valid-after=\"20260101Z\",valid-before=\"202612312359Z\" {} ada@laptop\n\
         \"T-BEA\" namespaces=\"git\" {}\n{}\r\n",
        ada(),
        key(2).key().line(),
        line("T-SK", &SoftSecurityKey::new(3).key()).trim(),
    );
    let signers = read(&text);
    assert_eq!(signers.lines.iter().map(|s| s.line).collect::<Vec<_>>(), [3, 4, 5]);
    let first = &signers.lines[0];
    assert_eq!(first.principals, ["ada@example.com", "T-ADA"]);
    assert_eq!((first.valid_after, first.valid_before), (Some(at("2026-01-01T00:00:00Z")), Some(at("2026-12-31T23:59:00Z"))));
    assert!(signers.knows("T-ADA", APPROVAL) && !signers.knows("T-BEA", APPROVAL) && signers.knows("T-SK", APPROVAL));
}

#[test]
fn a_key_speaks_for_whom_it_is_listed_in_its_use_and_time() {
    let text = format!(
        "T-ADA namespaces=\"approval@blotter\",valid-after=\"20260101Z\",valid-before=\"20260201Z\" {}\nT-BEA namespaces=\"git\" {}\n",
        ada(),
        key(2).key().line()
    );
    let signers = read(&text);
    let (a, b, now) = (key(1).key(), key(2).key(), at("2026-01-15T00:00:00Z"));
    assert!(signers.allows(&a, "T-ADA", APPROVAL, now).is_ok());
    for when in ["2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"] {
        assert!(signers.allows(&a, "T-ADA", APPROVAL, at(when)).is_ok(), "{when}: both ends count");
    }
    let no = |k: &Key, who: &str, when: &str| signers.allows(k, who, APPROVAL, at(when)).unwrap_err().to_string();
    let print = a.fingerprint();
    assert_eq!(
        no(&a, "T-ADA", "2026-02-01T00:00:00.001Z"),
        format!("line 1 of allowed_signers: the key {print} of `T-ADA` is not valid at 2026-02-01T00:00:00.001Z")
    );
    assert!(no(&a, "T-ADA", "2025-12-31T23:59:59.999Z").contains("is not valid at"));
    assert_eq!(no(&b, "T-ADA", "2026-01-15T00:00:00Z"), format!("the key {} is not one of `T-ADA` in allowed_signers", b.fingerprint()));
    assert!(no(&b, "T-BEA", "2026-01-15T00:00:00Z").starts_with("line 2 of allowed_signers lists the key"));
    assert_eq!(no(&a, "T-EVE", "2026-01-15T00:00:00Z"), "`T-EVE` has no key in allowed_signers");
}

#[test]
fn who_holds_one_key_is_everybody_it_is_listed_for() {
    let signers = read(&(line("T-ADA", &key(1).key()) + &line("T-BEA,b@example.com", &key(1).key())));
    assert_eq!(signers.principals_of(&key(1).key(), APPROVAL).into_iter().collect::<Vec<_>>(), ["T-ADA", "T-BEA", "b@example.com"]);
    assert!(signers.principals_of(&key(1).key(), "git").is_empty());
}

#[test]
fn what_could_mean_more_than_it_says_is_a_fault_with_its_place() {
    let k = ada();
    for (text, fault) in [
        (format!("T-ADA {k}"), "1:7: no `namespaces=\"…\"`: without it the key would sign anything"),
        (format!("* namespaces=\"approval@blotter\" {k}"), "1:1: `*` is a pattern; each principal is written out"),
        (format!("a,!b namespaces=\"approval@blotter\" {k}"), "1:1: `!b` is a pattern; each principal is written out"),
        (format!("a,,b namespaces=\"approval@blotter\" {k}"), "1:1: an empty principal"),
        (format!("a,a namespaces=\"approval@blotter\" {k}"), "1:1: principal `a` stands twice"),
        (format!("a namespaces=\"appro*\" {k}"), "1:14: `appro*` is a pattern; each namespace is written out"),
        (format!("a namespaces=\"\" {k}"), "1:14: an empty namespace"),
        (format!("# x\n\n  a cert-authority,namespaces=\"approval@blotter\" {k}"), "3:5: `cert-authority` is not taken"),
        (format!("a namespaces=\"approval@blotter\",verify-required {k}"), "1:33: unknown option `verify-required`"),
        (format!("a Namespaces=\"approval@blotter\" {k}"), "1:3: unknown option `Namespaces`"),
        (format!("a namespaces=approval@blotter {k}"), "1:14: expected a value in double quotes"),
        (format!("a namespaces=\"approval@blotter {k}"), "1:14: the quote is not closed"),
        (format!("a namespaces=\"git\",namespaces=\"approval@blotter\" {k}"), "1:20: `namespaces` stands twice"),
        (format!("a namespaces=\"git\",valid-after=\"20260101\" {k}"), "1:32: `20260101` has no `Z`"),
        (format!("a namespaces=\"git\",valid-after=\"20261301Z\" {k}"), "1:32: `20261301Z` is not a time"),
        (format!("a namespaces=\"git\",valid-after=\"soonZ\" {k}"), "1:32: `soonZ` is not a time"),
        (
            format!("a namespaces=\"git\",valid-after=\"20260102Z\",valid-before=\"20260101Z\" {k}"),
            "1:1: `valid-after` is later than `valid-before`",
        ),
        ("a namespaces=\"git\"".to_owned(), "1:19: no key on this line"),
        ("a namespaces=\"git\" ".to_owned(), "1:19: no key on this line"),
        ("a namespaces=\"git\" ssh-ed25519 AAAA".to_owned(), "1:20: not a public key that this build can read"),
        (format!("a namespaces=\"git\"{k}"), "1:19: expected `,` or a blank after the value"),
        (format!("\"a namespaces=\"git\" {k}"), "1:16: expected a blank after the principals"),
        (format!("ä\u{a0}b namespaces=\"git\" {k}"), "1:1: a blank or a control character in a principal"),
        ("x".repeat(LONGEST + 1), "1:1: the file is longer than"),
    ] {
        let (_, faults) = Signers::parse(&text);
        let first = faults.first().map(ToString::to_string).unwrap_or_default();
        assert!(first.starts_with(fault), "{text}\n{first}, not {fault}");
    }
}

#[test]
fn every_fault_is_told_and_the_good_lines_are_read() {
    let text = format!("a {0}\n{1}b bad=\"x\" {0}\n", ada(), line("T-ADA", &key(1).key()));
    let (signers, faults) = Signers::parse(&text);
    assert_eq!((signers.lines.len(), faults.iter().map(|f| f.line).collect::<Vec<_>>()), (1, vec![1, 3]));
}

#[test]
fn keys_that_cannot_be_checked_are_faults() {
    // Made with `ssh-keygen -t ecdsa -b 521` and `-t rsa -b 1024`.
    for (key, fault) in [
        (include_str!("testdata/ecdsa521.pub"), "`ecdsa-sha2-nistp521` keys are not taken"),
        (include_str!("testdata/rsa1024.pub"), "an RSA key of 1024 bits; from 2048 to 4096 are taken"),
    ] {
        let (_, faults) = Signers::parse(&format!("a namespaces=\"git\" {key}"));
        assert!(faults[0].message.starts_with(fault), "{faults:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_text_is_read_or_told_of(text in "[ -~\n\t\"é]{0,120}") {
        let (signers, faults) = Signers::parse(&text);
        let wanted = text.lines().filter(|l| !l.trim_matches([' ', '\t']).is_empty() && !l.trim_matches([' ', '\t']).starts_with('#')).count();
        proptest::prop_assert_eq!(signers.lines.len() + faults.len(), wanted);
    }
}
