"""Webhooks that wait to be sent. A trigger adds them with the final state of a job (`DELIVERY_TRIGGER` in
`tables.py`); they stay until they have arrived, whatever becomes of the job.
"""

from collections.abc import Collection
from typing import Any

from msgspec import Struct
from sqlalchemy import delete, func, insert, select, update

from app.errors import ErrorBody
from app.store.database import Database, Transaction
from app.store.rows import Webhook, struct_of
from app.store.tables import deliveries, webhooks


class WebhookDelivery(Struct, frozen=True, kw_only=True):
    """A message that has not arrived yet."""

    id: str  #: the same at each try
    url: str
    secret: str
    for_all: bool  #: of the webhook for all jobs
    attempts: int  #: tries that failed
    due_at: int
    ended_at: int
    job_id: str
    status: str
    lane: str
    title: str | None
    tags: list[str]
    voice_id: str
    model_id: str
    formats: list[str]
    characters: int
    samples: int
    error: ErrorBody | None

    def __repr__(self) -> str:
        """Without the secret, and without the address, which may hold one."""
        return f"WebhookDelivery({self.id!r})"


_COLUMNS = tuple(deliveries.c[name] for name in WebhookDelivery.__struct_fields__)


class Deliveries:
    """Belongs to the event loop. Every method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set_for_all(self, webhook: Webhook | None) -> None:
        """Which webhook gets every job that ends from now on, instead of the one before."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(webhooks).where(webhooks.c.job_seq.is_(None)))
            if webhook is not None:
                await attach(connection, webhook, None)

    async def due(
        self, now: int, *, only_for_all: bool, limit: int, beside: Collection[str] = ()
    ) -> list[WebhookDelivery]:
        """Those whose time has come, the oldest first, without those of these ids."""
        statement = select(*_COLUMNS).where(deliveries.c.due_at <= now).order_by(deliveries.c.due_at).limit(limit)
        async with self._database.transaction() as connection:
            rows = await connection.execute(_of(statement, only_for_all, beside))
            return [struct_of(WebhookDelivery, row) for row in rows]

    async def next_due(self, *, only_for_all: bool, beside: Collection[str] = ()) -> int | None:
        """When the next one is due, of those without these ids; None if there is none."""
        statement = _of(select(func.min(deliveries.c.due_at)), only_for_all, beside)
        async with self._database.transaction() as connection:
            return (await connection.execute(statement)).scalar()

    async def postpone(self, delivery: WebhookDelivery, due_at: int) -> None:
        """A try has failed; the next one is then."""
        statement = update(deliveries).where(deliveries.c.id == delivery.id)
        async with self._database.transaction() as connection:
            await connection.execute(statement.values(attempts=delivery.attempts + 1, due_at=due_at))

    async def remove(self, delivery: WebhookDelivery) -> None:
        """It has arrived, or was given up."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(deliveries).where(deliveries.c.id == delivery.id))


async def attach(connection: Transaction, webhook: Webhook, job_seq: int | None) -> None:
    """Have a webhook told of the end of a job; without one, of every job."""
    await connection.execute(insert(webhooks), {"job_seq": job_seq, "url": webhook.url, "secret": webhook.secret})


def _of(statement: Any, only_for_all: bool, beside: Collection[str]) -> Any:
    if only_for_all:
        statement = statement.where(deliveries.c.for_all.is_(True))
    return statement.where(deliveries.c.id.not_in(beside)) if beside else statement
