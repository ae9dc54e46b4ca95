//! Copying a ledger while it is in use.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::error::StoreError;
use super::verify::VerifyReport;
use super::{Access, Store, open, unique};

impl Store {
    /// Writes a copy (0600) as of now to `file`, which must not exist, and checks the copy. The report is the copy's: a
    /// damaged ledger can be copied too.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when `file` exists.
    pub fn backup(&self, file: &Path) -> Result<VerifyReport, StoreError> {
        if fs::symlink_metadata(file).is_ok() {
            return Err(StoreError::Exists { path: file.to_owned() });
        }
        let draft = open::beside(file, &format!(".new-{}", unique()));
        let made = self.copy_to(&draft).and_then(|report| {
            open::place(&draft, file)?;
            Ok(report)
        });
        made.inspect_err(|_| open::discard(&draft))
    }

    fn copy_to(&self, draft: &Path) -> Result<VerifyReport, StoreError> {
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(draft)
            .map_err(StoreError::io(format!("cannot make `{}`", draft.display())))?;
        let mut copy = Connection::open(draft)?;
        // All pages in one step are all of one moment, whoever writes meanwhile.
        let step = Backup::new(&self.conn, &mut copy)?.step(-1)?;
        if step != StepResult::Done {
            return Err(StoreError::Locked { waited: self.settings.wait });
        }
        copy.close().map_err(|(_, e)| e)?;
        self.still_alone()?;
        Self::open_with(draft, Access::Read, self.settings.clone())?.verify(&mut |_| {})
    }
}
