//! `erase`: nothing goes without a person who asks, settings that say who may allow it, and their signature.

use std::process::{Command, Stdio};

use crate::harness::House;

fn house(settings: &str) -> House {
    let house = House::new();
    house.settle(settings);
    house.ok("open INC-001 --no-probes");
    house.ok("note 'Hildegard, Rue du Secret 4'");
    house
}

const APPROVE: &str = "[erase]\napprove = { from = [\"T-JOSH\"] }\n";

#[test]
fn without_settings_that_say_who_may_allow_it_nothing_is_erased() {
    let house = house("");
    house.run("erase 1.2 --reason 'an address'").fails(12, &["the settings do not say who may allow it", "[erase] approve"]);
    house.settle("[erase]\napprove = { from = [\"T-NOBODY\"] }\n");
    house.run("erase 1.2 --reason 'an address'").fails(1, &["`T-NOBODY` is no person of the settings"]);
}

#[test]
fn asking_prints_the_text_to_sign_and_records_nothing() {
    let house = house(APPROVE);
    let before = house.ledger_bytes();
    let ran = house.ok("erase 1.2 --reason 'an address'");
    assert!(
        ran.stdout.starts_with("blotter-erasure-v1\nledger: ") && ran.stdout.ends_with("reason: an address\nasked by: T-OPS\n"),
        "{ran}"
    );
    ran.says(&["nothing is erased yet. T-JOSH (+1 555 0100) signs this text", "backups of the ledger, exported bundles"]);
    assert_eq!(house.ledger_bytes(), before);
    house.run("erase 1.1 --reason 'an address'").fails(12, &["which the record cannot do without"]);
    house.run("erase e7 --reason 'an address'").fails(2, &["has no `e7` that could be erased"]);
    house.run("erase 1.2").fails(2, &["an erasure needs a reason"]);
    house.run("erase 1.2 --reason 'an address' --as T-JOSH").fails(12, &["nobody but `T-JOSH`"]);
    house.run("erase 1.2 --reason 'an address' --as somebody").fails(12, &["is no person of the settings"]);
}

/// Makes a key for `person` and lists it.
fn keyed(house: &House, person: &str) -> std::path::PathBuf {
    let key = house.path(person);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", person, "-f"]).arg(&key).status();
    assert!(made.expect("ssh-keygen").success());
    let public = std::fs::read_to_string(key.with_extension("pub")).expect("a key");
    house.write("allowed_signers", format!("{person} namespaces=\"approval@blotter\" {public}"));
    key
}

fn signed(house: &House, key: &std::path::Path, text: &str) {
    let _ = std::fs::remove_file(house.path("request.txt.sig"));
    let file = house.write("request.txt", text);
    let done = Command::new("ssh-keygen")
        .args(["-q", "-Y", "sign", "-n", "approval@blotter", "-f"])
        .args([key, &file])
        .stderr(Stdio::null())
        .status();
    assert!(done.expect("ssh-keygen").success());
}

#[test]
fn what_a_second_person_signed_goes_from_every_file_and_that_it_went_stays() {
    let house = house(APPROVE);
    house.feed("attach - --name dump.txt", b"Hildegard, 42, Rue du Secret");
    let key = keyed(&house, "T-JOSH");
    for what in ["1.2", "e1"] {
        let text = house.ok(&format!("erase {what} --reason 'an address'")).stdout;
        signed(&house, &key, &text.replace("an address", "a whim"));
        house.write("request.txt", &text);
        house.run("erase --signature request.txt.sig").fails(12, &["the signature does not match the text"]);
        signed(&house, &key, &text);
        let ran = house.ok("erase --signature request.txt.sig");
        assert!(ran.stdout.contains(" erased, allowed by T-JOSH; nothing of it is left in the ledger"), "{ran}");
        ran.says(&["It cannot reach copies"]);
        let again = house.ok(&format!("erase {what}"));
        assert!(again.stdout.starts_with("erased already by 1."), "{again}");
    }
    for (name, bytes) in house.ledger_bytes() {
        for word in ["Hildegard", "hildegard", "Rue du"] {
            assert!(!bytes.windows(word.len()).any(|w| w == word.as_bytes()), "`{word}` is left in {name}");
        }
    }
    let ran = house.ok("verify");
    for line in ["ERASED 1.2 (note.added) by 1.4, allowed by T-JOSH: an address", "ERASED 1.3 (evidence.attached) by 1.5", ", 2 erased"] {
        assert!(ran.stdout.contains(line), "{ran}");
    }
    house.run("show 1.e1").fails(11, &["e1 was erased by 1.5, allowed by T-JOSH: an address"]);
    assert!(house.ok("show 1").stdout.contains("erased"), "{}", house.ok("show 1"));
    house.ok("render");
    house.ok("verify --documents");
    let bundle = house.path("bundle");
    house.ok(&format!("export {}", bundle.display()));
    let done =
        Command::new("dash").arg(bundle.join("verify.sh")).output().or_else(|_| Command::new("sh").arg(bundle.join("verify.sh")).output());
    let said = String::from_utf8(done.expect("a shell").stdout).expect("UTF-8");
    assert!(said.starts_with("OK ") && said.contains("2 signed approvals, 2 erased, signed root"), "{said}");
}

#[test]
fn blotter_itself_signs_a_request_to_erase_after_showing_it() {
    let house = house(APPROVE);
    let key = keyed(&house, "T-JOSH");
    let asked = house.ok("erase 1.2 --reason 'an address'").stdout;
    house.write("request.txt", &asked);
    let ran = house.ok(&format!("sign request.txt --as T-JOSH --key {}", key.display()));
    assert!(ran.stdout.contains("As T-JOSH you are about to allow that this goes from the record, for good:"), "{ran}");
    assert!(ran.stdout.contains("  | reason: an address\n"), "{ran}");
    ran.says(&["blotter erase --signature request.txt.sig"]);
    house.ok("erase --signature request.txt.sig");
    assert!(house.ok("show --timeline").stdout.contains("event 2 erased, allowed by T-JOSH: an address"));
    house.ok("verify");

    house.write("hidden.txt", asked.replace("an address", "an \u{202e}address"));
    house.run(&format!("sign hidden.txt --as T-JOSH --key {}", key.display())).fails(12, &["characters that cannot be seen"]);
    assert!(!house.path("hidden.txt.sig").exists());
}
