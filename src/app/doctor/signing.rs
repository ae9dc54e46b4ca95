//! Whether an approval can be signed here, and whether the approvers' keys are known.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Check, State, named};
use crate::app::Ctx;
use crate::config::Environment;
use crate::runbook::model::Runbook;

/// It says that arguments are missing, or that it does not know the option; neither takes any time.
const WITHIN: Duration = Duration::from_secs(2);

/// `ssh-keygen`, new enough to sign.
pub(super) fn program(env: &Environment) -> Check {
    let Some(path) = find(env, "ssh-keygen") else {
        return Check::new("signing", "ssh-keygen", State::Fail, "not on the PATH")
            .advise("Install OpenSSH 8.2 or newer: approvals are signed with it.");
    };
    match complains(&path) {
        Some(text) if text.contains("unknown option") || text.contains("illegal option") || text.contains("invalid option") => {
            Check::new("signing", "ssh-keygen", State::Fail, format!("`{}` is too old to sign (it has no -Y)", path.display()))
                .advise("Install OpenSSH 8.2 or newer.")
        }
        Some(_) => Check::new("signing", "ssh-keygen", State::Ok, path.display().to_string()),
        None => Check::new("signing", "ssh-keygen", State::Unknown, format!("`{}` could not be run", path.display())),
    }
}

/// What it says to `-Y sign` without more: it signs nothing and changes nothing.
fn complains(path: &Path) -> Option<String> {
    let mut child = Command::new(path)
        .args(["-Y", "sign"])
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let until = Instant::now() + WITHIN;
    while child.try_wait().ok()?.is_none() {
        if Instant::now() > until {
            // It hangs; what is left of it is not ours to wait for.
            drop(child.kill());
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut text = String::new();
    child.stderr.take()?.take(4096).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Finds a program the way a shell would.
pub(super) fn find(env: &Environment, program: &str) -> Option<PathBuf> {
    let runs = |p: &PathBuf| fs::metadata(p).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(env.cwd.join(program)).filter(runs);
    }
    env.get("PATH")?.split(':').map(|d| Path::new(d).join(program)).find(runs)
}

/// Whether the keys of those who may approve are in `allowed_signers` beside the settings.
pub(super) fn signers(ctx: &Ctx, runbooks: &[&Runbook]) -> Vec<Check> {
    let approvers: Vec<String> = named(runbooks).into_iter().filter(|(_, what)| !what.approves.is_empty()).map(|(name, _)| name).collect();
    if approvers.is_empty() {
        return Vec::new();
    }
    let Some(path) = ctx.config.files.first().and_then(|f| f.parent()).map(|d| d.join("allowed_signers")) else {
        return vec![
            Check::new("signing", "allowed_signers", State::Warn, "no settings, so no place to look for it")
                .advise("`blotter init` writes both."),
        ];
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) => {
            return vec![
                Check::new("signing", "allowed_signers", State::Fail, format!("`{}` cannot be read: {e}", path.display()))
                    .advise("Without it no approval can be checked; `blotter init` writes one to fill in."),
            ];
        }
    };
    let listed = principals(&text);
    let mut out = vec![Check::new("signing", "allowed_signers", State::Ok, format!("`{}`: {} principals", path.display(), listed.len()))];
    for name in approvers {
        let principal = ctx.config.people.get(&name).and_then(|p| p.principal.clone()).unwrap_or_else(|| name.clone());
        if !listed.contains(&principal) {
            out.push(
                Check::new("signing", &name, State::Fail, format!("may approve, and `{principal}` has no key in allowed_signers"))
                    .advise(format!("Add a line to `{}`: {principal} namespaces=\"approval@blotter\" ssh-ed25519 AAAA…", path.display())),
            );
        }
    }
    out
}

/// The principals of an allowed_signers file; whether its lines are well formed is for whoever checks a signature.
fn principals(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    lines.filter_map(|l| l.split_whitespace().next()).flat_map(|first| first.trim_matches('"').split(',')).map(str::to_owned).collect()
}
