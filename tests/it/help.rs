//! Every command explains itself.

use clap::Command;

use crate::harness::House;

/// Every command with the words that lead to it; groups of commands, too.
pub(crate) fn commands() -> Vec<(Vec<String>, Command)> {
    fn walk(words: &[String], command: &Command, found: &mut Vec<(Vec<String>, Command)>) {
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            let words: Vec<String> = words.iter().cloned().chain([sub.get_name().to_owned()]).collect();
            walk(&words, sub, found);
            found.push((words, sub.clone()));
        }
    }
    let mut found = Vec::new();
    walk(&[], &blotter::cli::command(), &mut found);
    found
}

#[test]
fn every_command_says_what_it_does_and_shows_an_example() {
    let house = House::new();
    let mut faults = Vec::new();
    for (words, command) in commands() {
        let line = words.join(" ");
        let ran = house.run(&format!("{line} --help"));
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let mut fault = |what: String| faults.push(format!("blotter {line}: {what}"));
        if ran.code != 0 || !ran.stderr.is_empty() {
            fault(format!("--help ends with {ran}"));
        }
        if about.is_empty() || !ran.stdout.starts_with(&about) {
            fault(format!("the help does not begin with what it does, `{about}`"));
        }
        if about.ends_with('.') || !about.starts_with(char::is_uppercase) {
            fault(format!("`{about}` is not an imperative without a full stop"));
        }
        let is_group = command.has_subcommands();
        let group_shows_it = words.len() > 1 && house.run(&format!("{} --help", words[0])).stdout.contains(&format!("blotter {line}"));
        if !is_group && !ran.stdout.contains(&format!("  blotter {}", words[0])) && !group_shows_it {
            fault("the help shows no example".to_owned());
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn a_misspelt_command_is_answered_with_the_right_one() {
    House::new().run("shwo").fails(2, &["unrecognized subcommand 'shwo'", "'show'"]);
}

#[test]
fn a_misspelt_option_is_answered_with_the_right_one() {
    House::new().run("show --timelin").fails(2, &["'--timelin'", "'--timeline'"]);
}

#[test]
fn under_json_wrong_usage_is_a_document() {
    let ran = House::new().run("shwo --json");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, ""), "{ran}");
    assert_eq!(ran.json()["error"]["kind"], "usage", "{ran}");
}

#[test]
fn no_command_at_all_shows_the_commands() {
    let ran = House::new().run("");
    assert_eq!(ran.code, 2, "{ran}");
    ran.says(&["Usage: blotter", "open", "show"]);
}

#[test]
fn the_exit_codes_of_the_help_are_those_of_the_code() {
    let help = House::new().ok("--help").stdout.replace('\n', " ");
    for (code, _) in blotter::cli::exit::Exit::ALL.iter().filter(|(code, _)| *code as u8 != 255) {
        assert!(help.contains(&format!("{} ", *code as u8)), "exit code {} is not in the help\n{help}", *code as u8);
    }
}

#[test]
fn help_is_wrapped_to_the_width() {
    let mut house = House::new();
    house.set("COLUMNS", "60");
    for (words, _) in commands() {
        let ran = house.ok(&format!("{} --help", words.join(" ")));
        // Examples are to be copied, so they are not wrapped.
        let long: Vec<_> = ran.stdout.lines().take_while(|l| !l.starts_with("Examples")).filter(|l| l.chars().count() > 100).collect();
        assert!(long.is_empty(), "blotter {}: {long:?}", words.join(" "));
    }
}
