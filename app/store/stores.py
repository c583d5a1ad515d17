"""The stores of one database, for whoever reads from them."""

from typing import NamedTuple, Self

from app.store.chunks import ChunkStore
from app.store.database import Database
from app.store.deliveries import Deliveries
from app.store.history import History
from app.store.jobs import JobStore
from app.store.preferences import Preferences
from app.store.totals import JobTotals
from app.store.voices import VoiceStore


class Stores(NamedTuple):
    """Rows of each kind. Interfaces read them here; what has an order or a rule goes through a use case."""

    jobs: JobStore
    chunks: ChunkStore
    history: History
    voices: VoiceStore
    preferences: Preferences
    totals: JobTotals
    deliveries: Deliveries

    @classmethod
    def over(cls, database: Database) -> Self:
        """Those of an open database."""
        return cls(
            JobStore(database),
            ChunkStore(database),
            History(database),
            VoiceStore(database),
            Preferences(database),
            JobTotals(database),
            Deliveries(database),
        )
