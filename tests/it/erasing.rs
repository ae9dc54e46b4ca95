//! `erase`: nothing goes without a person who asks, settings that say who may allow it, and their signature.

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
