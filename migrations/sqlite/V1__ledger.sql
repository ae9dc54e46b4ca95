-- The record, what is derived from it, and the fence. Never edited after a release: add V2, V3, …

PRAGMA application_id = 1651273588; -- "blot"
PRAGMA user_version = 1;

-- ---------------------------------------------------------------- the record

CREATE TABLE event (
    pos          INTEGER PRIMARY KEY,
    stream       TEXT    NOT NULL,
    seq          INTEGER NOT NULL,
    id           BLOB    NOT NULL,
    type         TEXT    NOT NULL,
    header       TEXT    NOT NULL,
    hash         BLOB    NOT NULL,
    payload_hash BLOB    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_stream ON event (stream, seq);
CREATE UNIQUE INDEX event_id ON event (id);
CREATE INDEX event_erasure ON event (pos) WHERE type = 'payload.erased';

-- By position rather than by hash: neighbours are read together.
CREATE TABLE payload (
    pos  INTEGER PRIMARY KEY,
    hash BLOB NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- `hash` is SHA-256(salt and bytes). It is known only when the last byte was seen; the salt is known before
-- the first, so the chunks go by the salt.
CREATE TABLE blob (
    hash BLOB    NOT NULL PRIMARY KEY,
    salt BLOB    NOT NULL UNIQUE,
    size INTEGER NOT NULL
) STRICT;

-- `body` is one zstd frame, `sum` its SHA-256: a frame has bits that do not change what it decompresses to.
CREATE TABLE blob_chunk (
    salt BLOB    NOT NULL,
    n    INTEGER NOT NULL,
    body BLOB    NOT NULL,
    sum  BLOB    NOT NULL,
    PRIMARY KEY (salt, n)
) STRICT;

CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    sig  TEXT
) STRICT;

-- ------------------------------------------------- derived: dropped and rebuilt

CREATE TABLE frontier (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    size  INTEGER NOT NULL,
    peaks BLOB    NOT NULL
) STRICT;

CREATE TABLE incident (
    number  INTEGER PRIMARY KEY,
    id      BLOB NOT NULL UNIQUE,
    runbook TEXT NOT NULL,
    status  TEXT NOT NULL,
    brief   TEXT NOT NULL
) STRICT;
CREATE INDEX incident_status ON incident (status, number);
CREATE INDEX incident_runbook ON incident (runbook, number);

CREATE TABLE series (
    id     INTEGER PRIMARY KEY,
    name   TEXT NOT NULL,
    origin TEXT NOT NULL,
    UNIQUE (name, origin)
) STRICT;

CREATE TABLE reading (
    series INTEGER NOT NULL REFERENCES series (id),
    at     INTEGER NOT NULL,
    pos    INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    value  REAL    NOT NULL,
    PRIMARY KEY (series, at, pos, n)
) STRICT, WITHOUT ROWID;

-- Which event names which blob; a blob that none names is an orphan.
CREATE TABLE blob_use (
    hash BLOB    NOT NULL,
    pos  INTEGER NOT NULL,
    PRIMARY KEY (hash, pos)
) STRICT, WITHOUT ROWID;

-- ------------------------------------ the fence, against our own bugs; not security

CREATE TRIGGER event_insert BEFORE INSERT ON event
WHEN NEW.pos IS NOT (SELECT ifnull(max(pos), 0) + 1 FROM event)
  OR NEW.seq IS NOT (SELECT ifnull(max(seq), 0) + 1 FROM event WHERE stream = NEW.stream)
  OR EXISTS (SELECT 1 FROM event WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'fence: an event may only follow the last one'); END;
CREATE TRIGGER event_update BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'fence: an event is never changed'); END;
CREATE TRIGGER event_delete BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'fence: an event is never deleted'); END;

CREATE TRIGGER payload_insert BEFORE INSERT ON payload
WHEN EXISTS (SELECT 1 FROM payload WHERE pos = NEW.pos)
  OR NOT EXISTS (SELECT 1 FROM event WHERE pos = NEW.pos AND payload_hash = NEW.hash)
BEGIN SELECT RAISE(ABORT, 'fence: a payload belongs to the event that names it'); END;
CREATE TRIGGER payload_update BEFORE UPDATE ON payload
BEGIN SELECT RAISE(ABORT, 'fence: a payload is never changed'); END;
CREATE TRIGGER payload_delete BEFORE DELETE ON payload
WHEN NOT EXISTS (
    SELECT 1 FROM event e JOIN payload p ON p.pos = e.pos
    WHERE e.type = 'payload.erased' AND p.body ->> '$.data.payload' = lower(hex(OLD.hash)))
BEGIN SELECT RAISE(ABORT, 'fence: a payload goes only when an event says so'); END;

CREATE TRIGGER blob_insert BEFORE INSERT ON blob
WHEN EXISTS (SELECT 1 FROM blob WHERE hash = NEW.hash OR salt = NEW.salt)
BEGIN SELECT RAISE(ABORT, 'fence: a blob is never replaced'); END;
CREATE TRIGGER blob_update BEFORE UPDATE ON blob
BEGIN SELECT RAISE(ABORT, 'fence: a blob is never changed'); END;
CREATE TRIGGER blob_delete BEFORE DELETE ON blob
WHEN EXISTS (SELECT 1 FROM blob_use WHERE hash = OLD.hash)
 AND NOT EXISTS (
    SELECT 1 FROM event e JOIN payload p ON p.pos = e.pos
    WHERE e.type = 'payload.erased' AND p.body ->> '$.data.blob' = lower(hex(OLD.hash)))
BEGIN SELECT RAISE(ABORT, 'fence: a blob goes only when an event says so'); END;

-- Once its blob is there, nothing is added to it and nothing taken away.
CREATE TRIGGER blob_chunk_insert BEFORE INSERT ON blob_chunk
WHEN NEW.n IS NOT (SELECT ifnull(max(n), -1) + 1 FROM blob_chunk WHERE salt = NEW.salt)
  OR EXISTS (SELECT 1 FROM blob WHERE salt = NEW.salt)
BEGIN SELECT RAISE(ABORT, 'fence: a chunk may only follow the last one'); END;
CREATE TRIGGER blob_chunk_update BEFORE UPDATE ON blob_chunk
BEGIN SELECT RAISE(ABORT, 'fence: a chunk is never changed'); END;
CREATE TRIGGER blob_chunk_delete BEFORE DELETE ON blob_chunk
WHEN EXISTS (SELECT 1 FROM blob WHERE salt = OLD.salt)
BEGIN SELECT RAISE(ABORT, 'fence: a chunk goes only after its blob'); END;

CREATE TRIGGER checkpoint_insert BEFORE INSERT ON checkpoint
WHEN NEW.size IS NOT (SELECT max(pos) FROM event)
  OR EXISTS (SELECT 1 FROM checkpoint WHERE size >= NEW.size)
BEGIN SELECT RAISE(ABORT, 'fence: a checkpoint covers exactly what is there'); END;
CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'fence: a checkpoint is never changed'); END;
CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'fence: a checkpoint is never deleted'); END;
