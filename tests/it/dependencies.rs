//! What is built in: licences, and one of each stack.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// Licences that ask for no more than their text. One of an `OR` is enough.
const LICENCES: &[&str] = &[
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CDLA-Permissive-2.0",
    "CC0-1.0",
    "Unlicense",
    "BSL-1.0",
    "BlueOak-1.0.0",
];

/// Second TLS stacks, second HTTP clients, and what needs a system library.
const UNWANTED: &[&str] = &[
    "ring",
    "openssl",
    "openssl-sys",
    "native-tls",
    "boring",
    "mbedtls",
    "hyper-tls",
    "curl",
    "isahc",
    "ureq",
    "attohttpc",
    "git2",
    "libssh2-sys",
];

/// Of these there is exactly one version. (Of `http` there are two: the SDK's public types still name the older one.)
const ONCE: &[&str] = &[
    "hyper",
    "hyper-util",
    "hyper-rustls",
    "h2",
    "rustls",
    "tokio-rustls",
    "rustls-webpki",
    "aws-lc-rs",
    "aws-lc-sys",
    "tokio",
    "rusqlite",
    "libsqlite3-sys",
    "reqwest",
    "regex",
    "serde_json",
    "chrono",
    "clap",
];

fn lock() -> Vec<toml::Value> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).expect("Cargo.lock");
    let mut lock: toml::Table = text.parse().expect("TOML");
    let Some(toml::Value::Array(packages)) = lock.remove("package") else { panic!("packages") };
    packages
}

/// Versions of every package, whatever the platform and the features.
fn locked() -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in lock() {
        let text = |key: &str| package[key].as_str().expect("text").to_owned();
        found.entry(text("name")).or_default().insert(text("version"));
    }
    found
}

/// What is built on this machine, tests included: name and licence of each package, as cargo resolves it.
fn built() -> BTreeMap<String, String> {
    let out = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--all-features", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}|{l}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let line = |l: &str| {
        let (package, licence) = l.strip_suffix(" (*)").unwrap_or(l).split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), licence.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// True when one may take what `expression` says: `A AND (B OR C)`, and the old `A/B`.
fn is_free(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ");
    let mut depth = 0;
    let mut split = |text: &str, word: &str| -> Vec<String> {
        let mut parts = vec![String::new()];
        for token in text.replace('(', " ( ").replace(')', " ) ").split_whitespace() {
            match token {
                "(" => depth += 1,
                ")" => depth -= 1,
                _ => {}
            }
            if depth == 0 && token == word {
                parts.push(String::new());
            } else if let Some(last) = parts.last_mut() {
                last.push_str(token);
                last.push(' ');
            }
        }
        parts.iter().map(|p| p.trim().to_owned()).collect()
    };
    let any = split(&expression, "OR");
    if any.len() > 1 {
        return any.iter().any(|e| is_free(e));
    }
    let all = split(&expression, "AND");
    if all.len() > 1 {
        return all.iter().all(|e| is_free(e));
    }
    match expression.trim().strip_prefix('(').and_then(|e| e.strip_suffix(')')) {
        Some(inside) => is_free(inside),
        None => LICENCES.contains(&expression.trim()),
    }
}

#[test]
fn licences_are_read_as_they_are_written() {
    for free in [
        "MIT",
        "MIT OR GPL-3.0",
        "MIT/Apache-2.0",
        "Apache-2.0 AND ISC",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "ISC AND (Apache-2.0 OR ISC)",
    ] {
        assert!(is_free(free), "{free}");
    }
    for not in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR Apache-2.0) AND AGPL-3.0", "MPL-2.0", ""] {
        assert!(!is_free(not), "{not}");
    }
}

#[test]
fn every_licence_may_be_taken() {
    let packages = built();
    assert!(packages.len() > 100, "only {} packages", packages.len());
    let faults: Vec<_> = packages.iter().filter(|(_, licence)| !is_free(licence)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn there_is_one_tls_stack_and_one_http_stack_on_every_platform() {
    let locked = locked();
    let built = built();
    // `ring` is in the lock as an option of rustls that nobody takes, so only what is built tells.
    let is_in = |name: &str| built.contains_key(name) || (name != "ring" && locked.contains_key(name));
    let unwanted: Vec<_> = UNWANTED.iter().filter(|name| is_in(name)).collect();
    assert!(unwanted.is_empty(), "{unwanted:?} came in; `cargo tree -i NAME` says through what");
    let twice: Vec<_> = ONCE.iter().filter_map(|name| locked.get(*name).filter(|v| v.len() != 1).map(|v| (name, v))).collect();
    assert!(twice.is_empty(), "more than one version: {twice:?}");
}

#[test]
fn every_package_comes_from_the_registry() {
    let is_ours = |p: &toml::Value| p["name"].as_str().is_some_and(|n| [env!("CARGO_PKG_NAME"), "blotter-fuzz"].contains(&n));
    let from_registry = |p: &toml::Value| p.get("source").and_then(toml::Value::as_str).is_some_and(|s| s.starts_with("registry+"));
    let elsewhere: Vec<_> = lock().into_iter().filter(|p| !is_ours(p) && !from_registry(p)).map(|p| p["name"].to_string()).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
