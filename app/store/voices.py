"""Every statement about voices. The files of a voice are not its business."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row, case, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from app.errors import VoiceNotFound
from app.inference.model import VoiceKind
from app.store.database import Database
from app.store.rows import Voice, struct_of
from app.store.tables import voices

_COLUMNS = tuple(voices.c[name] for name in Voice.__struct_fields__)


class VoiceStore:
    """Belongs to the event loop. Every method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, *, kind: VoiceKind | None = None, model_id: str | None = None, language: str | None = None
    ) -> list[Voice]:
        """Voices that were made here first, newest first; then the presets, by name.

        `language` matches the voice's language and everything narrower: "en" finds "en-us".
        """
        preset = voices.c.kind == VoiceKind.PRESET
        newest_first = case((preset, 0), else_=voices.c.created_at).desc()
        statement = select(*_COLUMNS).order_by(preset, newest_first, voices.c.display_name, voices.c.id)
        if kind is not None:
            statement = statement.where(voices.c.kind == kind)
        if model_id is not None:
            statement = statement.where(voices.c.model_id == model_id)
        if language is not None:
            hint = voices.c.language_hint
            statement = statement.where((hint == language) | hint.startswith(f"{language}-", autoescape=True))
        async with self._database.transaction() as connection:
            return [_voice_of(row) for row in (await connection.execute(statement))]

    async def get(self, voice_id: str) -> Voice:
        """The voice; raises `VoiceNotFound`."""
        async with self._database.transaction() as connection:
            statement = select(*_COLUMNS).where(voices.c.id == voice_id)
            row = (await connection.execute(statement)).first()
        if row is None:
            raise VoiceNotFound(voice_id=voice_id)
        return _voice_of(row)

    async def add(self, voice: Voice) -> None:
        """Keep a voice that was made here."""
        async with self._database.transaction() as connection:
            await connection.execute(insert(voices), msgspec.structs.asdict(voice))

    async def rename(self, voice_id: str, display_name: str) -> bool:
        """Give a voice another name; False when there is no such voice."""
        statement = update(voices).where(voices.c.id == voice_id).values(display_name=display_name)
        async with self._database.transaction() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def delete(self, voice_id: str) -> bool:
        """Forget a voice; False when there was none."""
        async with self._database.transaction() as connection:
            return bool((await connection.execute(delete(voices).where(voices.c.id == voice_id))).rowcount)

    async def sync_presets(self, model_id: str, presets: Sequence[Voice]) -> None:
        """Make the presets of a model the ones it has: new ones come, vanished ones go, the others stay."""
        mine = (voices.c.kind == VoiceKind.PRESET) & (voices.c.model_id == model_id)
        async with self._database.transaction() as connection:
            known = {
                row.id: (row.name, row.display_name, row.language_hint)
                for row in await connection.execute(select(*_COLUMNS).where(mine))
            }
            wanted = {voice.id: (voice.name, voice.display_name, voice.language_hint) for voice in presets}
            if known == wanted:
                return
            await connection.execute(delete(voices).where(mine, voices.c.id.not_in(list(wanted))))
            if not presets:
                return
            statement = upsert(voices)
            fresh = {name: statement.excluded[name] for name in ("name", "display_name", "language_hint")}
            await connection.execute(
                statement.on_conflict_do_update(index_elements=[voices.c.id], set_=fresh),
                [msgspec.structs.asdict(voice) for voice in presets],
            )

    async def keep_presets(self, model_ids: Sequence[str]) -> None:
        """Forget the presets of all other models."""
        gone = (voices.c.kind == VoiceKind.PRESET) & voices.c.model_id.not_in(list(model_ids))
        async with self._database.transaction() as connection:
            await connection.execute(delete(voices).where(gone))


def _voice_of(row: Row[Any]) -> Voice:
    return struct_of(Voice, row)
