//! The one place that says what approvals are signed with, and against which list they are checked.
//!
//! A drill has keys of its own beside its ledger, one for each person, made when they first sign: no real key ever
//! signs a rehearsal, and none is needed for one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{AppError, Ctx, ErrorKind};
use crate::config::Config;
use crate::record::approval::Signed;
use crate::record::event::SignersChanged;
use crate::record::id::{Hash, unhex};
use crate::sign::APPROVAL;
use crate::sign::keygen::{Keygen, WITHIN};
use crate::sign::signers::{LONGEST, Signers, public_key};
use crate::sign::sshsig::{Key, Throwaway};

/// The list of signers as it was read.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The whole file.
    pub text: String,
    /// SHA-256 of it.
    pub hash: Hash,
    /// What it says.
    pub signers: Signers,
}

impl Listed {
    /// What an event keeps of a signature that was checked against this list, and the list as an event of its own.
    /// Whoever signed is called `principal` in it; `persons` are all ids that stand for them.
    pub fn attest(
        self,
        config: &Config,
        text: &str,
        armored: &str,
        key: &Key,
        principal: String,
        persons: BTreeSet<String>,
    ) -> (Signed, SignersChanged) {
        let signed = Signed {
            text: text.to_owned(),
            signature: armored.trim().to_owned() + "\n",
            key: key.fingerprint(),
            public: key.line(),
            principal,
            persons: persons.into_iter().collect(),
            signers: self.hash,
        };
        (signed, SignersChanged { hash: self.hash, content: self.text, principals: principals(config) })
    }
}

/// What signs.
#[derive(Debug)]
pub enum Tool {
    /// `ssh-keygen`, with a person's own key.
    Program(Keygen),
    /// A drill's key.
    Throwaway(Box<Throwaway>),
}

/// The program that signs.
pub fn program(config: &Config) -> PathBuf {
    config.sign.program.clone().unwrap_or_else(|| PathBuf::from("ssh-keygen"))
}

/// Where the list of signers is; `None` where no settings say so.
pub fn signers_path(ctx: &Ctx) -> Option<PathBuf> {
    if ctx.drill {
        return Some(folder(ctx).join("allowed_signers"));
    }
    let beside = || ctx.config.files.first().and_then(|f| f.parent()).map(|d| d.join("allowed_signers"));
    ctx.config.sign.allowed_signers.clone().or_else(beside)
}

/// The list of signers in force.
///
/// # Errors
/// There is no place for it, it cannot be read, or it has faults.
pub fn listed(ctx: &Ctx) -> Result<Listed, AppError> {
    let path = signers_path(ctx).ok_or_else(|| {
        AppError::told(ErrorKind::Config, "no settings say where the list of signers is, so no signature can be checked")
            .hint("`blotter init` writes settings and an `allowed_signers` to fill in; `[sign] allowed-signers` names another place.")
    })?;
    read(&path)
}

/// Reads a list of signers.
///
/// # Errors
/// It cannot be read, or has faults; each is told with its place.
pub fn read(path: &Path) -> Result<Listed, AppError> {
    let wrong = |what: String| AppError::told(ErrorKind::Config, what);
    let mut text = String::new();
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path).and_then(|f| f.take(most).read_to_string(&mut text)).map_err(|e| {
        wrong(format!("`{}` cannot be read: {e}", path.display()))
            .hint("Without it no approval can be checked; `blotter init` writes one to fill in.")
    })?;
    let (signers, faults) = Signers::parse(&text);
    if !faults.is_empty() {
        let all: Vec<_> = faults.iter().map(|f| format!("{}:{f}", path.display())).collect();
        return Err(wrong(all.join("\n")).hint("A list with a fault is not used at all: mend it, then try again."));
    }
    Ok(Listed { hash: Hash::of(&[text.as_bytes()]), text, signers })
}

/// The name that a person has in the list of signers.
pub fn principal(config: &Config, id: &str) -> String {
    config.people.get(id).and_then(|p| p.principal.clone()).unwrap_or_else(|| id.to_owned())
}

/// The principal of every person of the settings.
pub fn principals(config: &Config) -> BTreeMap<String, String> {
    let people = config.people.iter().filter(|(_, p)| !p.is_team());
    people.map(|(id, _)| (id.clone(), principal(config, id))).collect()
}

/// Every id that stands for the person who is called `id` and holds `key`: whoever shares a principal, a key, an e-mail
/// address or an account with them.
pub fn same_person(config: &Config, signers: &Signers, key: Option<&Key>, id: &str) -> BTreeSet<String> {
    let holds = key.map(|k| signers.principals_of(k, APPROVAL)).unwrap_or_default();
    let mut same: BTreeSet<String> = BTreeSet::from([id.to_owned()]);
    let shares = |a: &str, b: &str| {
        let (Some(x), Some(y)) = (config.people.get(a), config.people.get(b)) else { return false };
        let mail = x.emails.iter().any(|e| y.emails.iter().any(|f| f.eq_ignore_ascii_case(e)));
        mail || x.os_users.iter().any(|u| y.os_users.contains(u)) || principal(config, a) == principal(config, b)
    };
    same.extend(holds.iter().map(|p| (*p).to_owned()));
    for (other, principal) in principals(config) {
        if holds.contains(principal.as_str()) {
            same.insert(other);
        }
    }
    // What they share goes on to whoever shares it with those.
    loop {
        let more: Vec<String> =
            principals(config).into_keys().filter(|other| !same.contains(other) && same.iter().any(|s| shares(s, other))).collect();
        if more.is_empty() {
            return same;
        }
        same.extend(more);
    }
}

/// What signs for `person`: a drill's own key, or the program with `key`, the settings' key, or the one key of the home
/// folder that the list names for them.
///
/// # Errors
/// No key is named and none, or more than one, could be meant; a drill's key cannot be made.
pub fn tool(ctx: &Ctx, key: Option<&Path>, person: &str) -> Result<Tool, AppError> {
    if ctx.drill && key.is_none() {
        return throwaway(ctx, person).map(|k| Tool::Throwaway(Box::new(k)));
    }
    let key = match key.map(Path::to_owned).or_else(|| ctx.config.sign.key.clone()) {
        Some(key) => key,
        None => find_key(ctx, person)?,
    };
    Ok(Tool::Program(Keygen { program: program(&ctx.config), key, within: WITHIN }))
}

/// The one key of `~/.ssh` that is listed for the person; without a list, the only one there is.
fn find_key(ctx: &Ctx, person: &str) -> Result<PathBuf, AppError> {
    let folder = ctx.config.home.as_ref().map(|h| h.join(".ssh"));
    let mut found: Vec<(PathBuf, Key)> = Vec::new();
    for entry in folder.iter().filter_map(|f| fs::read_dir(f).ok()).flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|e| e == "pub")
            && let Some(key) = fs::read_to_string(&path).ok().and_then(|t| public_key(&t))
        {
            found.push((path, key));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if let Ok(listed) = listed(ctx) {
        let principal = principal(&ctx.config, person);
        let own: Vec<_> = listed.signers.keys(&principal, APPROVAL, ctx.now()).collect();
        found.retain(|(_, key)| own.contains(&key));
    }
    // Where only the public half lies here, an agent holds the other.
    let whole = |p: &Path| Some(p.with_extension("")).filter(|p| p.is_file()).unwrap_or_else(|| p.to_owned());
    let hint = "Say which with `--key FILE`, or put `[sign] key = \"~/.ssh/…\"` into your own ~/.config/blotter/config.toml.";
    match found.as_slice() {
        [(one, _)] => Ok(whole(one)),
        [] => Err(AppError::refused(format!("no key of `{person}` to sign with was found in ~/.ssh")).hint(hint)),
        several => {
            let names: Vec<_> = several.iter().map(|(p, _)| format!("`{}`", p.display())).collect();
            Err(AppError::refused(format!("several keys could sign for `{person}`: {}", names.join(", "))).hint(hint))
        }
    }
}

/// The folder of a drill's keys.
fn folder(ctx: &Ctx) -> PathBuf {
    let mut name = ctx.config.store.clone().into_os_string();
    name.push(".keys");
    name.into()
}

/// The drill's key of a person; made, and listed, when they first sign.
fn throwaway(ctx: &Ctx, person: &str) -> Result<Throwaway, AppError> {
    let folder = folder(ctx);
    let failed = |e: std::io::Error| AppError::failed(format!("the drill's keys in `{}`: {e}", folder.display()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
    // A name may hold what no file name can.
    let path = folder.join(Hash::of(&[person.as_bytes()]).short());
    let open = |append: bool| fs::OpenOptions::new().create(true).append(append).write(true).mode(0o600).clone();
    if !path.exists() {
        let seed = super::ctx::random::<32>()?;
        open(false).create_new(true).open(&path).and_then(|mut f| f.write_all(crate::record::id::hex(&seed).as_bytes())).map_err(failed)?;
        let principal = principal(&ctx.config, person);
        let line = format!("{principal} namespaces=\"{APPROVAL}\" {}\n", Throwaway::from_seed(&seed).key().line());
        open(true).open(folder.join("allowed_signers")).and_then(|mut f| f.write_all(line.as_bytes())).map_err(failed)?;
    }
    let seed = fs::read_to_string(&path).map_err(failed)?;
    let bytes: [u8; 32] = unhex(seed.trim())
        .and_then(|b| b.try_into().ok())
        .ok_or_else(|| AppError::failed(format!("`{}` is no key of a drill", path.display())))?;
    Ok(Throwaway::from_seed(&bytes))
}

#[cfg(test)]
mod tests;
