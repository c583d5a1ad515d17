"""Addresses of one job's audio that need no token, for players that cannot send one. Each is good for a while."""

import hmac
import time
from collections.abc import Callable
from hashlib import sha256

from app.errors import Forbidden, Unauthorized

EXPIRES, SIGNATURE = "expires", "signature"


class AudioLinks:
    """Signs with a secret of its own, so that all links end with the engine. Without a secret there are none."""

    def __init__(self, secret: bytes | None, *, now: Callable[[], float] = time.time) -> None:
        self._secret, self._now = secret, now

    @property
    def enabled(self) -> bool:
        """Whether there are links at all."""
        return self._secret is not None

    def sign(self, job_id: str, seconds: int) -> tuple[dict[str, str], int]:
        """What the query of a link has, and when it ends, in seconds since 1970. Raises `Forbidden`."""
        if self._secret is None:
            raise Forbidden("links are off; start the engine with --audio-links")
        expires = int(self._now()) + seconds
        return {EXPIRES: str(expires), SIGNATURE: self._signature(self._secret, job_id, str(expires))}, expires

    def check(self, job_id: str, expires: str, signature: str) -> None:
        """Raises `Forbidden` when this is not a link of that job, `Unauthorized` when it has expired."""
        if self._secret is None:
            raise Forbidden("links are off; start the engine with --audio-links")
        good = self._signature(self._secret, job_id, expires)
        if not hmac.compare_digest(good.encode(), signature.encode("utf-8", "replace")):
            raise Forbidden("the link is not one of this job's: it was changed, or the engine has been restarted")
        if self._now() >= int(expires):
            raise Unauthorized("the link has expired; ask for another one")

    def _signature(self, secret: bytes, job_id: str, expires: str) -> str:
        return hmac.new(secret, f"{job_id}\n{expires}".encode("utf-8", "replace"), sha256).hexdigest()
