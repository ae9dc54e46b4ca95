"""The same incident kept by `eventsourcing`: `fill DB` reads one text per line and records each as a note,
`load DB ROUNDS` prints the seconds that each load and fold takes, and how many notes it found, one per line."""

import sys
import time
import uuid

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

ID = uuid.UUID("0195bb2c-0000-7000-8000-000000000001")


class Incident(Aggregate):
    @staticmethod
    def create_id():
        return ID

    def __init__(self):
        self.notes = []

    @event("NoteAdded")
    def note(self, text):
        self.notes.append(text)


what, db, *rest = sys.argv[1:]
app = Application(env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": db})
if what == "fill":
    incident = Incident()
    for line in sys.stdin:
        incident.note(line.rstrip("\n"))
    app.save(incident)
else:
    for _ in range(int(rest[0])):
        started = time.perf_counter()
        incident = app.repository.get(ID)
        print(time.perf_counter() - started, len(incident.notes))
