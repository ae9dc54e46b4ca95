//! The words of the person's own ledger and runbooks.

use std::ffi::OsStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::{Arg, Command};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};

use crate::app::change::fold;
use crate::app::{escalation, library};
use crate::cli::Start;
use crate::cli::text::plain;
use crate::config::{self, Config};
use crate::record::id::StreamId;
use crate::record::incident::{EvidenceKind, Incident, Status};
use crate::store::{Access, Filter, Settings, Store};

/// Nobody waits longer than this for somebody else's lock while typing.
const WAIT: Duration = Duration::from_millis(150);
/// Active incidents that are looked into at most.
const ACTIVE: u64 = 5;
/// Incidents that are offered at most, the newest first.
const NEWEST: u64 = 40;

/// What a place on the command line wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Incident,
    IncidentOrEvidence,
    Evidence,
    Action,
    Block,
    Decision,
    FollowUp,
    Probe,
    Rule,
    Runbook,
    Person,
    Series,
}

/// A word with what it stands for.
type Word = (String, String);

/// The words, found at first use.
pub(super) struct Words {
    config: Option<Config>,
    drill: bool,
    active: OnceLock<Vec<Incident>>,
}

impl Words {
    pub(super) fn new(start: &Start<'_>) -> Arc<Self> {
        Arc::new(Self { config: config::load(start.env, &start.over).ok(), drill: start.drill, active: OnceLock::new() })
    }

    fn of(&self, kind: Kind) -> Vec<Word> {
        let Some(config) = &self.config else { return Vec::new() };
        match kind {
            Kind::Incident => self.incidents(),
            Kind::IncidentOrEvidence => [self.incidents(), self.of(Kind::Evidence)].concat(),
            Kind::Evidence => self.refs('e', |i| {
                i.evidence.iter().map(|e| (e.n, match &e.what {
                    EvidenceKind::Observed(o) => format!("{}: {}", o.probe, o.observed),
                    EvidenceKind::Attached { name, .. } => name.clone(),
                    EvidenceKind::Erased => "erased".to_owned(),
                })).collect()
            }),
            Kind::Action => self.refs('a', |i| i.actions.iter().map(|a| (a.n, a.text.clone())).collect()),
            Kind::FollowUp => self.refs('f', |i| i.followups.iter().filter(|f| f.done.is_none()).map(|f| (f.n, f.text.clone())).collect()),
            Kind::Block => self.of_runbooks(|r| r.actions.iter().map(|a| (a.id.clone(), a.kind.clone())).collect()),
            Kind::Decision => self.of_runbooks(|r| r.decides.iter().map(|d| (d.id.clone(), String::new())).collect()),
            Kind::Probe => self.of_runbooks(|r| r.probes.iter().map(|p| (p.id.clone(), p.kind().to_owned())).collect()),
            Kind::Rule => self.of_runbooks(|r| r.escalates.iter().map(|e| (e.id.clone(), format!("tells {}", e.to))).collect()),
            Kind::Runbook => library::headings(config).unwrap_or_default(),
            Kind::Person => config.people.iter().map(|(id, p)| (id.clone(), p.name.clone().unwrap_or_default())).collect(),
            Kind::Series => self.store().and_then(|s| s.series().ok()).unwrap_or_default().into_iter().map(|s| (s.name, s.origin)).collect(),
        }
    }

    fn store(&self) -> Option<Store> {
        let settings = hasty(Settings::default());
        let store = Store::open_with(&self.config.as_ref()?.store, Access::Read, settings).ok()?;
        (store.ledger().drill == self.drill).then_some(store)
    }

    fn incidents(&self) -> Vec<Word> {
        let Some(store) = self.store() else { return Vec::new() };
        let briefs = store.briefs(&Filter { limit: Some(NEWEST), ..Filter::default() }).unwrap_or_default();
        briefs.into_iter().map(|b| (b.number.to_string(), format!("{} {} {} {}", b.severity, b.status, b.runbook, b.title))).collect()
    }

    fn active(&self) -> &[Incident] {
        self.active.get_or_init(|| {
            let Some(store) = self.store() else { return Vec::new() };
            let filter = Filter { status: Some(vec![Status::Open, Status::Mitigated]), limit: Some(ACTIVE), ..Filter::default() };
            let briefs = store.briefs(&filter).unwrap_or_default();
            briefs.iter().filter_map(|b| fold(&store.load(&StreamId::incident(b.id)).ok()?).ok()).collect()
        })
    }

    /// Refs within the active incidents, qualified where there are several.
    fn refs(&self, letter: char, of: impl Fn(&Incident) -> Vec<(u64, String)>) -> Vec<Word> {
        let active = self.active();
        let qualified = |i: &Incident| if active.len() > 1 { format!("{}.", i.number) } else { String::new() };
        active.iter().flat_map(|i| of(i).into_iter().map(|(n, text)| (format!("{}{letter}{n}", qualified(i)), text))).collect()
    }

    fn of_runbooks(&self, of: impl Fn(&crate::runbook::model::Runbook) -> Vec<Word>) -> Vec<Word> {
        let mut out: Vec<Word> = self.active().iter().filter_map(escalation::runbook_of).flat_map(|r| of(&r)).collect();
        out.sort();
        out.dedup();
        out
    }
}

fn hasty(mut settings: Settings) -> Settings {
    settings.wait = WAIT;
    settings
}

/// Tells every argument of every command where its words come from.
pub(super) fn dress(command: Command, words: &Arc<Words>) -> Command {
    let path = command.get_name().to_owned();
    dress_as(command, &path, words)
}

fn dress_as(command: Command, path: &str, words: &Arc<Words>) -> Command {
    let dressed = command.mut_args(|arg| match kind(path, &arg) {
        None => arg,
        Some(kind) => {
            let words = Arc::clone(words);
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| candidates(words.of(kind), typed)))
        }
    });
    dressed.mut_subcommands(|sub| {
        let path = format!("{path} {}", sub.get_name());
        dress_as(sub, &path, words)
    })
}

/// What an argument wants, from the names that people see.
fn kind(path: &str, arg: &Arg) -> Option<Kind> {
    let named = arg.get_value_names().and_then(|n| n.first()).map_or("", |n| n.as_str());
    match (path, named, arg.get_long(), arg.is_positional()) {
        (_, "INCIDENT", ..) => Some(Kind::Incident),
        (_, "INCIDENT|REF", ..) => Some(Kind::IncidentOrEvidence),
        (_, "RUNBOOK", ..) | ("blotter list", _, Some("runbook"), _) => Some(Kind::Runbook),
        ("blotter drill" | "blotter runbook show", _, _, true) => Some(Kind::Runbook),
        (_, "PERSON", ..) | ("blotter handoff", _, _, true) => Some(Kind::Person),
        (_, _, Some("probe"), _) => Some(Kind::Probe),
        ("blotter escalate", _, Some("told"), _) => Some(Kind::Rule),
        ("blotter approve" | "blotter deny" | "blotter revoke" | "blotter execute" | "blotter review", _, _, true) => Some(Kind::Action),
        ("blotter propose", _, _, true) => Some(Kind::Block),
        ("blotter decide", _, _, true) => Some(Kind::Decision),
        ("blotter erase", _, _, true) => Some(Kind::Evidence),
        ("blotter followup done", _, _, true) => Some(Kind::FollowUp),
        ("blotter readings", _, _, true) => Some(Kind::Series),
        ("blotter postmortem", _, _, true) => Some(Kind::Incident),
        _ => None,
    }
}

/// Those that go on as typed, and that a shell takes as they are: a word of the ledger never becomes syntax.
fn candidates(words: Vec<Word>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else { return Vec::new() };
    let is_plain = |w: &str| !w.is_empty() && !w.starts_with('-') && w.chars().all(|c| c.is_ascii_alphanumeric() || "-_.@+".contains(c));
    let short = |text: &str| plain(text).chars().take(60).collect::<String>();
    words
        .into_iter()
        .filter(|(w, _)| is_plain(w) && w.to_ascii_lowercase().starts_with(&typed.to_ascii_lowercase()))
        .map(|(w, text)| CompletionCandidate::new(w).help((!text.is_empty()).then(|| short(&text).into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;


    use super::*;
    use crate::app::page::{OpenRequest, open};
    use crate::app::{Clock, Ctx};
    use crate::config::{Environment, Overrides};

    fn env(dir: &Path) -> Environment {
        let vars = [("HOME", dir.join("nobody").display().to_string()), ("BLOTTER_STORE", dir.join("x.db").display().to_string())];
        Environment { cwd: dir.to_owned(), vars: vars.map(|(k, v)| (k.to_owned(), v)).into() }
    }

    fn ledger(env: &Environment) {
        let config = config::load(env, &Overrides::default()).unwrap();
        let clock = Clock::system();
        let aws = crate::aws::Settings::new(clock.as_fn());
        let ctx = Ctx { actor: config.actor(Some("x"), env), config, clock, drill: false, aws, flag_vars: Vec::new(), notices: Default::default() };
        let request = OpenRequest { runbook: "INC-001".to_owned(), no_probes: true, ..OpenRequest::default() };
        let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        rt.block_on(open(&ctx, &request, &|_| {}, std::future::pending())).unwrap();
    }

    fn offered(env: &Environment, typed: &[&str]) -> Vec<String> {
        let start = Start { env, over: Overrides::default(), drill: false };
        let mut command = dress(crate::cli::command(), &Words::new(&start));
        let words: Vec<OsString> = std::iter::once("blotter").chain(typed.iter().copied()).map(OsString::from).collect();
        let at = words.len() - 1;
        let found = clap_complete::engine::complete(&mut command, words, at, None).unwrap();
        found.iter().map(|c| c.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn the_ledgers_own_words_are_offered() {
        let dir = tempfile::tempdir().unwrap();
        let env = env(dir.path());
        assert!(offered(&env, &["show", "-i", ""]).is_empty(), "no ledger, no words, no error");
        ledger(&env);
        for (typed, want) in [
            (&["show", ""][..], "1"),
            (&["note", "x", "-i", ""], "1"),
            (&["open", "inc-00"], "INC-003"),
            (&["drill", "INC-0"], "INC-001"),
            (&["runbook", "show", ""], "INC-005"),
            (&["collect", "--probe", "st"], "status"),
            (&["sh"], "show"),
            (&["show", "--wa"], "--watch"),
            (&["completions", "z"], "zsh"),
        ] {
            let got = offered(&env, typed);
            assert!(got.iter().any(|w| w == want), "{typed:?} offers {got:?}");
        }
    }

    #[test]
    fn a_word_of_the_ledger_never_becomes_syntax_of_the_shell() {
        let words = ["ok-1", "a b", "$(x)", "`x`", "x;y", "-rf", "", "a\u{1b}b"].map(|w| (w.to_owned(), "\u{1b}[2J".to_owned()));
        let got = candidates(words.to_vec(), OsStr::new(""));
        assert_eq!(got.len(), 1);
        assert!(!got[0].get_help().unwrap().to_string().contains('\u{1b}'));
    }

    #[test]
    fn a_broken_store_offers_nothing_and_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let env = env(dir.path());
        std::fs::write(dir.path().join("x.db"), "not a ledger").unwrap();
        assert!(offered(&env, &["show", "-i", ""]).is_empty());
        std::fs::write(dir.path().join("blotter.toml"), "not toml").unwrap();
        assert!(offered(&env, &["open", ""]).iter().all(|w| !w.starts_with("INC")));
    }
}
