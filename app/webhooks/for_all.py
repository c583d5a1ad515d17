"""The webhook for all jobs, which the user gives at the start: its address, and its secret, which the engine makes
and keeps in the data folder as it does its token.
"""

from pathlib import Path

from app.config import WEBHOOK_SECRET_FILE, Config, WebhookReach
from app.errors import InvalidRequest, StartFailed
from app.process.files import atomic_write
from app.store.rows import Webhook
from app.webhooks.addresses import check_url
from app.webhooks.signing import key_of, new_secret


def webhook_for_all(config: Config) -> Webhook | None:
    """None if there is none. Raises `StartFailed`: 64 for an address, 74 for a secret that cannot be used."""
    if config.webhook_url is None:
        return None
    try:
        check_url(config.webhook_url, reach=WebhookReach.ANYWHERE, field="--webhook")
    except InvalidRequest as error:
        raise StartFailed(error.message, exit_code=64) from error
    return Webhook(url=config.webhook_url, secret=_secret(config.data_dir / WEBHOOK_SECRET_FILE))


def _secret(path: Path) -> str:
    """What is in the file, which the user may have written; made if it is not there."""
    try:
        if not path.exists():
            with atomic_write(path, mode=0o600) as file:
                file.write(f"{new_secret()}\n".encode())
        secret = path.read_text(encoding="ascii").strip()
        key_of(secret)
    except OSError as error:
        raise StartFailed(f"{path} cannot be used: {error.strerror}", exit_code=74) from error
    except ValueError as error:
        why = "it is not ASCII" if isinstance(error, UnicodeError) else str(error)
        raise StartFailed(f"{path} cannot be used: {why}, or delete the file", exit_code=74) from error
    return secret
