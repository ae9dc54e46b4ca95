//! Checkpoints that were kept elsewhere, against the events as they are: what finds a cut-off tail, a whole missing
//! incident and an older copy, whoever holds the ledger and its key.

use super::signed::Keys;
use super::{Compared, Finding};
use crate::record::id::Hash;
use crate::record::stated::Stated;
use crate::record::time::Timestamp;

/// A checkpoint that somebody kept, and where it was found, e.g. `exports/GOVERNANCE-LOG.md:31`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outside {
    /// For people.
    pub place: String,
    /// What it says.
    pub stated: Stated,
}

/// Goes along with the walk.
pub(super) struct Elsewhere<'o> {
    /// Smallest first.
    waiting: std::iter::Peekable<std::vec::IntoIter<&'o Outside>>,
    /// The newest that is true: how many events, when the last of them was recorded, and where it was kept.
    held: Option<(u64, Option<Timestamp>, &'o str)>,
    compared: Vec<(&'o Outside, bool)>,
    findings: Vec<Finding>,
}

impl<'o> Elsewhere<'o> {
    pub(super) fn new(outside: &'o [Outside]) -> Self {
        let mut sorted: Vec<&Outside> = outside.iter().collect();
        sorted.sort_by_key(|o| o.stated.size);
        Self { waiting: sorted.into_iter().peekable(), held: None, compared: Vec::new(), findings: Vec::new() }
    }

    /// Whether the next one is over `size` events; saves working out a root that nobody asks for.
    pub(super) fn is_due(&mut self, size: u64) -> bool {
        self.waiting.peek().is_some_and(|o| o.stated.size <= size)
    }

    /// The events up to here are `size` with this root; the last was recorded `at`.
    pub(super) fn reached(&mut self, size: u64, root: Hash, at: Option<Timestamp>) {
        while let Some(o) = self.waiting.next_if(|o| o.stated.size <= size) {
            let holds = o.stated.root == root;
            self.compared.push((o, holds));
            if holds {
                self.held = Some((size, at, &o.place));
                continue;
            }
            let since = self.since();
            self.findings.push(Finding::Problem(
                "rolled-back",
                format!(
                    "the checkpoint in {} saw {size} events with root {}…, the first {size} here have {}…: something was changed, taken out or put in{since}",
                    o.place,
                    o.stated.root.short(),
                    root.short()
                ),
            ));
        }
    }

    fn since(&self) -> String {
        match self.held {
            Some((size, Some(at), place)) => {
                format!(" after event {size} of {}, up to which the one in {place} is true", at.to_seconds())
            }
            Some((size, None, place)) => format!(" after event {size}, up to which the one in {place} is true"),
            None => String::new(),
        }
    }

    /// The log ends with `total` events, the last recorded `at`.
    pub(super) fn end(mut self, total: u64, at: Option<Timestamp>, ledger: &str, keys: &Keys) -> (Vec<Compared>, Vec<Finding>) {
        let newest = at.map_or(String::new(), |at| format!(", the newest of {}", at.to_seconds()));
        while let Some(o) = self.waiting.next() {
            self.compared.push((o, false));
            let since = self.since();
            self.findings.push(Finding::Problem(
                "rolled-back",
                format!(
                    "the checkpoint in {} saw {} events, the ledger has {total}{newest}: its end was cut off, or an older copy was restored{since}",
                    o.place, o.stated.size
                ),
            ));
        }
        let mut compared = Vec::new();
        for (o, holds) in &self.compared {
            let s = &o.stated;
            let signed = s.signature.as_ref().map(|sig| keys.check(s.size, &s.text(ledger), sig));
            // Of what the ledger has not there is no telling which key was in force.
            if let Some(Err(why)) = &signed
                && s.size <= total
            {
                self.findings
                    .push(Finding::Problem("signature", format!("the checkpoint in {} is signed, but not by the ledger: {why}", o.place)));
            }
            let signed = signed.is_some_and(|s| s.is_ok());
            compared.push(Compared { place: o.place.clone(), size: s.size, root: s.root, holds: *holds, signed });
        }
        (compared, self.findings)
    }
}
