//! Redacts while it is read: blocks of lines, flat memory.
//!
//! A block ends at a line's end. Where a line is longer than the block, the cut is moved in front of any
//! secret that it would split; a secret longer than a whole block is dropped to its end. A private key that a
//! block's end would split waits for the rest of it.

use std::io::{self, Read};

use super::preview::newlines;
use super::{Counts, Finding, Redactor};

/// Bytes held at most; a line up to this length is seen whole.
const BLOCK: usize = 256 << 10;
/// Room behind a cut within a line in which a match that begins before the cut shows itself.
const OVERLAP: usize = 16 << 10;
/// A private key is waited for this long.
const KEY_MAX: usize = 64 << 10;
/// How every private key begins, in part.
const KEY_BEGIN: &[u8] = b"-----BEGIN ";

/// The bytes of a reader without its secrets.
#[derive(Debug)]
pub struct RedactStream<R> {
    redactor: Redactor,
    reader: R,
    /// Read, and not yet redacted.
    raw: Vec<u8>,
    /// Redacted, and not yet handed out from `given` on.
    clean: Vec<u8>,
    given: usize,
    counts: Counts,
    ended: bool,
    /// The rest of a secret longer than a block is being dropped.
    dropping: bool,
    /// What was taken out, where somebody wants to know.
    noted: Option<Vec<Finding>>,
    /// Lines, and bytes of the last one, in front of `raw`.
    before: (u64, usize),
}

impl<R: Read> RedactStream<R> {
    pub(super) fn new(redactor: Redactor, reader: R) -> Self {
        Self {
            redactor,
            reader,
            raw: Vec::new(),
            clean: Vec::new(),
            given: 0,
            counts: Counts::new(),
            ended: false,
            dropping: false,
            noted: None,
            before: (0, 0),
        }
    }

    /// Also notes each place that it takes out; [`RedactStream::findings`] hands them over.
    #[must_use]
    pub fn noting(mut self) -> Self {
        self.noted = Some(Vec::new());
        self
    }

    /// What was noted since the last call, in order.
    pub fn findings(&mut self) -> Vec<Finding> {
        self.noted.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// How many places each rule took out so far; complete once reading came to the end.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Bytes in memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.raw.capacity() + self.clean.capacity()
    }

    /// Reads until the block is full or the reader has ended.
    fn fill(&mut self) -> io::Result<()> {
        while self.raw.len() < BLOCK && !self.ended {
            let had = self.raw.len();
            self.raw.resize(BLOCK, 0);
            let got = self.reader.read(&mut self.raw[had..]);
            self.raw.truncate(had + got.as_ref().copied().unwrap_or(0));
            match got {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Redacts what can be redacted of the block.
    fn next_block(&mut self) {
        if self.dropping {
            let stop = self.raw.iter().position(|c| ends_secret(*c));
            self.dropping = stop.is_none();
            self.pass(stop.unwrap_or(self.raw.len()));
            return;
        }
        let cut = if self.ended { self.raw.len() } else { self.cut() };
        if cut == 0 {
            self.drop_long_secret();
            return;
        }
        let block = &self.raw[..cut];
        if !self.redactor.may_hold_secrets(block) {
            self.clean.extend_from_slice(block);
        } else if let Some(noted) = &mut self.noted {
            let (clean, found) = self.redactor.examine(block, &mut self.counts);
            self.clean.extend_from_slice(&clean);
            noted.extend(found.into_iter().map(|f| f.after(self.before)));
        } else {
            self.clean.extend_from_slice(&self.redactor.redact_bytes(block, &mut self.counts));
        }
        self.pass(cut);
    }

    /// Lets the first `n` bytes go.
    fn pass(&mut self, n: usize) {
        if self.noted.is_some() {
            let gone = &self.raw[..n];
            let last = gone.iter().rposition(|c| *c == b'\n').map(|at| n - at - 1);
            self.before = (self.before.0 + newlines(gone), last.unwrap_or(self.before.1 + n));
        }
        self.raw.drain(..n);
    }

    /// How much of a full block may go: 0 when one secret fills it all.
    fn cut(&self) -> usize {
        let line_end = self.raw.iter().rposition(|c| *c == b'\n').map(|n| n + 1);
        let cut = line_end.unwrap_or(self.raw.len() - OVERLAP);
        let cut = line_end.map_or_else(|| self.before_any_secret(cut), |_| cut);
        self.before_open_key(cut)
    }

    fn before_any_secret(&self, cut: usize) -> usize {
        let crossing = self.redactor.spans(&self.raw).into_iter().find(|s| s.from < cut && s.to > cut);
        crossing.map_or(cut, |s| s.from)
    }

    /// Moves the cut before a private key whose end has not come yet.
    fn before_open_key(&self, cut: usize) -> usize {
        let tail = cut.saturating_sub(KEY_MAX);
        let begin = self.raw[tail..cut].windows(KEY_BEGIN.len()).rposition(|w| w == KEY_BEGIN).map(|n| tail + n);
        match begin {
            Some(at) if at > 0 && !self.raw[at..cut].windows(9).any(|w| w == b"-----END ") => at,
            _ => cut,
        }
    }

    fn drop_long_secret(&mut self) {
        let spans = self.redactor.spans(&self.raw);
        let Some(first) = spans.first() else { return };
        let (start, rule) = (first.start, first.rule);
        self.clean.extend_from_slice(&self.raw[..start]);
        let placeholder = self.redactor.placeholder(rule, &mut self.counts);
        self.clean.extend_from_slice(placeholder.as_bytes());
        let end = first.end;
        if let Some(noted) = &mut self.noted {
            noted.push(Finding::at(&self.raw, start, end - start, self.redactor.name(rule), placeholder).after(self.before));
        }
        self.pass(end);
        self.dropping = self.raw.first().is_none_or(|c| !ends_secret(*c));
    }
}

impl<R: Read> Read for RedactStream<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        while self.given == self.clean.len() {
            self.clean.clear();
            self.given = 0;
            self.fill()?;
            if self.raw.is_empty() {
                return Ok(0);
            }
            self.next_block();
        }
        let n = out.len().min(self.clean.len() - self.given);
        out[..n].copy_from_slice(&self.clean[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}

fn ends_secret(c: u8) -> bool {
    matches!(c, b'"' | b'\'' | b',' | b';' | b'&' | b'\\') || c.is_ascii_whitespace()
}
