"""A database with as many jobs as wanted, as three years of use would leave it."""

import asyncio
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from msgspec import Struct

from app.config import DATABASE_FILE
from app.store.database import Database
from app.store.pairs import pairs_of
from bench.prose import sentence

DAY_US = 86_400_000_000
FIRST_US = 1_750_000_000_000_000
YEARS = 3

#: One job in a thousand has it in its title, and no other sentence does.
RARE_WORD = "Zanzibar"
COMMON_WORD = "the"
#: One job in ten has the first in its title, one in a thousand the second.
COMMON_PAIR, RARE_PAIR = "東京", "京都"

_STATUSES = (("completed", 930), ("canceled", 40), ("failed", 28), ("paused", 2))
_VOICES = [str(UUID(int=0x9D0C << 112 | number)) for number in range(12)]
_TAGS = [f"book-{number}" for number in range(40)]

_JOB = """
INSERT INTO jobs (seq, id, lane, status, voice_id, model_id, language, settings, formats, seed, title, tags,
 characters, chunks_total, chunks_done, characters_done, samples, last_seq, work_us, created_at, started_at,
 finished_at, error, warnings, request_sha256)
VALUES (?, ?, ?, ?, ?, ?, '', '{"rate":1.0,"pitch":1.0,"volume":1.0,"max_chars":400}', '["wav"]', ?, ?, ?,
 ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?)
"""

Row = tuple[object, ...]


class Common(Struct, frozen=True):
    """Values that many jobs have, and some that few have."""

    voice_id: str = _VOICES[0]
    rare_voice_id: str = _VOICES[-1]
    tag: str = "library"  #: on every third job
    rare_tag: str = _TAGS[-1]


class Made(Struct, frozen=True):
    """The rows of one job, table by table."""

    job: Row
    text: Row
    tags: list[Row]
    search: Row
    pairs: list[Row]


def seed(data_dir: Path, count: int) -> Path:
    """Make the file with the engine's own schema, and fill it in one transaction."""
    data_dir.mkdir(mode=0o700, exist_ok=True)
    path = data_dir / DATABASE_FILE
    asyncio.run(_make(path))
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")  # nobody needs it after a power cut
    connection.execute("PRAGMA cache_size=-400000")
    connection.execute("BEGIN")
    for batch in _batches(count):
        connection.executemany(_JOB, [made.job for made in batch])
        connection.executemany("INSERT INTO job_texts VALUES (?, ?)", [made.text for made in batch])
        connection.executemany(
            "INSERT INTO job_tags VALUES (?, ?, ?)", [tag for made in batch for tag in made.tags]
        )
        connection.executemany(
            "INSERT INTO job_search (rowid, words) VALUES (?, ?)", [made.search for made in batch]
        )
        connection.executemany(
            "INSERT INTO job_search_pairs (rowid, pairs) VALUES (?, ?)",
            [pairs for made in batch for pairs in made.pairs],
        )
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


async def _make(path: Path) -> None:
    database = await Database.open(path)
    await database.close()


def _batches(count: int) -> Iterator[list[Made]]:
    dice = random.Random(count)
    # To make a sentence costs more than to insert it.
    sentences = [sentence(number) for number in range(5000)]
    apart = YEARS * 365 * DAY_US // count
    for start in range(0, count, 10_000):
        stop = min(count, start + 10_000)
        yield [_made(seq, dice, sentences, apart) for seq in range(start + 1, stop + 1)]


def _made(seq: int, dice: random.Random, sentences: list[str], apart: int) -> Made:
    created = FIRST_US + seq * apart + dice.randrange(apart)
    (status,) = dice.choices([name for name, _ in _STATUSES], [weight for _, weight in _STATUSES])
    done = status == "completed"
    lane = "speak" if dice.random() < 0.6 else "render"
    voice = _VOICES[min(int(dice.expovariate(0.6)), len(_VOICES) - 1)]
    model = "espeak-ng" if dice.random() < 0.8 else "qwen3-tts-0.6b"
    tags = {tag for tag in (dice.choice(_TAGS), "library") if dice.random() < 0.33}
    text = dice.choice(sentences)
    title = f"{RARE_WORD}, part {seq}" if seq % 1000 == 7 else (f"Part {seq}" if lane == "render" else None)
    if seq % 10 == 3:
        title = f"{COMMON_PAIR}の物語、第{seq}話" + (f"、{RARE_PAIR}" if seq % 1000 == 3 else "")
    length = len(text)
    error = (
        '{"code":"INFERENCE_FAILED","message":"the model gave no audio","details":{}}'
        if status == "failed"
        else None
    )
    job: Row = (
        *(seq, str(UUID(int=dice.getrandbits(128))), lane, status, voice, model),
        *(dice.getrandbits(53), title, "[" + ",".join(f'"{tag}"' for tag in sorted(tags)) + "]"),
        *(length, 1, int(done), length if done else 0, 1600 * length if done else 0, 12 if done else 0, 9000),
        *(created, created + 4000, created + 30_000 if status != "paused" else None, error),
        f"{dice.getrandbits(256):064x}",
    )
    words = f"{title or ''}\n{text}"
    pairs = pairs_of(words)
    tagged: list[Row] = [(tag, created, seq) for tag in sorted(tags)]
    return Made(job, (seq, text), tagged, (seq, words), [(seq, pairs)] if pairs else [])
