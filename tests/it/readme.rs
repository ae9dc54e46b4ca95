//! What the README says is so.

use crate::harness::House;

const README: &str = include_str!("../../README.md");

#[test]
fn the_table_of_exit_codes_is_the_codes() {
    let (_, after) = README.split_once("### Exit codes").unwrap();
    let rows = after.lines().skip_while(|l| !l.starts_with("| ---")).skip(1).take_while(|l| l.starts_with("| "));
    let told: Vec<String> = rows.map(|row| row.trim_matches(['|', ' ']).to_owned()).collect();
    let known: Vec<_> = blotter::cli::exit::Exit::ALL.iter().map(|(exit, text)| format!("{} | {text}", *exit as u8)).collect();
    assert_eq!(told, known);
}

#[test]
fn every_command_that_it_names_exists() {
    let house = House::new();
    let (_, after) = README.split_once("| to | commands |").unwrap();
    let table: String = after.lines().take_while(|l| l.is_empty() || l.starts_with('|')).collect();
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    assert!(named.len() > 30, "{named:?}");
    for command in named {
        let ran = house.run(&format!("{command} --help"));
        assert_eq!(ran.code, 0, "`blotter {command}`: {ran}");
    }
}

#[test]
fn its_settings_can_be_read() {
    let (_, after) = README.split_once("```toml\n").unwrap();
    let (settings, _) = after.split_once("```").unwrap();
    let house = House::new();
    house.write("blotter.toml", settings);
    std::fs::create_dir_all(house.path("runbooks")).unwrap();
    let ran = house.run("runbook list");
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn the_example_runbook_has_no_fault() {
    let (_, after) = README.split_once("`````markdown\n").expect("an example");
    let (runbook, _) = after.split_once("`````").expect("its end");
    let house = crate::harness::House::new();
    house.write("runbooks/PAY-1-payments-fail.md", runbook);
    let ran = house.ok("runbook check runbooks/PAY-1-payments-fail.md");
    assert!(!ran.stderr.contains("warning"), "{ran}");
}

#[test]
fn what_it_shows_and_links_to_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let links: Vec<&str> = README.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 5, "{links:?}");
    let headings: Vec<String> = README
        .lines()
        .filter_map(|l| l.strip_prefix("## ").or_else(|| l.strip_prefix("### ")))
        .map(|h| h.to_lowercase().replace(' ', "-"))
        .collect();
    for link in links.into_iter().filter(|l| !l.starts_with("http")) {
        let is_there = match link.strip_prefix('#') {
            Some(heading) => headings.iter().any(|h| h == heading),
            None => root.join(link).exists(),
        };
        assert!(is_there, "{link}");
    }
}
