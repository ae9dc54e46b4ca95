//! Holds the layers of ARCHITECTURE.md: which room may name which, which crates, and who may touch the world.
//!
//! Every rule is applied to snippets that break it, too: a checker that cannot complain checks nothing.

use std::collections::BTreeSet;
use std::path::Path;

use crate::source::{Source, read_all};

/// A room: the rooms it may name, and whether it is pure (no clock, environment, file system, network, async).
struct Room {
    name: &'static str,
    may_use: &'static [&'static str],
    pure: bool,
}

const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use, pure: true }
}

const fn shell(name: &'static str, may_use: &'static [&'static str]) -> Room {
    Room { name, may_use, pure: false }
}

const ROOMS: &[Room] = &[
    pure("record", &[]),
    pure("runbook", &["record"]),
    pure("document", &["record"]),
    shell("store", &["record"]),
    shell("collect", &["record", "aws", "redact"]),
    shell("perform", &["record", "aws"]),
    shell("aws", &["record"]),
    shell("redact", &["record"]),
    shell("sign", &["record"]),
    shell("notify", &["record"]),
    shell("config", &["record"]),
    shell("simulator", &["record"]),
    shell(
        "app",
        &["record", "runbook", "document", "store", "collect", "perform", "aws", "redact", "sign", "notify", "config", "simulator"],
    ),
    // `app` and what it returns: never the rooms that touch the world.
    shell("cli", &["app", "record", "runbook", "document", "store", "aws", "redact", "sign", "config"]),
];

/// Parts of a room that alone may name another one.
const ONLY: &[(&str, &[&str])] = &[
    ("perform", &["app::action"]),
    ("simulator", &["app::drill"]),
    ("notify", &["app::tick", "app::escalation"]),
    ("collect", &["app::engine", "app::ctx", "app::next"]),
];

/// Crates that any room may use: they compute.
const FREE: &[&str] = &["serde", "serde_json", "sha2", "thiserror", "base64", "chrono", "uuid", "bytes"];

/// All other crates, with the rooms that may use them.
const CRATES: &[(&str, &[&str])] = &[
    ("regex", &["runbook", "document", "redact", "config", "app"]),
    ("jmespath", &["runbook"]),
    ("pulldown_cmark", &["runbook", "document", "cli"]),
    ("toml", &["runbook", "config", "cli"]),
    ("strsim", &["runbook", "config", "app", "cli"]),
    ("svg", &["document"]),
    ("unicode_width", &["document", "cli"]),
    ("rusqlite", &["store"]),
    ("refinery", &["store"]),
    ("zstd", &["store"]),
    ("ed25519_dalek", &["store"]),
    ("ssh_key", &["store", "sign"]),
    ("tempfile", &["store", "config", "sign", "app"]),
    ("getrandom", &["store", "sign", "app"]),
    ("rustix", &["store", "sign", "app", "cli"]),
    ("etcetera", &["config"]),
    ("reqwest", &["collect", "notify"]),
    ("flate2", &["collect"]),
    ("ciborium", &["simulator"]),
    ("hyper", &["aws", "collect", "simulator"]),
    ("hyper_util", &["simulator"]),
    ("http_body_util", &["aws", "simulator"]),
    ("aws_config", &["aws", "perform"]),
    ("aws_credential_types", &["aws"]),
    ("aws_smithy_http_client", &["aws"]),
    ("aws_smithy_runtime_api", &["aws", "collect", "perform"]),
    ("aws_smithy_types", &["aws", "collect", "perform"]),
    ("aws_sdk_sts", &["aws"]),
    ("aws_sdk_cloudwatch", &["collect"]),
    ("aws_sdk_cloudwatchlogs", &["collect"]),
    ("aws_sdk_lambda", &["collect", "perform"]),
    ("aws_sdk_sesv2", &["collect", "perform"]),
    ("aws_sdk_sfn", &["collect", "perform"]),
    ("tokio", &["aws", "collect", "perform", "sign", "notify", "simulator", "app", "cli"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("anstream", &["cli"]),
    ("anstyle", &["cli"]),
    ("indicatif", &["cli"]),
];

/// What a pure room may not name.
const WORLD: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::path::Path::exists",
    "Instant",
    "SystemTime",
    "Utc::now",
    "Local::now",
    "Local",
];

/// Paths of the standard library with the parts that alone may name them.
const GUARDED: &[(&str, &[&str])] = &[
    ("std::env", &["cli", "app::spool"]),
    ("std::process::Command", &["config", "sign", "app::doctor", "cli::pager"]),
    ("tokio::process", &["notify", "sign"]),
    ("std::net", &["collect", "simulator"]),
    ("tokio::net", &["simulator"]),
    ("Utc::now", &["app::ctx"]),
    ("SystemTime::now", &[]),
    ("std::process::exit", &[]),
];

/// The stack that the built-in runbooks are about. Only they and the simulator know it.
const STACK: &[&str] = &["mission-control", "mission control", "/beak", "duckling", "spaceduck", "peck_", "peck.", "peck-", "121546003735"];

/// Lines that a file may have at most.
const LINES: usize = 700;

/// Everything that is wrong with one file.
fn faults(file: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let module = file.module.join("::");
    let room = ROOMS.iter().find(|r| r.name == file.room());
    let mut fault = |what: String| found.push(format!("{}: {what}", file.path));
    if room.is_none() && !module.is_empty() {
        fault(format!("`{}` is no room of the house; add it to ARCHITECTURE.md and to this test", file.room()));
    }
    for path in file.paths() {
        if let Some(other) = path.strip_prefix("crate::").and_then(|p| p.split("::").next())
            && let Some(room) = room
            && other != room.name
            && ROOMS.iter().any(|r| r.name == other)
        {
            if !room.may_use.contains(&other) {
                fault(format!("{} may not name {other} (`{path}`)", room.name));
            } else if room.name == "app" && !is_in(&module, ONLY.iter().find(|(name, _)| *name == other).map(|(_, parts)| *parts)) {
                fault(format!("this part of app may not name {other} (`{path}`)"));
            }
        }
        if file.room() == "simulator" && path.starts_with("crate::record::") && !path.starts_with("crate::record::time::") {
            fault(format!("of record the simulator knows only time (`{path}`)"));
        }
        let first = path.split("::").next().unwrap_or_default();
        if let Some((_, rooms)) = CRATES.iter().find(|(name, _)| *name == first)
            && !rooms.contains(&file.room())
        {
            fault(format!("{first} is not for {} (`{path}`)", file.room()));
        }
        for (_, parts) in GUARDED.iter().filter(|(guarded, _)| names(&path, guarded)) {
            if !is_in(&module, Some(parts)) {
                fault(format!("`{path}` is not for this part"));
            }
        }
        if room.is_some_and(|r| r.pure)
            && let Some(world) = WORLD.iter().find(|w| names(&path, w))
        {
            fault(format!("a pure room may not name {world} (`{path}`)"));
        }
        if (names(&path, "io::stdout") || names(&path, "io::stderr")) && file.room() != "cli" {
            fault(format!("only cli prints (`{path}`)"));
        }
    }
    let words = words(&file.code);
    for printed in ["print!", "println!", "eprint!", "eprintln!", "dbg!"] {
        if words.contains(printed) {
            fault(format!("`{printed}`: only `cli::ui` prints"));
        }
    }
    if words.contains("async") && !CRATES.iter().any(|(name, rooms)| *name == "tokio" && rooms.contains(&file.room())) {
        fault("async code is not for this room".to_owned());
    }
    if file.room() != "simulator" && file.path != "src/runbook/builtin.rs" {
        let text = file.shipped.to_lowercase();
        for name in STACK.iter().filter(|name| text.contains(**name)) {
            fault(format!("names `{name}`: only the runbooks and the simulator know the stack"));
        }
    }
    let lines = file.text.lines().count();
    if lines > LINES {
        fault(format!("{lines} lines; more than {LINES} ask for a second room"));
    }
    found
}

/// True when `module` is one of `parts` or lies in one; without a rule everything may.
fn is_in(module: &str, parts: Option<&[&str]>) -> bool {
    parts.is_none_or(|parts| parts.iter().any(|p| module == *p || module.starts_with(&format!("{p}::"))))
}

/// True when `path` contains `what` as whole segments: `std::fs` is named by `std::fs::read`.
fn names(path: &str, what: &str) -> bool {
    format!("::{path}::").contains(&format!("::{what}::"))
}

/// The words of the code; the names of macros with their `!`.
fn words(code: &str) -> BTreeSet<&str> {
    let split = code.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '_'));
    split.map(|w| w.trim_end_matches(|c: char| c != '!' && !(c.is_alphanumeric() || c == '_'))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_rooms_name_only_what_they_may() {
    let files = read_all(root());
    assert!(files.len() > 100, "only {} files were found", files.len());
    let found: Vec<_> = files.iter().flat_map(faults).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_crate_has_its_rooms() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let declared = manifest["dependencies"].as_table().expect("a table").keys().map(|k| k.replace('-', "_"));
    let known: BTreeSet<_> = CRATES.iter().map(|(name, _)| *name).chain(FREE.iter().copied()).collect();
    let new: Vec<_> = declared.filter(|name| !known.contains(name.as_str())).collect();
    assert!(new.is_empty(), "say in tests/it/layering.rs which rooms may use {new:?}");
}

#[test]
fn the_checker_complains() {
    let long = "\n".repeat(LINES + 1);
    let cases = [
        ("src/record/event.rs", "use crate::store::Store;", "record may not name store"),
        ("src/record/event.rs", "fn f() { crate::runbook::parse() }", "record may not name runbook"),
        ("src/record/event.rs", "use std::{fmt, fs};", "pure room may not name std::fs"),
        ("src/record/event.rs", "use std::time::{Duration, Instant};", "pure room may not name Instant"),
        ("src/record/event.rs", "fn f() { let t = chrono::Utc::now(); }", "pure room may not name Utc::now"),
        ("src/runbook/parse.rs", "fn f() { std::env::var(\"HOME\") }", "pure room may not name std::env"),
        ("src/runbook/parse.rs", "use std::net::TcpStream;", "pure room may not name std::net"),
        ("src/runbook/parse.rs", "async fn f() {}", "async code"),
        ("src/runbook/parse.rs", "use super::super::document::escape;", "runbook may not name document"),
        ("src/document/markdown.rs", "use tokio::time;", "tokio is not for document"),
        ("src/document/markdown.rs", "use crate::{record, store::{self, Filter}};", "document may not name store"),
        ("src/collect/http.rs", "use crate::perform;", "collect may not name perform"),
        ("src/collect/http.rs", "use super::super::store::Store;", "collect may not name store"),
        ("src/store/read.rs", "use crate::collect;", "store may not name collect"),
        ("src/perform/lambda.rs", "type S = crate::store::Store;", "perform may not name store"),
        ("src/simulator/logs.rs", "use crate::record::event::Event;", "the simulator knows only time"),
        ("src/app/page.rs", "use crate::perform::lambda;", "this part of app may not name perform"),
        ("src/app/page.rs", "use crate::simulator::World;", "this part of app may not name simulator"),
        ("src/app/page.rs", "use clap::Args;", "clap is not for app"),
        ("src/app/page.rs", "fn f() { println!(\"x\"); }", "only `cli::ui` prints"),
        ("src/app/page.rs", "use std::io; fn f() { io::stdout().lock(); }", "only cli prints"),
        ("src/app/page.rs", "use std::io::stderr;", "only cli prints"),
        ("src/app/page.rs", "fn f() { std::process::exit(1) }", "`std::process::exit` is not for this part"),
        ("src/app/page.rs", "use rusqlite::Connection;", "rusqlite is not for app"),
        ("src/redact.rs", "use std::process::Command;", "is not for this part"),
        ("src/cli/commands/open.rs", "use crate::collect::World;", "cli may not name collect"),
        ("src/cli/commands/open.rs", "use aws_sdk_lambda::Client;", "aws_sdk_lambda is not for cli"),
        ("src/cli/commands/open.rs", "use reqwest::Client;", "reqwest is not for cli"),
        ("src/cli/commands/open.rs", "const EXAMPLE: &str = \"/beak/system\";", "names `/beak`"),
        ("src/attic.rs", "", "is no room"),
        ("src/store/read.rs", long.as_str(), "ask for a second room"),
    ];
    for (path, code, expected) in cases {
        let found = faults(&Source::new(path, code));
        assert!(found.iter().any(|f| f.contains(expected)), "{path}: `{code}` gave {found:?}, not `{expected}`");
    }
}

#[test]
fn the_checker_is_quiet_about_what_is_allowed() {
    let cases = [
        ("src/record/event.rs", "use std::{fmt, collections::BTreeMap}; use super::id::Hash; use crate::record::time;"),
        ("src/record/event.rs", "#[cfg(test)]\nmod tests { use crate::store; fn f() { std::fs::read(\"x\") } }"),
        ("src/app/action/execute.rs", "use crate::perform::{self, Call};"),
        ("src/app/drill.rs", "use crate::simulator::World;"),
        ("src/cli/ui.rs", "fn f() { std::io::stdout().lock(); }"),
        ("src/collect/lambda.rs", "async fn f() { aws_sdk_lambda::Client::new(c).await }"),
        ("src/simulator/world.rs", "use crate::record::time::Timestamp; const N: &str = \"/beak\";"),
    ];
    for (path, code) in cases {
        assert_eq!(faults(&Source::new(path, code)), Vec::<String>::new(), "{path}: {code}");
    }
}
