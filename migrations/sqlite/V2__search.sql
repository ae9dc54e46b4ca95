-- Full text of the incidents, by position of the event (derived: dropped and rebuilt), and who has follow-ups open.

PRAGMA user_version = 2;

CREATE VIRTUAL TABLE search USING fts5 (body, tokenize = 'unicode61 remove_diacritics 2');

-- What is deleted leaves nothing behind in the index.
INSERT INTO search (search, rank) VALUES ('secure-delete', 1);

CREATE INDEX incident_followups ON incident (number) WHERE brief ->> '$.open_followups' > 0;
