"""Runs the migrations on the connection that the engine gives, else on the URL of `alembic.ini`."""

from typing import Any

from alembic import context
from sqlalchemy import Connection, create_engine

from app.store.tables import SEARCH_TABLE, metadata


def include_object(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Leave the full-text table and its shadows out of comparisons: SQLAlchemy has no word for them."""
    return not (kind == "table" and name is not None and name.startswith(SEARCH_TABLE))


def run(connection: Connection) -> None:
    """Upgrade or downgrade inside one transaction: SQLite's DDL is transactional."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_object=include_object,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.connect() as connection:
        run(connection)
        connection.commit()
