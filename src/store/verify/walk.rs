//! Going through the checked events in order: chains, tree, checkpoints, erasures, evidence.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};

use rusqlite::Connection;

use super::ahead::Ahead;
use super::derived::{Derived, Evidence};
use super::outside::{Elsewhere, Outside};
use super::row::Looked;
use super::signed::Keys;
use super::{Compared, Erasure, Finding, Problem, VerifyReport};
use crate::record::actor::Actor;
use crate::record::brief::Brief;
use crate::record::chain::{self, Checkpoint, Tree};
use crate::record::event::{Event, Facts, Header, PayloadErased};
use crate::record::id::{Hash, StreamId};
use crate::record::incident::Head;
use crate::record::observation::BlobRef;
use crate::record::time::Timestamp;
use crate::store::blob::BlobReader;
use crate::store::checkpoint::Signed;
use crate::store::error::StoreError;
use crate::store::{erase, projection, read, search};

/// A stream as far as it was walked.
struct Stream {
    head: Head,
    brief: Option<Brief>,
    /// The number of its last event, where the stream is forgotten then.
    last: Option<u64>,
}

impl Stream {
    fn ending(head: Head) -> Self {
        Self { head, brief: None, last: None }
    }
}

/// What is gone, until an event is found that says so.
struct Gone {
    stream: StreamId,
    seq: u64,
    kind: String,
    payload: Hash,
}

/// Checkpoints in a row that are not what the events come to; one changed event breaks all that follow it.
struct Broken {
    /// Size, and the newest event, of the first.
    size: u64,
    stream: String,
    seq: u64,
    /// How many follow it.
    further: u64,
}

pub(super) struct Walk<'c> {
    conn: &'c Connection,
    ledger: String,
    announced: Option<Result<Signed, ()>>,
    keys: Keys,
    elsewhere: Option<Elsewhere<'c>>,
    compared: Vec<Compared>,
    /// When the event walked last was recorded.
    at: Option<Timestamp>,
    tree: Tree,
    last: i64,
    streams: HashMap<StreamId, Stream>,
    /// How many streams were walked to their end and forgotten.
    ended: u64,
    gone: Vec<Gone>,
    gone_blobs: Vec<(StreamId, u64, Hash)>,
    erasures: Vec<(StreamId, u64, PayloadErased)>,
    /// Pieces of evidence that are there.
    held: u64,
    checkpoints: Ahead<'c>,
    broken: Option<Broken>,
    /// Streams of which a payload is not as it was: nothing can be said of what follows from it.
    doubtful: HashSet<StreamId>,
    derived: Derived<'c>,
    erased: Vec<Erasure>,
    problems: Vec<Problem>,
    notes: Vec<String>,
    unlisted: u64,
}

impl<'c> Walk<'c> {
    pub(super) fn new(conn: &'c Connection, ledger: &str, announced: Option<Vec<u8>>, outside: &'c [Outside]) -> Self {
        let announced = announced.map(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_| ())?;
            Signed::parse(ledger, &text).ok_or(())
        });
        Self {
            conn,
            ledger: ledger.to_owned(),
            announced,
            keys: Keys::default(),
            elsewhere: Some(Elsewhere::new(outside)),
            compared: Vec::new(),
            at: None,
            tree: Tree::new(),
            last: 0,
            streams: HashMap::new(),
            ended: 0,
            gone: Vec::new(),
            gone_blobs: Vec::new(),
            erasures: Vec::new(),
            held: 0,
            checkpoints: Ahead::new(conn, "SELECT size, body FROM checkpoint WHERE size > ?1 ORDER BY size LIMIT 1000"),
            broken: None,
            doubtful: HashSet::new(),
            derived: Derived::new(conn),
            erased: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            unlisted: 0,
        }
    }

    pub(super) fn events(&self) -> u64 {
        self.tree.size()
    }

    pub(super) fn problem(&mut self, kind: &'static str, stream: Option<&str>, seq: Option<u64>, detail: String) {
        if self.problems.len() < VerifyReport::MOST {
            self.problems.push(Problem { kind, stream: stream.map(str::to_owned), seq, detail });
        } else {
            self.unlisted += 1;
        }
    }

    /// Takes in the next event.
    pub(super) fn step(&mut self, looked: Looked) -> Result<(), StoreError> {
        let Looked { pos, stream, seq, header, hash, leaf, has_payload, facts, faults } = looked;
        let seq = seq.cast_unsigned();
        for (kind, detail) in faults {
            self.problem(kind, Some(&stream), Some(seq), detail);
        }
        if pos != self.last + 1 {
            self.problem("position", Some(&stream), Some(seq), format!("it lies at position {pos}, where {} belongs", self.last + 1));
        }
        self.last = pos;
        self.tree.push(leaf);
        self.check_announced();
        self.at = header.as_ref().map(|h| h.at);
        if let Some(elsewhere) = &mut self.elsewhere
            && elsewhere.is_due(self.tree.size())
        {
            elsewhere.reached(self.tree.size(), self.tree.root(), self.at);
        }
        self.check_checkpoint(&stream, seq)?;
        if let Some(header) = header {
            self.follow(&header, hash);
            self.take_facts(pos, header, hash, has_payload, facts)?;
        } else if let Ok(id) = stream.parse::<StreamId>() {
            // Unreadable, but what follows names its hash: go on from there.
            self.streams.entry(id).or_insert(Stream::ending(Head::EMPTY)).head = Head { seq, hash };
        }
        Ok(())
    }

    fn follow(&mut self, header: &Header, hash: Hash) {
        let head = self.streams.get(&header.stream).map_or(Head::EMPTY, |s| s.head);
        if let Err(e) = chain::follows(head, header) {
            self.problem("chain", Some(header.stream.as_str()), Some(header.seq), e.to_string());
        }
        let head = Head { seq: header.seq, hash };
        match self.streams.get_mut(&header.stream) {
            Some(s) => s.head = head,
            None => {
                self.streams.insert(header.stream.clone(), Stream::ending(head));
            }
        }
    }

    fn take_facts(&mut self, pos: i64, header: Header, hash: Hash, has_payload: bool, facts: Option<Facts>) -> Result<(), StoreError> {
        let facts = match (has_payload, facts) {
            (_, Some(facts)) => facts,
            // There, but not sound: said already.
            (true, None) => {
                self.doubtful.insert(header.stream);
                return Ok(());
            }
            (false, None) => {
                let (stream, seq, kind) = (header.stream.clone(), header.seq, header.kind.clone());
                self.gone.push(Gone { stream, seq, kind, payload: header.payload });
                Facts::Erased
            }
        };
        if header.stream == StreamId::ledger() {
            match &facts {
                Facts::LedgerCreated(x) => {
                    if let Some(key) = &x.key {
                        self.keys.name(pos.cast_unsigned(), header.at, key, None);
                    }
                }
                Facts::LedgerKeyAdded(x) => self.keys.name(pos.cast_unsigned(), header.at, &x.key, Some(x)),
                _ => {}
            }
        }
        if let Facts::PayloadErased(e) = &facts {
            self.erasures.push((header.stream.clone(), header.seq, (**e).clone()));
        }
        let evidence = match projection::blob(&facts) {
            Some(blob) => self.check_blob(pos, &header, blob)?,
            None => Evidence::None,
        };
        if let Some(observation) = projection::observation(&facts)
            && let Some(what) = self.derived.readings(pos, observation)?
        {
            self.problem("projection", Some(header.stream.as_str()), Some(header.seq), what);
        }
        if let Some(what) = self.derived.words(pos, &header.stream, &facts, evidence)? {
            self.problem("projection", Some(header.stream.as_str()), Some(header.seq), what);
        }
        let Ok(actor) = header.actor.parse::<Actor>();
        let event = Event { header, hash, actor, facts };
        self.derived.deploy(&event);
        if event.header.stream.as_incident().is_some() {
            self.fold(&event)?;
        }
        Ok(())
    }

    fn fold(&mut self, event: &Event) -> Result<(), StoreError> {
        let Some(stream) = self.streams.get_mut(&event.header.stream) else { return Ok(()) };
        match &mut stream.brief {
            Some(brief) => brief.apply(event),
            None => match Brief::begin(event) {
                Ok(brief) => {
                    stream.brief = Some(brief);
                    stream.last = Some(read::head(self.conn, &event.header.stream)?.seq);
                }
                // Without its payload it is reported as missing.
                Err(e) if event.header.seq == 1 && event.facts != Facts::Erased => {
                    self.problem("chain", Some(event.header.stream.as_str()), Some(1), e.to_string());
                    return Ok(());
                }
                Err(_) => return Ok(()),
            },
        }
        if event.facts == Facts::Erased {
            // Only at the end there is a way to tell whether that may be.
            stream.last = None;
        }
        if stream.last == Some(event.header.seq)
            && let Some(brief) = self.streams.remove(&event.header.stream).and_then(|s| s.brief)
        {
            self.ended += 1;
            self.compare(brief)?;
        }
        Ok(())
    }

    /// All of an incident's events are known.
    fn compare(&mut self, brief: Brief) -> Result<(), StoreError> {
        if !self.doubtful.contains(&StreamId::incident(brief.id)) {
            for (stream, detail) in self.derived.incident(brief)? {
                self.problem("projection", stream.as_deref(), None, detail);
            }
        }
        Ok(())
    }

    fn check_blob(&mut self, pos: i64, header: &Header, blob: &BlobRef) -> Result<Evidence, StoreError> {
        let is_first = self.derived.blob(pos, blob)?;
        let fault = match BlobReader::open(self.conn, blob.digest) {
            Err(StoreError::NoBlob(digest)) => {
                self.gone_blobs.push((header.stream.clone(), header.seq, digest));
                return Ok(Evidence::Unknown);
            }
            Err(StoreError::Corrupt(why)) => why,
            Err(e) => return Err(e),
            Ok(reader) if reader.size() != blob.size => format!("it has {} bytes, the event says {}", reader.size(), blob.size),
            Ok(mut reader) => match read_through(&mut reader) {
                Ok(beginning) => {
                    self.held += u64::from(is_first);
                    return Ok(Evidence::Sound(beginning));
                }
                Err(e) => e.to_string(),
            },
        };
        self.problem("blob", Some(header.stream.as_str()), Some(header.seq), fault);
        Ok(Evidence::Unknown)
    }

    /// The checkpoint stored for the size reached so far, by event `seq` of `stream`.
    fn check_checkpoint(&mut self, stream: &str, seq: u64) -> Result<(), StoreError> {
        let size = self.tree.size();
        let Some(body) = self.checkpoints.at(size.cast_signed())? else { return Ok(()) };
        let matches = body.is_some_and(|body| body == Checkpoint::new(&self.ledger, &self.tree).text.as_bytes());
        match (&mut self.broken, matches) {
            (Some(broken), false) => broken.further += 1,
            (None, false) => self.broken = Some(Broken { size, stream: stream.to_owned(), seq, further: 0 }),
            (_, true) => self.tell_broken(),
        }
        Ok(())
    }

    fn tell_broken(&mut self) {
        let Some(Broken { size, stream, seq, further }) = self.broken.take() else { return };
        let mut detail = format!("the checkpoint over {size} events is not what they come to");
        if further > 0 {
            detail.push_str(&format!(", nor are the {further} after it"));
        }
        self.problem("checkpoint", Some(&stream), Some(seq), detail);
    }

    fn check_announced(&mut self) {
        if let Some(Ok(Signed { checkpoint: a, .. })) = &self.announced
            && a.size == self.tree.size()
            && a.root != self.tree.root()
        {
            let size = a.size;
            self.problem(
                "rolled-back",
                None,
                None,
                format!("the first {size} events are not those that the checkpoint beside the ledger saw"),
            );
        }
    }

    /// What can only be said at the end.
    pub(super) fn finish(&mut self) -> Result<(), StoreError> {
        // Where the events themselves are others, the edge over the old ones is no fault of its own.
        let edge = self.broken.is_none();
        self.tell_broken();
        self.check_erasures();
        let total = self.tree.size();
        match &self.announced {
            Some(Err(())) => self.problem("checkpoint", None, None, "the checkpoint beside the ledger is not one of it".to_owned()),
            Some(Ok(Signed { checkpoint: a, .. })) if a.size > total => {
                let detail = format!("the checkpoint beside the ledger saw {} events, the ledger has {total}", a.size);
                self.problem("rolled-back", None, None, detail);
            }
            _ => {}
        }
        let newest: Option<i64> = self.conn.query_row("SELECT max(size) FROM checkpoint", [], |r| r.get(0))?;
        if newest != Some(total.cast_signed()) || self.checkpoints.unasked()? > 0 {
            let detail = format!("the newest is over {} events, the ledger has {total}", newest.unwrap_or(0));
            self.problem("checkpoint", None, None, detail);
        }
        self.check_signatures()?;
        self.check_elsewhere();
        let mut briefs: Vec<Brief> = self.streams.values_mut().filter_map(|s| s.brief.take()).collect();
        briefs.sort_by_key(|b| b.number);
        briefs.into_iter().try_for_each(|brief| self.compare(brief))?;
        for (stream, detail) in self.derived.differences(&self.doubtful, edge.then_some(&self.tree))? {
            self.problem("projection", stream.as_deref(), None, detail);
        }
        Ok(())
    }

    fn check_signatures(&mut self) -> Result<(), StoreError> {
        for finding in self.keys.check_all(self.conn)? {
            self.find(finding);
        }
        let beside = match &self.announced {
            Some(Ok(Signed { checkpoint: c, signature: Some(s) })) if c.size <= self.tree.size() => {
                self.keys.check(c.size, &c.text, s).err()
            }
            _ => None,
        };
        if let Some(why) = beside {
            self.problem("signature", None, None, format!("the checkpoint beside the ledger: the signature is not the ledger's: {why}"));
        }
        let replaced: Vec<_> = self.keys.replaced().collect();
        self.notes.extend(replaced);
        Ok(())
    }

    fn check_elsewhere(&mut self) {
        let Some(elsewhere) = self.elsewhere.take() else { return };
        let (compared, findings) = elsewhere.end(self.tree.size(), self.at, &self.ledger, &self.keys);
        self.compared = compared;
        findings.into_iter().for_each(|f| self.find(f));
    }

    fn find(&mut self, finding: Finding) {
        match finding {
            Finding::Problem(kind, detail) => self.problem(kind, None, None, detail),
            Finding::Note(note) => self.notes.push(note),
        }
    }

    fn check_erasures(&mut self) {
        let (gone, erasures) = (std::mem::take(&mut self.gone), std::mem::take(&mut self.erasures));
        let blobs: HashSet<Hash> = erasures.iter().filter_map(|(_, _, e)| e.blob).collect();
        let mut said: HashMap<(&StreamId, u64), _> =
            erasures.iter().map(|(stream, seq, e)| ((&e.stream, e.seq), (stream, *seq, e))).collect();
        for gone in &gone {
            match said.remove(&(&gone.stream, gone.seq)) {
                Some((stream, seq, e)) if e.payload == gone.payload && erase::ERASABLE.contains(&gone.kind.as_str()) => {
                    self.erased.push(Erasure {
                        stream: gone.stream.to_string(),
                        seq: gone.seq,
                        kind: gone.kind.clone(),
                        by: (stream.to_string(), seq),
                        approved_by: e.approved_by.clone(),
                        reason: e.reason.clone(),
                    });
                }
                Some(_) => {
                    let detail = format!("`{}` was erased though it may not be", gone.kind);
                    self.problem("erasure", Some(gone.stream.as_str()), Some(gone.seq), detail);
                }
                None => {
                    let detail = format!("the payload of `{}` is MISSING and no event says that it was erased", gone.kind);
                    self.problem("missing", Some(gone.stream.as_str()), Some(gone.seq), detail);
                    self.doubtful.insert(gone.stream.clone());
                }
            }
        }
        for (_, _, e) in said.into_values() {
            let detail = "an event says that it was erased, but it is there".to_owned();
            self.problem("erasure", Some(e.stream.as_str()), Some(e.seq), detail);
        }
        for (stream, seq, digest) in std::mem::take(&mut self.gone_blobs) {
            if !blobs.contains(&digest) {
                let detail = format!("the evidence `{}` is MISSING and no event says that it was erased", digest.short());
                self.problem("missing", Some(stream.as_str()), Some(seq), detail);
            }
        }
    }

    pub(super) fn report(mut self) -> VerifyReport {
        if self.unlisted > 0 {
            let detail = format!("and {} further problems", self.unlisted);
            self.problems.push(Problem { kind: "file", stream: None, seq: None, detail });
        }
        VerifyReport {
            events: self.tree.size(),
            streams: self.ended + self.streams.len() as u64,
            root: self.tree.root(),
            erased: self.erased.len() as u64,
            erasures: self.erased,
            held: self.held,
            problems: self.problems,
            notes: self.notes,
            compared: self.compared,
        }
    }
}

/// Reads evidence to its end and gives what is indexed of it.
fn read_through(reader: &mut BlobReader<'_>) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    reader.take(search::INDEXED).read_to_end(&mut beginning)?;
    io::copy(reader, &mut io::sink())?;
    Ok(beginning)
}
