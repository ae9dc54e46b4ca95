//! The ledger as a folder of plain files that anybody can check with `sha256sum`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Transaction, TransactionBehavior};

use super::checkpoint::Signed;
use super::error::StoreError;
use super::{Store, key, open, unique};
use crate::record::chain;
use crate::record::id::Hash;
use crate::record::proof::Levels;

/// What checks the folder. Needs only sh, sed, awk, sha256sum and ssh-keygen.
const SCRIPT: &str = include_str!("verify.sh");

/// What was exported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Exported {
    /// Events.
    pub events: u64,
    /// Streams.
    pub streams: u64,
    /// Pieces of evidence.
    pub evidence: u64,
}

/// One stream as far as it was written.
struct Stream {
    /// Its folder.
    n: u64,
    /// How many events it has so far.
    count: u64,
    /// Which leaf of the tree its head is, from 0.
    head: usize,
}

type Streams = HashMap<String, Stream>;

impl Store {
    /// Writes the whole ledger into `dir`, which appears whole or not at all.
    ///
    /// `streams/<NNNN>/<NNNN>.header.json` and `.payload.json` are the stored bytes (no payload file: erased),
    /// `evidence/<digest>.salt` and `.bin` the evidence, `approvals/<NNNN>-<NNNN>.text` and `.sig` what was signed in an
    /// event and the signature; `index` names the streams, `order` lists the events in order, `checkpoint` is the newest
    /// one with `checkpoint.sig` by the key in `checkpoint.signers`, `proofs/<NNNN>` proves that the head of a stream is
    /// among what it covers, `verify.sh` checks it all. `signers` is the file of those whose approvals count, where
    /// there is one; it goes along.
    ///
    /// # Errors
    /// [`StoreError::Occupied`] when `dir` exists and is not empty.
    pub fn export(&self, dir: &Path, signers: Option<&[u8]>) -> Result<Exported, StoreError> {
        if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(StoreError::Occupied { path: dir.to_owned() });
        }
        let what = || StoreError::io(format!("cannot export to `{}`", dir.display()));
        fs::create_dir_all(open::folder(dir)).map_err(what())?;
        let draft = open::beside(dir, &format!(".new-{}", unique()));
        let made = self.write_export(&draft, signers).and_then(|exported| {
            self.still_alone()?;
            fs::rename(&draft, dir).map_err(what())?;
            Ok(exported)
        });
        made.inspect_err(|_| {
            let _ = fs::remove_dir_all(&draft);
        })
    }

    fn write_export(&self, dir: &Path, signers: Option<&[u8]>) -> Result<Exported, StoreError> {
        let what = || StoreError::io(format!("cannot write into `{}`", dir.display()));
        let mut private = fs::DirBuilder::new();
        private.mode(0o700).create(dir).map_err(what())?;
        for sub in ["streams", "evidence", "approvals", "proofs"] {
            fs::create_dir(dir.join(sub)).map_err(what())?;
        }
        let snapshot = Transaction::new_unchecked(&self.conn, TransactionBehavior::Deferred)?;
        let (streams, order, levels) = self.write_events(dir)?;
        let evidence = self.write_evidence(&dir.join("evidence"))?;
        let mut lines: Vec<_> = streams.iter().map(|(name, s)| format!("{:04} {} {}\n", s.n, s.count, as_in_header(name))).collect();
        lines.sort();
        let exported = Exported { events: streams.values().map(|s| s.count).sum(), streams: streams.len() as u64, evidence };
        fs::write(dir.join("index"), lines.concat()).map_err(what())?;
        fs::write(dir.join("order"), order).map_err(what())?;
        for s in streams.values() {
            let path = levels.proof(s.head).unwrap_or_default();
            let lines: String = path.iter().map(|h| format!("{h}\n")).collect();
            fs::write(dir.join(format!("proofs/{:04}", s.n)), format!("{} {}\n{lines}", s.head, levels.size())).map_err(what())?;
        }
        self.write_checkpoint(dir)?;
        if let Some(signers) = signers {
            fs::write(dir.join("allowed_signers"), signers).map_err(what())?;
        }
        fs::write(dir.join("verify.sh"), SCRIPT).map_err(what())?;
        fs::set_permissions(dir.join("verify.sh"), fs::Permissions::from_mode(0o755)).map_err(what())?;
        drop(snapshot);
        Ok(exported)
    }

    fn write_checkpoint(&self, dir: &Path) -> Result<(), StoreError> {
        let what = || StoreError::io(format!("cannot write into `{}`", dir.display()));
        let Some(Signed { checkpoint, signature }) = self.signed_checkpoint()? else { return Ok(()) };
        fs::write(dir.join("checkpoint"), checkpoint.text).map_err(what())?;
        if let Some(signature) = signature {
            fs::write(dir.join("checkpoint.sig"), signature).map_err(what())?;
        }
        if let Some(key) = self.checkpoint_key()? {
            let line = format!("blotter/{} namespaces=\"{}\" {key}\n", self.ledger.id, key::NAMESPACE);
            fs::write(dir.join("checkpoint.signers"), line).map_err(what())?;
        }
        Ok(())
    }

    fn write_events(&self, dir: &Path) -> Result<(Streams, String, Levels), StoreError> {
        let what = || StoreError::io(format!("cannot write into `{}`", dir.display()));
        let (mut streams, mut levels) = (Streams::new(), Levels::default());
        let mut order = String::new();
        let mut query =
            self.conn.prepare("SELECT e.stream, e.header, p.body FROM event e LEFT JOIN payload p ON p.pos = e.pos ORDER BY e.pos")?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let next = streams.len() as u64 + 1;
            let head = levels.size();
            let stream = streams.entry(row.get(0)?).or_insert(Stream { n: next, count: 0, head });
            (stream.count, stream.head) = (stream.count + 1, head);
            let (n, seq) = (stream.n, stream.count);
            let name = format!("{n:04}/{seq:04}");
            if seq == 1 {
                fs::create_dir(dir.join(format!("streams/{n:04}"))).map_err(what())?;
            }
            for (column, part) in [(1, "header"), (2, "payload")] {
                if let ValueRef::Text(bytes) = row.get_ref(column)? {
                    fs::write(dir.join(format!("streams/{name}.{part}.json")), bytes).map_err(what())?;
                }
            }
            levels.push(chain::leaf(row.get_ref(1)?.as_bytes().unwrap_or_default()));
            if let Some((text, signature)) = row.get_ref(2)?.as_str_or_null().ok().flatten().and_then(signed) {
                for (part, bytes) in [("text", text), ("sig", signature)] {
                    fs::write(dir.join(format!("approvals/{n:04}-{seq:04}.{part}")), bytes).map_err(what())?;
                }
            }
            order.push_str(&name);
            order.push('\n');
        }
        Ok((streams, order, levels))
    }

    /// Every blob that an event names.
    fn write_evidence(&self, dir: &Path) -> Result<u64, StoreError> {
        let what = || StoreError::io(format!("cannot write into `{}`", dir.display()));
        let mut query = self.conn.prepare("SELECT DISTINCT u.hash FROM blob_use u JOIN blob b ON b.hash = u.hash")?;
        let digests: Vec<[u8; 32]> = query.query_map([], |r| r.get(0))?.collect::<Result<_, _>>()?;
        for digest in &digests {
            let digest = Hash(*digest);
            let mut reader = self.read_blob(&digest)?;
            fs::write(dir.join(format!("{digest}.salt")), reader.salt()).map_err(what())?;
            let mut file = fs::File::create(dir.join(format!("{digest}.bin"))).map_err(what())?;
            io::copy(&mut reader, &mut file).map_err(|e| match e.kind() {
                io::ErrorKind::InvalidData => StoreError::Corrupt(e.to_string()),
                _ => what()(e),
            })?;
        }
        Ok(digests.len() as u64)
    }
}

/// What a person signed, and the signature, where a payload carries both.
fn signed(payload: &str) -> Option<(String, String)> {
    // Most payloads carry none, and some are long: only then are they read.
    if !payload.contains("\"signature\":{") {
        return None;
    }
    let payload: serde_json::Value = serde_json::from_str(payload).ok()?;
    let part = |name: &str| payload.get("data")?.get("signature")?.get(name)?.as_str().map(str::to_owned);
    Some((part("text")?, part("signature")?))
}

/// A stream's name as it stands between the quotes of a header, so that the script can compare it.
fn as_in_header(name: &str) -> String {
    let quoted = serde_json::Value::from(name).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}
