"""What a file says about itself, as FFmpeg names it: each container has a place of its own for it."""

from collections.abc import Sequence
from datetime import UTC, datetime


def metadata_of(title: str | None, tags: Sequence[str], created_at: int) -> dict[str, str]:
    """`created_at` is in microseconds since 1970; what there is nothing to say about is left out."""
    said = {
        "title": title or "",
        "keywords": ", ".join(tags),
        "date": datetime.fromtimestamp(created_at / 1e6, UTC).date().isoformat(),
    }
    return {name: value for name, value in said.items() if value}
