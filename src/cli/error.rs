//! One error type at the face: what was wrong, what kind it is, and what to do next.

use serde_json::json;

use super::exit::Exit;
use super::ui::{Ui, plain_lines};
use crate::app::{AppError, ErrorKind};
use crate::config::ConfigError;
use crate::store::StoreError;

/// An error as the person sees it.
#[derive(Debug)]
pub struct CliError {
    /// Decides the exit code and the word under `--json`.
    pub kind: ErrorKind,
    /// What was wrong, and where.
    pub message: String,
    /// Whole sentences that say what to do.
    pub hints: Vec<String>,
}

impl CliError {
    /// An error in how the command was used.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Usage, message: message.into(), hints: Vec::new() }
    }

    /// Adds a sentence that says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds `--drill` to every command that a hint names, since without it the ledger of a drill is refused.
    #[must_use]
    pub fn in_drill(mut self) -> Self {
        for hint in &mut self.hints {
            let marked = hint.split('`').enumerate().map(|(k, part)| match k % 2 {
                1 if part.starts_with("blotter ") && !part.contains("--drill") => format!("{part} --drill"),
                _ => part.to_owned(),
            });
            *hint = marked.collect::<Vec<_>>().join("`");
        }
        self
    }

    /// The exit code for this kind of error.
    pub fn exit(&self) -> Exit {
        match self.kind {
            ErrorKind::Usage => Exit::Usage,
            ErrorKind::Refused => Exit::Refused,
            ErrorKind::Unknown => Exit::Unknown,
            ErrorKind::Unverified => Exit::Unverified,
            ErrorKind::Interrupted => Exit::Interrupted,
            ErrorKind::Bug => Exit::Bug,
            ErrorKind::Failed | ErrorKind::Store | ErrorKind::Config => Exit::Failed,
        }
    }

    /// Tells the person, or under `--json` whoever reads standard output.
    pub fn print(&self, ui: &Ui) -> Exit {
        if ui.json {
            let doc = json!({"v": 1, "error": {"kind": self.kind.word(), "message": self.message, "hints": self.hints}});
            if let Err(e) = ui.line(&doc.to_string()) {
                ui.warn(&format!("error: cannot write to standard output: {e}"));
            }
        } else {
            ui.warn(&format!("error: {}", plain_lines(&self.message)));
            for h in &self.hints {
                ui.warn(&format!("hint: {}", plain_lines(h)));
            }
        }
        self.exit()
    }
}

impl From<AppError> for CliError {
    fn from(e: AppError) -> Self {
        if let AppError::Store(StoreError::NotFound { .. }) = &e {
            let hint = "`blotter open RUNBOOK` begins one there; `--store FILE` names another. `blotter doctor` looks at all of it.";
            return Self { kind: e.kind(), message: e.to_string(), hints: vec![hint.to_owned()] };
        }
        Self { kind: e.kind(), message: e.to_string(), hints: e.hints() }
    }
}

impl From<ConfigError> for CliError {
    fn from(e: ConfigError) -> Self {
        Self { kind: ErrorKind::Config, message: e.to_string(), hints: Vec::new() }
    }
}

impl From<std::io::Error> for CliError {
    fn from(e: std::io::Error) -> Self {
        Self { kind: ErrorKind::Failed, message: format!("cannot write the answer: {e}"), hints: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_of_a_drill_work_as_typed() {
        let e = CliError::usage("x")
            .hint("Ask T-JOSH; they type `blotter approve 1.a1`. Or `--set x=1`, or `blotter show --drill`.")
            .in_drill();
        assert_eq!(e.hints, ["Ask T-JOSH; they type `blotter approve 1.a1 --drill`. Or `--set x=1`, or `blotter show --drill`."]);
    }
}
