-- Full text of the incidents, by position of the event. Derived: dropped and rebuilt.

PRAGMA user_version = 2;

CREATE VIRTUAL TABLE search USING fts5 (body, tokenize = 'unicode61 remove_diacritics 2');

-- What is deleted leaves nothing behind in the index.
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);
