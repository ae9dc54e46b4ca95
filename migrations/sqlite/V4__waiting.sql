-- The words of small events wait until there are some of them: how far the index goes (derived).

PRAGMA user_version = 4;

CREATE TABLE indexed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    pos INTEGER NOT NULL
) STRICT;

-- A ledger from before there was an index has its words taken in by the next append.
INSERT INTO indexed (one, pos)
SELECT 1, CASE WHEN EXISTS (SELECT 1 FROM search) THEN (SELECT max(pos) FROM event) ELSE 0 END;
