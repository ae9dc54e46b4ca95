//! Which incident is meant.

use super::AppError;
use crate::record::brief::Brief;
use crate::record::incident::Status;
use crate::store::{Filter, Store};

/// The incident a command works on.
#[derive(Clone, Debug)]
pub struct Picked {
    /// The incident.
    pub brief: Brief,
    /// True when nobody named it: it is the only active one.
    pub implied: bool,
}

/// Finds the incident that `given` names: a number, or at least eight hex digits of its id. Without a name
/// it is the only one that is open or mitigated.
///
/// # Errors
/// None or several; the message lists them.
pub fn pick(store: &Store, given: Option<&str>) -> Result<Picked, AppError> {
    match given {
        Some(name) => named(store, name).map(|brief| Picked { brief, implied: false }),
        None => {
            let filter = Filter { status: Some(vec![Status::Open, Status::Mitigated]), ..Filter::default() };
            let mut active = store.briefs(&filter)?;
            match active.len() {
                1 => Ok(Picked { brief: active.remove(0), implied: true }),
                0 => Err(AppError::usage("no incident is open")
                    .hint("Open one with `blotter open RUNBOOK`, or name one with `-i N`; `blotter list --all` shows them.")),
                _ => Err(AppError::usage(format!("{} incidents are active:\n{}", active.len(), lines(&active)))
                    .hint("Say which one with `-i N`.")),
            }
        }
    }
}

fn named(store: &Store, name: &str) -> Result<Brief, AppError> {
    if let Ok(n) = name.parse::<u64>()
        && let Some(b) = store.by_number(n)?
    {
        return Ok(b);
    }
    let hex: String = name.chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    let is_hex = hex.chars().all(|c| c.is_ascii_hexdigit());
    if is_hex && hex.len() >= 8 {
        let mut found = store.by_prefix(&hex)?;
        match found.len() {
            1 => return Ok(found.remove(0)),
            0 => {}
            _ => {
                return Err(AppError::usage(format!("`{name}` fits {} incidents:\n{}", found.len(), lines(&found)))
                    .hint("Give more digits, or the number."));
            }
        }
    } else if is_hex && hex.len() < 8 && hex.parse::<u64>().is_err() {
        return Err(
            AppError::usage(format!("`{name}` is too short for an id")).hint("Give the number, or at least 8 hex digits of the id.")
        );
    }
    Err(AppError::usage(format!("no incident `{name}`")).hint("`blotter list --all` shows every incident with its number."))
}

fn lines(briefs: &[Brief]) -> String {
    briefs.iter().map(|b| format!("  {}  {}  {}  {}  ({})", b.number, b.severity, b.runbook, b.title, b.id)).collect::<Vec<_>>().join("\n")
}
