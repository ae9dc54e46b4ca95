//! `show`: the page at 3 a.m.

use super::{Which, json, look};
use crate::app::Ctx;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::cli::watch::watch;
use crate::cli::{chat, json as documents, page};
use crate::record::id::{Ref, RefKind};

/// Show an incident: where it stands, what is known, what is next
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  blotter show\n  blotter show 7 --timeline\n  blotter show --watch       stays, and draws it again every two seconds\n  blotter show --chat        what to paste into the chat\n  blotter show 7.e1          the whole answer of a probe\n  blotter show 7.a1          the whole plan of an action")]
pub struct Args {
    /// An incident, or a ref within one (e1, 7.e1, a1)
    #[arg(value_name = "INCIDENT|REF")]
    what: Option<String>,
    #[command(flatten)]
    which: Which,
    /// Every event, one line each
    #[arg(long, short)]
    timeline: bool,
    /// Draw it again every two seconds, until Ctrl-C
    #[arg(long, short, conflicts_with = "chat")]
    watch: bool,
    /// What to paste into the chat: a few lines of plain text
    #[arg(long, conflicts_with = "timeline")]
    chat: bool,
}

/// Runs the command.
///
/// # Errors
/// No such incident or evidence.
pub fn run(ui: &Ui, ctx: &Ctx, args: Args) -> Result<Exit, CliError> {
    if args.chat && ui.json {
        return Err(chat::not_json());
    }
    if args.watch {
        let which = args.what.map_or(args.which, |w| Which { incident: Some(w) });
        let id = which.pick(&Ui { quiet: true, ..ui.clone() }, &ctx.read()?)?.brief.id;
        // Opened anew each time: somebody else is writing meanwhile.
        return watch(ui, |ui| Ok(page::show(ui, &look(ctx, &ctx.read()?, id)?, args.timeline)));
    }
    let store = ctx.read()?;
    let reference = args.what.as_deref().and_then(|w| w.parse::<Ref>().ok()).filter(|r| r.kind == RefKind::Evidence);
    if let Some(r) = reference {
        let picked = args.which.pick_or(ui, &store, r.incident)?;
        return evidence(ui, ctx, &store, picked.brief.id, r.n);
    }
    if let Some(r) = args.what.as_deref().and_then(|w| w.parse::<Ref>().ok()).filter(|r| r.kind == RefKind::Action) {
        let picked = args.which.pick_or(ui, &store, r.incident)?;
        return action(ui, ctx, &store, picked.brief.id, r.n);
    }
    let which = match args.what {
        Some(w) => Which { incident: Some(w) },
        None => args.which,
    };
    let picked = which.pick(ui, &store)?;
    let v = look(ctx, &store, picked.brief.id)?;
    if ui.json {
        ui.line(&json(documents::show(&v, None))?)?;
    } else if args.chat {
        ui.out(&chat::text(&ctx.config, &v))?;
    } else {
        ui.page(&page::show(ui, &v, args.timeline))?;
    }
    Ok(Exit::Ok)
}

/// The whole plan of one action; under `--json` the incident, which has it too.
fn action(ui: &Ui, ctx: &Ctx, store: &crate::store::Store, id: crate::record::id::IncidentId, n: u64) -> Result<Exit, CliError> {
    let v = look(ctx, store, id)?;
    let a = v.incident.action(n).ok_or_else(|| {
        CliError::usage(format!("incident {} has no action a{n}", v.incident.number)).hint(format!("`blotter show {}` lists its actions.", v.incident.number))
    })?;
    if ui.json {
        ui.line(&json(documents::show(&v, None))?)?;
    } else {
        ui.out(&crate::cli::plan::plan(ui, ctx, &v, a))?;
    }
    Ok(Exit::Ok)
}

/// The bytes of one piece of evidence: as they are into a pipe, made harmless on a terminal.
fn evidence(ui: &Ui, ctx: &Ctx, store: &crate::store::Store, id: crate::record::id::IncidentId, n: u64) -> Result<Exit, CliError> {
    use crate::record::incident::EvidenceKind;
    let v = look(ctx, store, id)?;
    let e = v.incident.evidence(n).ok_or_else(|| {
        CliError::usage(format!("incident {} has no evidence e{n}", v.incident.number)).hint("`blotter show` lists its evidence.")
    })?;
    let blob = match &e.what {
        EvidenceKind::Observed(o) => o.blob.clone(),
        EvidenceKind::Attached { blob, .. } => Some(blob.clone()),
        EvidenceKind::Erased => None,
    };
    if matches!(e.what, EvidenceKind::Erased)
        && let Some((by, x)) = crate::app::erasure::of(&v.events, e.seq)
    {
        let allowed = x.approved_by.join(", ");
        let message = format!("e{n} was erased by {}.{by}, allowed by {allowed}: {}", v.incident.number, x.reason);
        return Err(CliError { kind: crate::app::ErrorKind::Unknown, message, hints: Vec::new() });
    }
    let Some(blob) = blob else {
        ui.say(&page::evidence(ui, e));
        return Err(CliError { kind: crate::app::ErrorKind::Unknown, message: format!("e{n} has no answer to show"), hints: Vec::new() });
    };
    let bytes = store.blob_bytes(&blob.digest).map_err(crate::app::AppError::from)?;
    if ui.out_tty {
        let text = String::from_utf8_lossy(&bytes);
        let pretty = serde_json::from_str::<serde_json::Value>(&text).and_then(|v| serde_json::to_string_pretty(&v)).unwrap_or_else(|_| text.into_owned());
        ui.page(&format!("{}\n", crate::cli::ui::plain_lines(&pretty)))?;
    } else {
        ui.bytes(&bytes)?;
    }
    Ok(Exit::Ok)
}
