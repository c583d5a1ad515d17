"""Adds five jobs to a database, says so, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from app.store.database import Database
from app.store.jobs import JobStore
from tests.store.samples import new_job


async def main(path: Path) -> None:
    jobs = JobStore(await Database.open(path))
    for number in range(5):
        await jobs.add(new_job(id=f"job {number}"))
    print("committed", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
