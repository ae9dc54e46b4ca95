-- What lists and pages need at a glance: which follow-up is due first, and what stands behind an alias.
-- Every brief is made anew by the program, since it says more than it did.

PRAGMA user_version = 3;

DROP INDEX incident_followups;
CREATE INDEX incident_due ON incident (brief ->> '$.due[0].on') WHERE brief ->> '$.due[0].on' IS NOT NULL;

-- What was last said of each version behind an alias, so that nobody has to read every deploy there ever was.
-- `at` and `seq`: when the alias was last put at it, else when it was last heard of.
CREATE TABLE deploy (
    stream  TEXT    NOT NULL,
    version TEXT    NOT NULL,
    moved   INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    good    INTEGER NOT NULL,
    said_at  INTEGER,
    said_seq INTEGER,
    PRIMARY KEY (stream, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX deploy_order ON deploy (stream, moved, at, seq);
