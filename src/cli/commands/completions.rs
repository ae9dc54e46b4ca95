//! `completions`: what the shell offers when the person presses Tab.
//!
//! The script asks this program each time, through [`ASK`], so that it offers the incidents, actions and runbooks there
//! are. Whatever goes wrong meanwhile, nothing is offered and nothing is said: somebody is typing.

use std::ffi::OsString;
use std::io::Write as _;

use clap::ValueEnum;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::ui::Ui;
use crate::cli::Start;
use crate::config::{Environment, Overrides};

mod words;

/// The variable that the scripts set when they ask.
pub const ASK: &str = "BLOTTER_COMPLETE";

/// Print the completion script of a shell
///
/// It offers commands and options, and of your ledger the incidents, actions, follow-ups and runbooks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  source <(blotter completions bash)                                   in ~/.bashrc\n  source <(blotter completions zsh)                                    in ~/.zshrc, after compinit\n  blotter completions fish > ~/.config/fish/completions/blotter.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// Standard output cannot be written.
pub fn run(ui: &Ui, _start: &Start<'_>, args: &Args) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    args.shell.completer().write_registration(ASK, "blotter", "blotter", "blotter", &mut script)?;
    ui.bytes(&script)?;
    Ok(Exit::Ok)
}

/// Answers a script: `args` are the process's own, with the typed words after `--`.
pub fn answer(env: &Environment, shell: &str, args: Vec<OsString>) -> Exit {
    let Ok(shell) = Shell::from_str(shell, true) else { return Exit::Failed };
    let typed: Vec<OsString> = args.into_iter().skip_while(|a| a != "--").skip(1).collect();
    if typed.is_empty() {
        return Exit::Failed;
    }
    let start = Start { env, over: overrides(&typed), drill: typed.iter().any(|a| a == "--drill") };
    let mut command = words::dress(crate::cli::command(), &words::Words::new(&start));
    let mut out = Vec::new();
    match shell.completer().write_complete(&mut command, typed, Some(&env.cwd), &mut out).and_then(|()| std::io::stdout().write_all(&out)) {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Failed,
    }
}

/// What is typed already about which ledger and settings are meant.
fn overrides(typed: &[OsString]) -> Overrides {
    let value = |name: &str| {
        let mut found = None;
        for (k, word) in typed.iter().enumerate() {
            let Some(word) = word.to_str() else { continue };
            if word == name {
                found = typed.get(k + 1).map(std::path::PathBuf::from);
            } else if let Some(v) = word.strip_prefix(name).and_then(|r| r.strip_prefix('=')) {
                found = Some(v.into());
            }
        }
        found
    };
    Overrides { store: value("--store"), config: value("--config"), ..Overrides::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_a_script_that_asks_this_program() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            shell.completer().write_registration(ASK, "blotter", "blotter", "blotter", &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains(ASK) && script.contains("blotter"), "{script}");
        }
    }

    #[test]
    fn the_ledger_that_is_typed_already_is_the_one_that_is_asked() {
        let typed = ["blotter", "--store", "a.db", "show", "--store=b.db", "--config", "c.toml", "--stor"].map(OsString::from);
        let over = overrides(&typed);
        assert_eq!((over.store.unwrap(), over.config.unwrap()), ("b.db".into(), "c.toml".into()));
    }
}
