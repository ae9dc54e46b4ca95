//! Incidents, actions, approvals, follow-ups and readings as files for spreadsheets and auditors.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::app::change::fold;
use crate::app::{AppError, ErrorKind};
use crate::document::table::{Cell, Format, head, row};
use crate::record::action::{Action, Progress};
use crate::record::brief::Brief;
use crate::record::id::StreamId;
use crate::record::incident::Incident;
use crate::record::time::Timestamp;
use crate::store::{Filter, Store};

const INCIDENTS: [&str; 20] = [
    "incident",
    "id",
    "runbook",
    "title",
    "severity",
    "status",
    "drill",
    "began_at",
    "opened_at",
    "acknowledged_at",
    "mitigated_at",
    "resolved_at",
    "owner",
    "evidence",
    "actions",
    "followups",
    "open_followups",
    "summary",
    "head_seq",
    "head_hash",
];
const ACTIONS: [&str; 17] = [
    "action",
    "incident",
    "id",
    "block",
    "kind",
    "text",
    "outcome",
    "detail",
    "proposer",
    "proposed_at",
    "approvals",
    "executor",
    "started_at",
    "ended_at",
    "verification",
    "hash",
    "event",
];
const APPROVALS: [&str; 10] =
    ["action", "incident", "approver", "at", "expires_at", "signed", "self_approved", "revoked", "comment", "event"];
const READINGS: [&str; 4] = ["series", "origin", "at", "value"];

/// A file that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Where.
    pub path: PathBuf,
    /// Rows, without the line of names.
    pub rows: u64,
}

/// Writes `incidents`, `actions`, `approvals` and `readings` into `folder`, each file whole or not at all. Files of
/// these names are replaced.
///
/// # Errors
/// The ledger cannot be read, or the folder cannot be written.
pub fn tables(store: &Store, folder: &Path, format: Format) -> Result<Vec<Written>, AppError> {
    fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
    let mut incidents = Table::new(folder, "incidents", format, &INCIDENTS)?;
    let mut actions = Table::new(folder, "actions", format, &ACTIONS)?;
    let mut approvals = Table::new(folder, "approvals", format, &APPROVALS)?;
    let mut readings = Table::new(folder, "readings", format, &READINGS)?;
    let mut briefs = store.briefs(&Filter::default())?;
    briefs.reverse();
    for b in &briefs {
        incidents.put(&of_incident(b))?;
        if b.actions == 0 {
            continue;
        }
        // The verification of an action is told by other events: all of them are read.
        let incident = fold(&store.load(&StreamId::incident(b.id))?)?;
        for a in &incident.actions {
            actions.put(&of_action(&incident, a))?;
            for x in &a.approvals {
                let name = format!("{}.a{}", incident.number, a.n);
                let event = format!("{}.{}", incident.number, x.seq);
                approvals.put(&[
                    name.into(),
                    incident.number.into(),
                    x.approver.as_str().into(),
                    x.at.into(),
                    x.expires_at.into(),
                    x.signature.is_some().into(),
                    x.self_approved.into(),
                    x.revoked.into(),
                    x.comment.as_deref().into(),
                    event.into(),
                ])?;
            }
        }
    }
    let begin = Timestamp::from_millis(0).ok_or_else(|| AppError::failed("the clock has no beginning"))?;
    for s in store.series()? {
        for sample in store.samples(&s.name, Some(&s.origin), begin, s.newest)? {
            readings.put(&[s.name.as_str().into(), s.origin.as_str().into(), sample.at.into(), sample.value.into()])?;
        }
    }
    [incidents, actions, approvals, readings].into_iter().map(Table::finish).collect()
}

fn of_incident(b: &Brief) -> [Cell<'_>; 20] {
    [
        b.number.into(),
        b.id.to_string().into(),
        b.runbook.as_str().into(),
        b.title.as_str().into(),
        b.severity.as_str().into(),
        b.status.to_string().into(),
        b.drill.into(),
        b.began_at().into(),
        b.opened_at.into(),
        b.acknowledged_at.into(),
        b.mitigated_at.into(),
        b.resolved_at.into(),
        b.owner.as_str().into(),
        b.evidence.into(),
        b.actions.into(),
        b.followups.into(),
        b.open_followups.into(),
        b.summary.as_deref().into(),
        b.head.seq.into(),
        b.head.hash.to_string().into(),
    ]
}

fn of_action<'a>(i: &Incident, a: &'a Action) -> [Cell<'a>; 17] {
    let (outcome, detail, ended): (&str, Option<&str>, Option<Timestamp>) = match &a.progress {
        Progress::Waiting if a.approvals.iter().any(|x| !x.revoked) => ("approved", None, None),
        Progress::Waiting => ("proposed", None, None),
        Progress::Denied { reason, at, .. } => ("denied", Some(reason), Some(*at)),
        Progress::Stale { reason, at } => ("stale", Some(reason), Some(*at)),
        Progress::Started => ("unknown", None, None),
        Progress::Succeeded { text, at, .. } => ("succeeded", Some(text), Some(*at)),
        Progress::Failed { error, at, .. } => ("failed", Some(error), Some(*at)),
        Progress::Unknown { error, at } => ("unknown", Some(error), Some(*at)),
    };
    [
        format!("{}.a{}", i.number, a.n).into(),
        i.number.into(),
        a.id.to_string().into(),
        a.block.as_str().into(),
        a.kind.as_str().into(),
        a.text.as_str().into(),
        outcome.into(),
        detail.into(),
        a.proposer.as_str().into(),
        a.proposed_at.into(),
        (a.approvals.iter().filter(|x| !x.revoked).count() as u64).into(),
        a.executor.as_deref().into(),
        a.started_at.into(),
        ended.into(),
        a.verification.as_ref().map(|v| v.verdict.to_string()).into(),
        a.hash.to_string().into(),
        format!("{}.{}", i.number, a.seq).into(),
    ]
}

fn failed(path: &Path, e: &std::io::Error) -> AppError {
    AppError::told(ErrorKind::Failed, format!("`{}` cannot be written: {e}", path.display()))
}

/// A file as it grows, beside the place that it takes at the end.
struct Table {
    path: PathBuf,
    format: Format,
    columns: &'static [&'static str],
    file: BufWriter<tempfile::NamedTempFile>,
    rows: u64,
}

impl Table {
    fn new(folder: &Path, name: &str, format: Format, columns: &'static [&'static str]) -> Result<Self, AppError> {
        let path = folder.join(format!("{name}.{}", format.extension()));
        let file = tempfile::Builder::new().prefix(".blotter-").tempfile_in(folder).map_err(|e| failed(&path, &e))?;
        let mut table = Self { path, format, columns, file: BufWriter::new(file), rows: 0 };
        table.write(&head(format, columns))?;
        Ok(table)
    }

    fn write(&mut self, text: &str) -> Result<(), AppError> {
        self.file.write_all(text.as_bytes()).map_err(|e| failed(&self.path, &e))
    }

    fn put(&mut self, cells: &[Cell<'_>]) -> Result<(), AppError> {
        self.rows += 1;
        self.write(&row(self.format, self.columns, cells))
    }

    fn finish(self) -> Result<Written, AppError> {
        let Self { path, file, rows, .. } = self;
        let attempt = || -> std::io::Result<()> {
            let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            file.as_file().set_permissions(fs::Permissions::from_mode(0o600))?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            Ok(())
        };
        attempt().map_err(|e| failed(&path, &e))?;
        Ok(Written { path, rows })
    }
}
