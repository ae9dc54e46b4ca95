//! The command line: parsing, the terminal, errors and exit codes. Only this room prints.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::app::{Clock, Ctx};
use crate::config::{self, ConfigError, Environment, Overrides};
use error::CliError;
use exit::Exit;
use ui::Ui;

pub mod chat;
pub mod commands;
pub mod error;
pub mod exit;
pub mod json;
pub mod line;
pub mod markdown;
pub mod page;
pub mod pager;
pub mod plan;
pub mod text;
pub mod ui;
pub mod watch;

/// Keeps the record of an incident for the person on call
///
/// Opens an incident at page time, runs the runbook's probes and keeps what they saw, holds risky actions until the
/// right person has approved them, and renders the logs from an append-only, hash-chained record.
#[derive(Debug, Parser)]
#[command(
    name = "blotter",
    version,
    max_term_width = 100,
    after_help = "Examples:\n  blotter open INC-001          page time: opens the incident and runs its probes\n  blotter show                  where we are, what is known, what is next\n  blotter propose rollback      plans the rollback; T-JOSH approves, then `blotter execute a1`\n  blotter drill INC-001 --auto  rehearses it all against a simulator\n\nExit codes: 0 ok, 1 failed, 2 usage, 10 unmet, 11 unknown, 12 refused, 13 not verified, 130 interrupted.\n\nEnvironment: BLOTTER_STORE, BLOTTER_CONFIG, BLOTTER_ACTOR, BLOTTER_PROFILE, BLOTTER_REGION, BLOTTER_ACCOUNT as the options say; BLOTTER_PAGER (or PAGER) shows long pages; NO_COLOR, CLICOLOR, TERM=dumb and COLUMNS are heeded."
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: commands::Command,
}

/// Options that every command takes.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Options for every command")]
pub struct Global {
    /// The ledger's file [env: BLOTTER_STORE]
    #[arg(long, global = true, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The settings file, instead of the nearest `blotter.toml` [env: BLOTTER_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Who acts: a person of the settings, by id, e-mail or account [env: BLOTTER_ACTOR]
    #[arg(long = "as", global = true, value_name = "PERSON")]
    actor: Option<String>,
    /// Profile of the AWS configuration; beats keys in the environment [env: BLOTTER_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// AWS region; beats the runbook's [env: BLOTTER_REGION]
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// AWS account that must answer; beats the runbook's [env: BLOTTER_ACCOUNT]
    #[arg(long, global = true, value_name = "ID")]
    account: Option<String>,
    /// Overrides a runbook variable
    #[arg(long = "var", global = true, value_name = "NAME=VALUE", value_parser = pair)]
    vars: Vec<(String, String)>,
    /// Works on a drill's ledger
    #[arg(long, global = true)]
    drill: bool,
    /// Prints one JSON document instead of text
    #[arg(long, global = true)]
    json: bool,
    /// Prints no progress and no remarks
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Answers convenience questions with yes; never an approval
    #[arg(long, short, global = true)]
    yes: bool,
}

/// Reads `NAME=VALUE`.
///
/// # Errors
/// A text without `=`, or without a name.
pub fn pair(s: &str) -> Result<(String, String), String> {
    match s.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// Every command with all of its options, for whoever wants to look at more than one of them.
pub fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

/// Reads a command line. To lay out all commands costs more than most of them do, so the one that is meant is laid out alone;
/// help and errors speak of all of them.
fn parse<T: Clone + Into<std::ffi::OsString>>(args: &[T]) -> Result<Cli, clap::Error> {
    let read = |command: clap::Command| command.try_get_matches_from(args.iter().cloned()).and_then(|m| Cli::from_arg_matches(&m));
    match read(Cli::command()) {
        Err(e) if e.kind() != clap::error::ErrorKind::DisplayVersion => read(command()),
        read => read,
    }
}

/// Runs the process: the only place that looks at its arguments and environment.
pub fn main() -> ExitCode {
    let env = match environment() {
        Ok(env) => env,
        Err(e) => {
            Ui::new(&Environment::default(), false, false, false).warn(&format!("error: the current folder cannot be read: {e}"));
            return Exit::Failed.into();
        }
    };
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(shell) = env.get(commands::completions::ASK) {
        return commands::completions::answer(&env, shell, args).into();
    }
    let wants_json = args.iter().any(|a| a == "--json");
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(e) => return usage(&env, &e, wants_json),
    };
    let ui = Ui::new(&env, cli.global.json, cli.global.quiet, cli.global.yes);
    match run(&ui, &env, cli) {
        Ok(exit) => exit.into(),
        Err(e) => e.print(&ui).into(),
    }
}

fn usage(env: &Environment, e: &clap::Error, wants_json: bool) -> ExitCode {
    let ui = Ui::new(env, wants_json, false, false);
    let is_help = !e.use_stderr();
    if wants_json && !is_help {
        let text = e.render().to_string();
        let first = text.lines().next().unwrap_or("wrong usage").trim_start_matches("error: ").to_owned();
        return CliError::usage(first).hint("`blotter help` shows the commands.").print(&ui).into();
    }
    match e.print() {
        Ok(()) if is_help => Exit::Ok.into(),
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => Exit::Failed.into(),
        _ if is_help => Exit::Ok.into(),
        _ => Exit::Usage.into(),
    }
}

fn environment() -> std::io::Result<Environment> {
    let vars = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?))).collect();
    Ok(Environment { cwd: std::env::current_dir()?, vars })
}

fn run(ui: &Ui, env: &Environment, cli: Cli) -> Result<Exit, CliError> {
    let g = cli.global;
    let over = Overrides {
        config: g.config,
        store: g.store,
        actor: g.actor,
        profile: g.profile,
        region: g.region,
        account: g.account,
        vars: g.vars,
    };
    let start = Start { env, over, drill: g.drill };
    if let Some(done) = cli.command.before_settings(ui, &start)? {
        return Ok(done);
    }
    let ctx = start.ctx()?;
    cli.command.run(ui, &ctx, env)
}

/// What the process was started with, before any settings were read.
#[derive(Clone, Debug)]
pub struct Start<'a> {
    /// The environment.
    pub env: &'a Environment,
    /// What the command line says about settings.
    pub over: Overrides,
    /// `--drill`.
    pub drill: bool,
}

impl Start<'_> {
    /// Reads the settings and finds out who acts.
    ///
    /// # Errors
    /// The settings cannot be used.
    pub fn ctx(&self) -> Result<Ctx, ConfigError> {
        let config = config::load(self.env, &self.over)?;
        let actor = config.actor(self.over.actor.as_deref(), self.env);
        let clock = Clock::system();
        let aws = crate::aws::Settings { profile: config.aws.profile.clone(), ..crate::aws::Settings::new(clock.as_fn()) };
        let flag_vars = self.over.vars.iter().map(|(n, _)| n.clone()).collect();
        Ok(Ctx { config, clock, actor, drill: self.drill, aws, flag_vars, notices: Default::default() })
    }
}

/// A runtime that does not wait for what hangs when it ends: a name that is still being looked up would keep the
/// process for as long as the resolver likes.
#[derive(Debug)]
pub struct Runtime(Option<tokio::runtime::Runtime>);

impl Runtime {
    /// Runs `work` to its end.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.0.as_ref().unwrap_or_else(|| unreachable!("it is taken only when dropped")).block_on(work)
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(rt) = self.0.take() {
            rt.shutdown_background();
        }
    }
}

/// A runtime for the commands that ask the world.
///
/// # Errors
/// The operating system gives no threads.
pub fn runtime() -> Result<Runtime, CliError> {
    Ok(Runtime(Some(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)))
}

/// Runs `work` in a [`Runtime`] of its own.
///
/// # Errors
/// As [`runtime`].
pub fn block_on<F: Future>(work: F) -> Result<F::Output, CliError> {
    Ok(runtime()?.block_on(work))
}

/// Completes at Ctrl-C; never, when the signal cannot be watched.
pub async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
