//! One file per command; its doc comment is its help.

use clap::Subcommand;

use super::Start;
use super::error::CliError;
use super::exit::Exit;
use super::json;
use super::page;
use super::ui::Ui;
use crate::app::change::Changed;
use crate::app::select::{Picked, pick};
use crate::app::view::{View, view};
use crate::app::{AppError, Ctx};
use crate::config::Environment;
use crate::record::event::Event;
use crate::record::id::IncidentId;
use crate::record::time::Timestamp;
use crate::store::Store;

macro_rules! commands {
    (without settings { $($early:ident :: $earlier:ident),* $(,)? } $($module:ident :: $variant:ident),* $(,)?) => {
        $(pub mod $module;)*
        $(pub mod $early;)*

        /// The commands.
        #[derive(Debug, Subcommand)]
        #[command(defer = true)]
        pub enum Command {
            $($variant($module::Args),)*
            $($earlier($early::Args),)*
        }

        impl Command {
            /// Runs the command.
            ///
            /// # Errors
            /// Whatever the command says.
            pub fn run(self, ui: &Ui, ctx: &Ctx, env: &Environment) -> Result<Exit, CliError> {
                // Not every command needs to know where it was started.
                let _ = env;
                let done = match self {
                    $(Self::$variant(args) => $module::run(ui, ctx, args),)*
                    $(Self::$earlier(_) => Err(CliError::usage("this command has no place in a drill").hint("Type it in a shell.")),)*
                };
                ctx.notices.take().iter().for_each(|n| ui.warn(&super::ui::plain(n)));
                done.map_err(|e| if ctx.drill { e.in_drill() } else { e })
            }

            /// Runs the command if it needs no settings.
            ///
            /// # Errors
            /// Whatever the command says.
            pub fn before_settings(&self, ui: &Ui, start: &Start<'_>) -> Result<Option<Exit>, CliError> {
                match self {
                    $(Self::$earlier(args) => $early::run(ui, start, args).map(Some),)*
                    _ => Ok(None),
                }
            }
        }
    };
}

commands! {
    without settings { init::Init, doctor::Doctor, completions::Completions, man::Man }
    open::Open,
    ack::Ack,
    collect::Collect,
    attach::Attach,
    note::Note,
    correct::Correct,
    severity::Severity,
    decide::Decide,
    escalate::Escalate,
    handoff::Handoff,
    propose::Propose,
    approve::Approve,
    sign::Sign,
    deny::Deny,
    revoke::Revoke,
    execute::Execute,
    review::Review,
    mitigate::Mitigate,
    followup::Followup,
    resolve::Resolve,
    dismiss::Dismiss,
    reopen::Reopen,
    erase::Erase,
    show::Show,
    list::List,
    search::Search,
    stats::Stats,
    triage::Triage,
    observe::Observe,
    tick::Tick,
    readings::Readings,
    deploy::Deploy,
    runbook::Runbook,
    redact::Redact,
    render::Render,
    postmortem::Postmortem,
    verify::Verify,
    checkpoint::Checkpoint,
    export::Export,
    rebuild::Rebuild,
    backup::Backup,
    drill::Drill,
}

/// Which incident is meant.
#[derive(Clone, Debug, clap::Args)]
pub struct Which {
    /// The incident: its number, or at least 8 hex digits of its id; left out, the only active one
    #[arg(short = 'i', long = "incident", value_name = "INCIDENT")]
    pub incident: Option<String>,
}

impl Which {
    /// Finds the incident, saying which one it is when nobody named it.
    ///
    /// # Errors
    /// None or several.
    pub fn pick(&self, ui: &Ui, store: &Store) -> Result<Picked, CliError> {
        self.pick_or(ui, store, None)
    }

    /// [`Which::pick`], with the number that a qualified ref such as `7.a1` carries.
    ///
    /// # Errors
    /// None or several.
    pub fn pick_or(&self, ui: &Ui, store: &Store, qualified: Option<u64>) -> Result<Picked, CliError> {
        let given = match (&self.incident, qualified) {
            (Some(i), Some(q)) if *i != q.to_string() => {
                return Err(CliError::usage(format!("`-i {i}` and the ref's own incident {q} differ")).hint("Leave one of them out."));
            }
            (Some(i), _) => Some(i.clone()),
            (None, q) => q.map(|q| q.to_string()),
        };
        let picked = pick(store, given.as_deref())?;
        if picked.implied && !ui.json {
            let b = &picked.brief;
            ui.say(&format!("on incident {}  {}  {} {}", b.number, b.severity, b.runbook, super::ui::plain(&b.title)));
        }
        Ok(picked)
    }
}

/// How far back a look goes.
#[derive(Clone, Debug, clap::Args)]
pub struct Since {
    /// Only incidents opened since: a span such as 30d, a date, or an instant (UTC)
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

impl Since {
    /// The instant meant.
    ///
    /// # Errors
    /// Not a span, date or instant.
    pub fn read(&self, ctx: &Ctx) -> Result<Option<Timestamp>, AppError> {
        let Some(text) = self.since.as_deref() else { return Ok(None) };
        let span = crate::record::time::parse_span(text).map(|ms| ctx.now().plus_millis(-ms));
        let read = span.or_else(|| format!("{text}T00:00:00Z").parse().ok()).or_else(|| text.parse().ok());
        match read {
            Some(at) => Ok(Some(at)),
            None => Err(AppError::usage(format!("`{text}` is no time to look back to"))
                .hint("Say `--since 30d`, `--since 2026-03-01`, or `--since 2026-03-01T12:00:00Z`.")),
        }
    }
}

/// When something happened that is recorded only now.
#[derive(Clone, Debug, clap::Args)]
pub struct At {
    /// When it happened: "10 minutes ago", 02:13 (UTC), or RFC 3339
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
}

impl At {
    /// The instant meant.
    ///
    /// # Errors
    /// Not a time, or in the future.
    pub fn read(&self, ctx: &Ctx) -> Result<Option<Timestamp>, AppError> {
        self.at.as_deref().map(|t| crate::app::when::parse(t, ctx.now())).transpose()
    }
}

/// What a person must know when a command fails after it did what it was asked to do.
pub(crate) const RECORDED: &str = "It is recorded: do not repeat it. Only showing it failed.";

/// Ends a command that changed an incident: the `show` document under `--json`, one line otherwise.
///
/// # Errors
/// The ledger cannot be read again, or standard output fails.
pub fn changed(ui: &Ui, ctx: &Ctx, store: &Store, changed: &Changed, line: &str) -> Result<Exit, CliError> {
    finish(ui, ctx, store, changed.id, &changed.events, line, Exit::Ok)
}

/// [`changed`], with another exit code.
///
/// # Errors
/// The ledger cannot be read again, or standard output fails.
pub fn finish(ui: &Ui, ctx: &Ctx, store: &Store, id: IncidentId, events: &[Event], line: &str, exit: Exit) -> Result<Exit, CliError> {
    if ui.json {
        let v = look(ctx, store, id).map_err(|e| e.hint(RECORDED))?;
        ui.line(&json(json::show(&v, Some(events)))?)?;
        return Ok(exit);
    }
    if !line.is_empty() {
        ui.line(line)?;
    }
    if events.iter().any(|e| crate::record::timeline::line(e).contains("[redacted:")) {
        ui.say("what looked like a secret was taken out before it was recorded");
    }
    tell_due(ui, ctx, events);
    Ok(exit)
}

/// Looks at an incident again.
///
/// # Errors
/// The ledger cannot be read.
pub fn look(ctx: &Ctx, store: &Store, id: IncidentId) -> Result<View, CliError> {
    let brief = store.brief(id).map_err(AppError::from)?.ok_or_else(|| AppError::failed("the incident is gone"))?;
    Ok(view(ctx, store, &brief)?)
}

/// Says on standard error who has to be told because of these events.
pub fn tell_due(ui: &Ui, ctx: &Ctx, events: &[Event]) {
    for e in events {
        if let crate::record::event::Facts::EscalationRaised(x) = &e.facts {
            let purpose = x.purpose.as_ref().map_or(String::new(), |p| format!(" for {}", super::ui::plain(p)));
            ui.warn(&format!("ESCALATE: tell {}{purpose}: {}", super::ui::plain(&ctx.config.reach(&x.to)), super::ui::plain(&x.reason)));
        }
    }
}

/// Turns a document into the text to print.
///
/// # Errors
/// It cannot be written as JSON.
pub fn json(doc: Result<String, serde_json::Error>) -> Result<String, CliError> {
    doc.map_err(|e| CliError {
        kind: crate::app::ErrorKind::Bug,
        message: format!("cannot write the answer as JSON: {e}"),
        hints: Vec::new(),
    })
}

/// The `next:` lines of an incident, for commands that end by saying what to do.
pub fn say_next(ui: &Ui, v: &View) -> String {
    page::next(ui, &v.next, v.now)
}
