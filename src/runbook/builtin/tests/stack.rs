//! Nothing but the built-in runbooks and the simulator knows the stack that they are about.
//!
//! The line: names of that stack stand nowhere else in `src/`, not even in comments. The ids of incidents and persons
//! (`INC-001`, `T-JOSH`) are what a user types, so examples in help, hints and comments may show them; code may not.
//! Tests may name anything.

use std::path::{Path, PathBuf};

/// Names of the stack.
const STACK: [&str; 10] = [
    "mission-control",
    "mission control",
    "czt9d57q83",
    "beak",
    "duckling",
    "spaceduck",
    "space duck",
    "peck",
    "birth_certificates",
    "121546003735",
];

/// Ids that examples may show.
const EXAMPLES: [&str; 3] = ["inc-00", "t-josh", "spaceduck-bot"];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() && !matches!(name.as_str(), "tests" | "simulator") {
            files(&entry, found);
        } else if name.ends_with(".rs") && !matches!(name.as_str(), "tests.rs" | "testing.rs" | "simulator.rs" | "builtin.rs") {
            found.push(entry);
        }
    }
}

/// The lines that ship: everything above an inline `mod tests {`.
fn shipped(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..end].lines().enumerate().map(|(n, line)| (n + 1, line))
}

fn faults(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (n, line) in shipped(text) {
        let lower = line.to_lowercase();
        let is_example = line.trim_start().starts_with("//") || ["after_help", "blotter ", "hint"].iter().any(|w| line.contains(w));
        let words = STACK.iter().chain(EXAMPLES.iter().filter(|_| !is_example));
        found.extend(words.filter(|w| lower.contains(*w)).map(|w| format!("{path}:{n} names {w}: {line}")));
    }
    found
}

#[test]
fn nothing_else_names_the_stack() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut all = Vec::new();
    files(&root, &mut all);
    assert!(all.len() > 30, "{} files are few", all.len());
    let found: Vec<String> = all.iter().flat_map(|p| faults(&p.display().to_string(), &std::fs::read_to_string(p).unwrap())).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_search_finds_what_it_looks_for() {
    for (text, n) in [
        ("let url = \"https://x/beak/system\";", 1),
        ("/// Such as `mission-control-api`.", 1),
        ("/// E.g. `INC-001`.", 0),
        ("#[command(after_help = \"blotter open INC-001\")]", 0),
        ("if id == \"INC-003\" {", 1),
        ("let to = \"T-JOSH\";", 1),
        ("fn x() {}\n\n#[cfg(test)]\nmod tests {\n    // peck\n}\n", 0),
    ] {
        assert_eq!(faults("x.rs", text).len(), n, "{text}");
    }
}
