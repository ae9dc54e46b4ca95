//! Whether an approval can be signed here, and whether the approvers' keys are known.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Check, State, named};
use crate::app::{Ctx, signing};
use crate::config::Environment;
use crate::runbook::model::Runbook;
use crate::sign::APPROVAL;

/// It says that arguments are missing, or that it does not know the option; neither takes any time.
const WITHIN: Duration = Duration::from_secs(2);

/// The program that signs, new enough to.
pub(super) fn program(env: &Environment, program: &Path) -> Check {
    let Some(path) = find(env, &program.display().to_string()) else {
        return Check::new("signing", "ssh-keygen", State::Fail, format!("`{}` is no program on the PATH", program.display()))
            .advise("Install OpenSSH 8.2 or newer: approvals are signed with it. `[sign] program` names another one.");
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

/// Whether the list of signers can be used, and holds a key of each of those who may approve.
pub(super) fn signers(ctx: &Ctx, runbooks: &[&Runbook]) -> Vec<Check> {
    let approvers: Vec<String> = named(runbooks).into_iter().filter(|(_, what)| !what.approves.is_empty()).map(|(name, _)| name).collect();
    if approvers.is_empty() {
        return Vec::new();
    }
    let Some(path) = signing::signers_path(ctx) else {
        return vec![
            Check::new("signing", "allowed_signers", State::Warn, "no settings, so no place to look for it")
                .advise("`blotter init` writes both."),
        ];
    };
    let listed = match signing::read(&path) {
        Ok(listed) => listed,
        Err(e) => {
            let check = Check::new("signing", "allowed_signers", State::Fail, e.to_string());
            return vec![check.advise(e.hints().into_iter().next().unwrap_or_default())];
        }
    };
    let count = format!("`{}`: {} keys", path.display(), listed.signers.lines.len());
    let mut out = vec![Check::new("signing", "allowed_signers", State::Ok, count)];
    for name in approvers {
        let principal = signing::principal(&ctx.config, &name);
        let mut keys = listed.signers.keys(&principal, APPROVAL, ctx.now());
        if keys.next().is_some() {
            continue;
        }
        let why = if listed.signers.knows(&principal, APPROVAL) { "no key that is valid now" } else { "no key" };
        out.push(
            Check::new("signing", &name, State::Fail, format!("may approve, and `{principal}` has {why} in allowed_signers"))
                .advise(format!("Add a line to `{}`: {principal} namespaces=\"{APPROVAL}\" ssh-ed25519 AAAA…", path.display())),
        );
    }
    out
}
