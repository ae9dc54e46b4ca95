//! An approval: the text that is signed, the signature that comes back, and whether the two still fit the record.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{AppError, Ctx, ErrorKind, Picked, current, find, would};
use crate::app::change::{Changed, fell_due, fold};
use crate::app::signing;
use crate::record::action::{Action, Approval};
use crate::record::approval::{ApprovalText, LONGEST, Signed, TextKind};
use crate::record::erasure;
use crate::record::event::{Event, Facts, SignersChanged};
use crate::record::id::{Hash, StreamId};
use crate::record::incident::Incident;
use crate::record::incident::decide::{Approve, Asked, Command, decide};
use crate::record::time::Timestamp;
use crate::redact::Counts;
use crate::sign::sshsig::{Key, check};
use crate::sign::{APPROVAL, sshsig};
use crate::store::Store;

/// What an approver is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The action's number.
    pub n: u64,
    /// Who will sign; `None`: whoever acts, or for another machine the only one who may.
    pub approver: Option<String>,
    /// What they say about it.
    pub comment: Option<String>,
    /// It will be signed on another machine.
    pub elsewhere: bool,
}

/// What recording an approval did.
#[derive(Debug)]
pub struct Granted {
    /// The change.
    pub changed: Changed,
    /// The action's number.
    pub n: u64,
    /// The approver.
    pub approver: String,
    /// Fingerprint of the key that signed.
    pub key: String,
    /// The list of signers was another one than at the last approval, and was recorded.
    pub signers_changed: bool,
}

/// The text that allows action `n` as it is recorded now; nothing is written.
///
/// # Errors
/// The record would refuse such an approval, or nobody says who approves.
pub fn request(ctx: &Ctx, store: &Store, picked: &Picked, wish: &Wish) -> Result<ApprovalText, AppError> {
    let incident = current(store, picked)?;
    let action = find(&incident, wish.n)?;
    let approver = approver(ctx, &incident, action, wish)?;
    let limit = i64::try_from(action.rule.expires_s).unwrap_or(i64::MAX).saturating_mul(1000);
    let comment = match wish.comment.as_deref().map(str::trim).filter(|c| !c.is_empty()) {
        Some(c) => Some(ctx.redactor()?.redact_text(c, &mut Counts::new()).into_owned()),
        None => None,
    };
    let ledger = &store.ledger().id;
    let text = ApprovalText::of(ledger, &incident, action, incident.head, &approver, ctx.now().plus_millis(limit)).saying(comment);
    let nobody = signed_by(ctx, &text, &approver);
    would(ctx, store, picked, Command::Approve(command(&text, nobody)))?;
    Ok(text)
}

/// Who approves.
fn approver(ctx: &Ctx, incident: &Incident, action: &Action, wish: &Wish) -> Result<String, AppError> {
    if let Some(named) = &wish.approver {
        return Ok(ctx.config.person(named).map_or_else(|| named.clone(), |(id, _)| id.to_owned()));
    }
    let own = &ctx.actor.name;
    if action.rule.from.contains(own) || !wish.elsewhere {
        super::known_person(ctx, "approve")?;
        return Ok(own.clone());
    }
    let may = |p: &&String| action.rule.allow_self || **p != action.proposer;
    let left: Vec<_> = action.rule.from.iter().filter(may).filter(|p| !action.standing(ctx.now()).any(|a| a.is_by(p))).collect();
    match left.as_slice() {
        [one] => Ok((*one).clone()),
        _ => Err(AppError::usage(format!("{} may be approved by {}", super::name(incident.number, action.n), action.rule.from.join(", ")))
            .hint("Say who will sign with `--for ID`.")),
    }
}

fn command(text: &ApprovalText, signed: Signed) -> Approve {
    Approve {
        n: text.n,
        approver: text.approver.clone(),
        hash: text.hash,
        head: text.head,
        expires_at: text.expires_at,
        comment: text.comment.clone(),
        signed,
    }
}

/// What stands for a signature until there is one.
pub(super) fn signed_by(ctx: &Ctx, text: &ApprovalText, approver: &str) -> Signed {
    let principal = signing::principal(&ctx.config, approver);
    let persons = signing::same_person(&ctx.config, &crate::sign::signers::Signers::default(), None, approver).into_iter().collect();
    Signed {
        text: text.render(),
        signature: String::new(),
        key: String::new(),
        public: String::new(),
        principal,
        persons,
        signers: Hash::ZERO,
    }
}

/// Signs a text in the approver's name; gives the armored signature. `tell` hears what the program says.
///
/// # Errors
/// No key, or the program does not sign.
pub async fn sign(ctx: &Ctx, text: &ApprovalText, key: Option<&Path>, tell: &(dyn Fn(&str) + Sync)) -> Result<String, AppError> {
    sign_as(ctx, &text.approver, &text.render(), key, tell).await
}

/// Signs any text in a person's name; otherwise as [`sign`].
///
/// # Errors
/// No key, or the program does not sign.
pub async fn sign_as(ctx: &Ctx, person: &str, bytes: &str, key: Option<&Path>, tell: &(dyn Fn(&str) + Sync)) -> Result<String, AppError> {
    match signing::tool(ctx, key, person)? {
        signing::Tool::Throwaway(k) => k.sign(bytes.as_bytes(), APPROVAL).map_err(AppError::failed),
        signing::Tool::Program(k) => {
            let e = match k.sign(bytes, APPROVAL, tell).await {
                Ok(sig) => return Ok(sig),
                Err(e) => e,
            };
            Err(AppError::told(ErrorKind::Failed, e.to_string())
                .hint(format!("Nothing was signed with `{}`. `--key FILE` names another key.", k.key.display())))
        }
    }
}

/// A signed text in which everything was checked but what the record is to decide.
pub(super) struct Attested {
    /// What it says.
    pub(super) text: ApprovalText,
    /// What the event keeps of it.
    pub(super) signed: Signed,
    /// The list that it was checked against.
    pub(super) list: SignersChanged,
}

/// Checks a signed text: that it is of this action as it is recorded, and that its key is that of whom it names.
///
/// # Errors
/// It is not, or the list of signers cannot be used.
pub(super) fn attest(
    ctx: &Ctx,
    store: &Store,
    picked: &Picked,
    n: u64,
    kind: TextKind,
    (text, armored): (&str, &str),
) -> Result<Attested, AppError> {
    let read = read(text)?;
    let incident = current(store, picked)?;
    let action = find(&incident, n)?;
    same(&store.ledger().id, &incident, action, kind, &read).map_err(|why| AppError::refused(why).hint(another(incident.number, n)))?;
    if let Some(c) = &read.comment
        && ctx.redactor()?.redact_text(c, &mut Counts::new()) != *c
    {
        return Err(AppError::refused("the comment holds what looks like a secret").hint(another(incident.number, n)));
    }
    let key = check(text.as_bytes(), armored, APPROVAL).map_err(|e| refused(&e))?;
    let listed = signing::listed(ctx)?;
    let principal = signing::principal(&ctx.config, &read.approver);
    listed.signers.allows(&key, &principal, APPROVAL, ctx.now()).map_err(|e| {
        let path = signing::signers_path(ctx).map_or_else(String::new, |p| p.display().to_string());
        AppError::refused(e.to_string()).hint(format!("Whose key counts is written in `{path}`; it is changed by review, not here."))
    })?;
    let persons = signing::same_person(&ctx.config, &listed.signers, Some(&key), &read.approver);
    let (signed, list) = listed.attest(&ctx.config, text, armored, &key, principal, persons);
    Ok(Attested { text: read, signed, list })
}

/// Takes a signed text into the record, once everything in it was checked.
///
/// # Errors
/// The text is not of this action as it is recorded, the signature does not hold, its key is not the approver's, or the
/// record refuses it.
pub fn grant(ctx: &Ctx, store: &mut Store, picked: &Picked, n: u64, text: &str, armored: &str) -> Result<Granted, AppError> {
    let Attested { text: read, signed, list } = attest(ctx, store, picked, n, TextKind::Approval, (text, armored))?;
    let key = signed.key.clone();
    let (approver, command) = (read.approver.clone(), Command::Approve(command(&read, signed)));
    let (events, signers_changed) = enter(ctx, store, picked, command, list)?;
    let changed = Changed { id: picked.brief.id, number: picked.brief.number, events };
    Ok(Granted { changed, n, approver, key, signers_changed })
}

/// Appends what comes of a command that rests on a signature, behind the list of signers where that is a new one.
pub(super) fn enter(
    ctx: &Ctx,
    store: &mut Store,
    picked: &Picked,
    command: Command,
    list: SignersChanged,
) -> Result<(Vec<Event>, bool), AppError> {
    let ledger = store.ledger().id.clone();
    let stream = StreamId::incident(picked.brief.id);
    let running = !matches!(command, Command::Start { .. }) && store.is_executing();
    let mut events = store.append(|tx| {
        let before = tx.load(&stream)?;
        let asked = Asked { actor: &ctx.actor, now: ctx.now(), ledger: &ledger, running };
        let facts = decide(&fold(&before)?, &before, &asked, command)?;
        let known = tx.load(&StreamId::ledger())?;
        let is_new = known.iter().rev().find_map(signers_of).is_none_or(|last| *last != list);
        let first = is_new.then(|| ctx.event(StreamId::ledger(), list, None));
        let own = facts.into_iter().map(|f| ctx.event(stream.clone(), f, None));
        first.into_iter().chain(own).collect::<Result<Vec<_>, AppError>>()
    })?;
    let signers_changed = events.iter().any(|e| signers_of(e).is_some());
    events.retain(|e| signers_of(e).is_none());
    events.extend(fell_due(ctx, store, picked)?);
    Ok((events, signers_changed))
}

fn signers_of(e: &Event) -> Option<&SignersChanged> {
    match &e.facts {
        Facts::SignersChanged(x) => Some(x),
        _ => None,
    }
}

fn another(number: u64, n: u64) -> String {
    format!("Make a new text with `blotter approve {}`, and have that signed.", super::name(number, n))
}

fn refused(e: &sshsig::Fault) -> AppError {
    AppError::refused(e.to_string()).hint("Sign the text again, unchanged: `blotter sign FILE`.")
}

/// Reads a text strictly.
///
/// # Errors
/// It is not in the one form.
pub fn read(text: &str) -> Result<ApprovalText, AppError> {
    ApprovalText::parse(text).map_err(|e| {
        AppError::refused(format!("not a text to sign: {e}"))
            .hint("`blotter approve ACTION --print` writes one; not a byte of it is changed.")
    })
}

/// Compares what a text says with the record; the head and what hangs on it is for the record to judge.
fn same(ledger: &str, incident: &Incident, action: &Action, kind: TextKind, text: &ApprovalText) -> Result<(), String> {
    let own = ApprovalText::of(ledger, incident, action, text.head, &text.approver, text.expires_at);
    match (ApprovalText { kind, ..own }).differs(text) {
        None => Ok(()),
        Some((name, here, there)) => {
            let what = match name {
                "first line" => "another use",
                "ledger" => "another ledger",
                "incident" => "another incident",
                "action" => "another action",
                _ => "another request",
            };
            Err(format!("this approval is for {what}: its {name} is `{there}`, and here it is `{here}`"))
        }
    }
}

/// Checks a recorded approval against the record as it was: the text, and that the named key signed it. Whether the key
/// speaks for the approver depends on the list of the time and is for the caller.
///
/// # Errors
/// What does not fit, on one line.
pub(in crate::app) fn recheck(
    ledger: &str,
    incident: &Incident,
    events: &[Event],
    action: &Action,
    a: &Approval,
) -> Result<(Signed, Key), String> {
    let signed = a.signed().ok_or("it is not signed")?;
    let said = Said { by: &a.approver, expires_at: a.expires_at, head_seq: a.head_seq, comment: a.comment.as_deref() };
    let key = holds(ledger, incident, events, action, TextKind::Approval, &signed, &said)?;
    Ok((signed, key))
}

/// What an event says beside the signed text, to be compared with it.
pub(in crate::app) struct Said<'a> {
    pub(in crate::app) by: &'a str,
    pub(in crate::app) expires_at: Timestamp,
    pub(in crate::app) head_seq: u64,
    pub(in crate::app) comment: Option<&'a str>,
}

/// Checks a recorded signature of any kind against the record as it was; gives the key that made it.
///
/// # Errors
/// What does not fit, on one line.
pub(in crate::app) fn holds(
    ledger: &str,
    incident: &Incident,
    events: &[Event],
    action: &Action,
    kind: TextKind,
    signed: &Signed,
    said: &Said<'_>,
) -> Result<Key, String> {
    let text = ApprovalText::parse(&signed.text).map_err(|e| format!("its text is not in the one form ({e})"))?;
    same(ledger, incident, action, kind, &text)?;
    if !events.iter().any(|e| e.header.seq == text.head.seq && e.hash == text.head.hash) {
        return Err(format!("the record has no event {} with the hash that was signed", text.head.seq));
    }
    let recorded = (said.by, said.expires_at, said.head_seq, said.comment);
    if recorded != (text.approver.as_str(), text.expires_at, text.head.seq, text.comment.as_deref()) {
        return Err("what is recorded of it is not what was signed".to_owned());
    }
    let key = check(signed.text.as_bytes(), &signed.signature, APPROVAL).map_err(|e| e.to_string())?;
    if key.fingerprint() != signed.key || key.line() != signed.public {
        return Err(format!("it names the key {}, and {} signed it", signed.key, key.fingerprint()));
    }
    Ok(key)
}

/// Checks every standing approval of an action once more, against the list of signers as it is now.
///
/// # Errors
/// One does not hold, or the list cannot be read.
pub(super) fn still_hold(ctx: &Ctx, store: &Store, incident: &Incident, action: &Action) -> Result<(), AppError> {
    if action.rule.none {
        return Ok(());
    }
    let listed = signing::listed(ctx)?;
    let events = store.load(&StreamId::incident(incident.id))?;
    for a in action.standing(ctx.now()) {
        let holds = recheck(&store.ledger().id, incident, &events, action, a).and_then(|(_, key)| {
            let principal = signing::principal(&ctx.config, &a.approver);
            listed.signers.allows(&key, &principal, APPROVAL, ctx.now()).map(drop).map_err(|e| e.to_string())
        });
        if let Err(why) = holds {
            let n = super::name(incident.number, action.n);
            return Err(AppError::refused(format!("the approval of {n} by `{}` does not hold: {why}", a.approver))
                .hint(format!("Find out why with `blotter verify`. `blotter deny {n} --reason \"…\"` ends it; then propose it anew.")));
        }
    }
    Ok(())
}

/// The text and its signature, from `NAME.sig` and the `NAME` beside it.
///
/// # Errors
/// A file that cannot be read, or a name that does not end in `.sig`.
pub fn read_pair(signature: &Path) -> Result<(String, String), AppError> {
    if signature.extension().is_none_or(|e| e != "sig") {
        return Err(AppError::usage(format!("`{}` does not end in .sig", signature.display()))
            .hint("The signature of request.txt is request.txt.sig, and the text has to lie beside it."));
    }
    let armored = read_file(signature, sshsig::LONGEST)?;
    Ok((read_file(&signature.with_extension(""), LONGEST)?, armored))
}

/// A text to sign, from a file.
///
/// # Errors
/// It cannot be read, or is not in the one form.
pub fn read_text(path: &Path) -> Result<ApprovalText, AppError> {
    read(&read_file(path, LONGEST)?)
}

/// A request to erase, as it stands in a file; `None` where the file holds something else.
///
/// # Errors
/// The file cannot be read, or hides something.
pub fn read_erasure(path: &Path) -> Result<Option<String>, AppError> {
    let text = read_file(path, LONGEST)?;
    if erasure::read(&text).is_none() {
        return Ok(None);
    }
    match text.lines().all(erasure::is_plain) {
        true => Ok(Some(text)),
        false => Err(AppError::refused(format!("`{}` holds characters that cannot be seen", path.display()))),
    }
}

fn read_file(path: &Path, most: usize) -> Result<String, AppError> {
    let mut text = String::new();
    let most = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    fs::File::open(path)
        .and_then(|f| f.take(most).read_to_string(&mut text))
        .map_err(|e| AppError::usage(format!("`{}` cannot be read: {e}", path.display())))?;
    Ok(text)
}

/// Writes the signature of `text` beside it; an older signature is replaced, anything else is left alone.
///
/// # Errors
/// It cannot be written.
pub fn write_signature(text: &Path, armored: &str) -> Result<PathBuf, AppError> {
    let mut name = text.as_os_str().to_owned();
    name.push(".sig");
    let path = PathBuf::from(name);
    let failed = |e: std::io::Error| AppError::failed(format!("`{}` cannot be written: {e}", path.display()));
    match fs::read(&path) {
        Ok(old) if !old.starts_with(b"-----BEGIN SSH SIGNATURE-----") => {
            return Err(AppError::failed(format!("`{}` is there, and is no signature", path.display())).hint("Move it away first."));
        }
        Ok(_) => fs::remove_file(&path).map_err(failed)?,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(failed(e)),
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, armored.as_bytes()).map_err(failed)?;
    Ok(path)
}
