"""What the engine remembers from one start to the next, by name. The meaning of the values is for others."""

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert as upsert

from app.store.database import Database
from app.store.tables import preferences


class Preferences:
    """Belongs to the event loop. Every method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, name: str) -> str | None:
        """What was remembered under the name."""
        async with self._database.transaction() as connection:
            statement = select(preferences.c.value).where(preferences.c.name == name)
            return (await connection.execute(statement)).scalar()

    async def put(self, name: str, value: str) -> None:
        """Remember a value, instead of what was there."""
        statement = upsert(preferences)
        async with self._database.transaction() as connection:
            await connection.execute(
                statement.on_conflict_do_update(
                    index_elements=[preferences.c.name], set_={"value": statement.excluded.value}
                ),
                {"name": name, "value": value},
            )
