//! The ledger's file and the folders that are written to.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access, statvfs};

use super::{Check, State};
use crate::app::{AppError, Ctx};

/// A ledger up to this size is verified whole; a larger one would keep the page waiting.
const VERIFY_MAX: u64 = 64 << 20;
/// Less room than this, and the next attachment may not fit.
const LITTLE: u64 = 1 << 30;
/// Less room than this, and the next event may not fit.
const NONE: u64 = 16 << 20;

/// The ledger: there, ours, whole, with room to grow.
pub(super) fn ledger(ctx: &Ctx) -> Vec<Check> {
    let path = &ctx.config.store;
    let mut out = match fs::metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => vec![missing(path)],
        Err(e) => vec![
            Check::new("store", "ledger", State::Fail, format!("`{}` cannot be looked at: {e}", path.display()))
                .advise("Captures go into a file beside you until it works again: `blotter open --from FILE` records them."),
        ],
        Ok(meta) => there(ctx, path, &meta),
    };
    out.extend(room(path));
    out
}

fn missing(path: &Path) -> Check {
    let folder = nearest(path);
    match access(&folder, Access::WRITE_OK) {
        Ok(()) => Check::new("store", "ledger", State::Ok, format!("none yet; the first `blotter open` makes `{}`", path.display())),
        Err(e) => Check::new("store", "ledger", State::Fail, format!("none yet, and `{}` cannot be written: {e}", folder.display()))
            .advise("Name another place with `--store`, BLOTTER_STORE or `store` in blotter.toml."),
    }
}

fn there(ctx: &Ctx, path: &Path, meta: &fs::Metadata) -> Vec<Check> {
    let shown = path.display();
    let mut out = Vec::new();
    let (uid, own) = (meta.uid(), rustix::process::geteuid().as_raw());
    if uid != own && own != 0 {
        out.push(Check::new("store", "owner", State::Warn, format!("`{shown}` belongs to user {uid}; you are {own}")));
    }
    let mode = meta.mode() & 0o7777;
    out.push(match mode & 0o077 {
        0 => Check::new("store", "mode", State::Ok, format!("{mode:04o}")),
        m if m & 0o022 != 0 => Check::new("store", "mode", State::Fail, format!("others can write the ledger (mode {mode:04o})"))
            .advise(format!("`chmod 600 {shown}`, then `blotter verify`.")),
        _ => Check::new("store", "mode", State::Warn, format!("others can read the ledger (mode {mode:04o})"))
            .advise(format!("`chmod 600 {shown}`")),
    });
    let folder = nearest(path);
    for place in [path, &folder] {
        if let Err(e) = access(place, Access::WRITE_OK) {
            out.push(
                Check::new("store", "writable", State::Fail, format!("`{}` cannot be written: {e}", place.display()))
                    .advise("You can look, and record nothing: mend its permissions or mount."),
            );
        }
    }
    match ctx.read() {
        Err(e) => out.push(fault(&e)),
        Ok(store) => {
            out.extend(store.notices().iter().map(|n| Check::new("store", "notice", State::Warn, n.clone())));
            let drill = if store.ledger().drill { "a drill's ledger, " } else { "" };
            out.push(if meta.len() > VERIFY_MAX {
                Check::new("store", "ledger", State::Skipped, format!("{drill}`{shown}`, {} MiB: not verified here", meta.len() >> 20))
                    .advise("`blotter verify` checks it whole.")
            } else {
                match store.verify(&mut |_| {}) {
                    Err(e) => fault(&e.into()),
                    Ok(r) => match r.problems.first() {
                        None => Check::new(
                            "store",
                            "ledger",
                            State::Ok,
                            format!("{drill}`{shown}`: {} events in {} streams, all whole", r.events, r.streams),
                        ),
                        Some(p) => Check::new(
                            "store",
                            "ledger",
                            State::Fail,
                            format!("{} problems, the first: {} {}", r.problems.len(), p.kind, p.detail),
                        )
                        .advise("`blotter verify` lists them all. Keep the file as it is, and compare it with your last backup."),
                    },
                }
            });
        }
    }
    out
}

fn fault(e: &AppError) -> Check {
    let check = Check::new("store", "ledger", State::Fail, e.to_string());
    match e.hints().into_iter().next() {
        Some(hint) => check.advise(hint),
        None => check,
    }
}

fn room(path: &Path) -> Option<Check> {
    let folder = nearest(path);
    let seen = statvfs(&folder).ok()?;
    let free = seen.f_bavail.saturating_mul(seen.f_frsize);
    let detail = format!("{} MiB free in `{}`", free >> 20, folder.display());
    Some(match free {
        f if f < NONE => Check::new("store", "room", State::Fail, detail).advise("Make room before you need it."),
        f if f < LITTLE => Check::new("store", "room", State::Warn, detail).advise("Make room: evidence can be large."),
        _ => Check::new("store", "room", State::Ok, detail),
    })
}

/// The folder that documents are written to.
pub(super) fn exports(ctx: &Ctx) -> Check {
    let path = &ctx.config.exports;
    let place = if path.is_dir() { path.clone() } else { nearest(path) };
    match access(&place, Access::WRITE_OK) {
        Ok(()) => Check::new("store", "exports", State::Ok, path.display().to_string()),
        Err(e) => Check::new("store", "exports", State::Warn, format!("`{}` cannot be written: {e}", place.display()))
            .advise("`blotter render` would fail here: name another folder with `exports` in blotter.toml."),
    }
}

/// The innermost folder above `path` that exists.
fn nearest(path: &Path) -> PathBuf {
    let up = path.ancestors().skip(1).find(|p| p.is_dir()).unwrap_or(Path::new("."));
    if up.as_os_str().is_empty() { PathBuf::from(".") } else { up.to_owned() }
}
