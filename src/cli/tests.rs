use std::collections::BTreeSet;

use super::*;

/// Every help text there is, long form.
fn helps() -> Vec<(String, String)> {
    fn walk(mut command: clap::Command, path: &str, out: &mut Vec<(String, String)>) {
        let path = format!("{path} {}", command.get_name()).trim().to_owned();
        let subs: Vec<clap::Command> = command.get_subcommands().cloned().collect();
        out.push((path.clone(), command.render_long_help().to_string()));
        subs.into_iter().for_each(|s| walk(s, &path, out));
    }
    let mut out = Vec::new();
    walk(command(), "", &mut out);
    out
}

#[test]
fn the_command_line_is_well_formed() {
    command().debug_assert();
}

#[test]
fn every_variable_that_help_names_is_heeded() {
    let text: String = helps().into_iter().map(|(_, t)| t).collect();
    let named: BTreeSet<&str> =
        text.split(|c: char| !c.is_ascii_uppercase() && c != '_').filter(|w| w.starts_with("BLOTTER_") && *w != "BLOTTER_").collect();
    assert!(named.len() >= 7, "{named:?}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("other.toml"), "actor = \"from-other\"\n").unwrap();
    for name in named {
        let value = if name == "BLOTTER_CONFIG" { "other.toml" } else { "set" };
        let vars = [("HOME", dir.path().display().to_string()), (name, value.to_owned())].map(|(k, v)| (k.to_owned(), v)).into();
        let env = Environment { cwd: dir.path().to_owned(), vars };
        let config = config::load(&env, &Overrides::default()).unwrap();
        let heeded = match name {
            "BLOTTER_STORE" => config.store == dir.path().join("set"),
            "BLOTTER_CONFIG" => config.actor.as_deref() == Some("from-other"),
            "BLOTTER_ACTOR" => config.actor(None, &env).name == "set",
            "BLOTTER_PROFILE" => config.aws.profile.as_deref() == Some("set"),
            "BLOTTER_REGION" => config.aws.region.as_deref() == Some("set"),
            "BLOTTER_ACCOUNT" => config.aws.account.as_deref() == Some("set"),
            "BLOTTER_SIGN_KEY" => config.sign.key == Some(dir.path().join("set")),
            "BLOTTER_PAGER" => pager::choose(&env) != pager::choose(&Environment { vars: Default::default(), ..env.clone() }),
            other => panic!("help names {other}, and nobody knows what it does"),
        };
        assert!(heeded, "{name} is named in help and not heeded");
    }
}

#[test]
fn every_command_has_a_help_that_fits_and_a_manual_page() {
    for (path, text) in helps() {
        assert!(!text.contains('\x1b') && text.contains("Usage:"), "{path}");
        let first = text.lines().next().unwrap_or_default();
        assert!(!first.is_empty() && !first.ends_with('.'), "{path}: {first}");
    }
    let dir = tempfile::tempdir().unwrap();
    clap_mangen::generate_to(Cli::command(), dir.path()).unwrap();
    let pages: BTreeSet<String> =
        std::fs::read_dir(dir.path()).unwrap().map(|f| f.unwrap().file_name().to_string_lossy().into_owned()).collect();
    for want in ["blotter.1", "blotter-open.1", "blotter-runbook-check.1", "blotter-doctor.1"] {
        assert!(pages.contains(want), "{pages:?}");
    }
}

#[test]
fn no_command_at_all_shows_help_and_is_wrong_usage() {
    let e = parse(&["blotter"]).unwrap_err();
    assert!(e.use_stderr() && e.to_string().contains("Usage: blotter"), "{e}");
    let e = parse(&["blotter", "help", "open"]).unwrap_err();
    assert!(!e.use_stderr() && e.to_string().contains("Usage: blotter open"), "{e}");
}

#[test]
fn a_look_up_that_hangs_does_not_keep_the_process() {
    let (free, hang) = std::sync::mpsc::channel::<()>();
    let rt = runtime().unwrap();
    rt.block_on(async { drop(tokio::task::spawn_blocking(move || hang.recv())) });
    // With the runtime's own drop this would wait for ever.
    drop(rt);
    drop(free);
}
