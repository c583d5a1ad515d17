"""How a webhook is signed: Standard Webhooks, https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.

A secret is `whsec_` and base64 of 24 to 64 bytes. What is signed is `{id}.{timestamp}.{body}`, so that nobody can
change the message or send it again later; receivers refuse timestamps that are minutes old.
"""

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
MIN_KEY_BYTES, MAX_KEY_BYTES = 24, 64


def new_secret() -> str:
    """A secret that nobody can guess."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def key_of(secret: str) -> bytes:
    """The bytes to sign with. Raises `ValueError`, which does not quote the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(
            f"the secret has to be {PREFIX} and base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} bytes; make one with: "
            "echo whsec_$(openssl rand -base64 32)"
        )
    return key


def signed_headers(message_id: str, timestamp: int, body: bytes, secret: str) -> dict[str, str]:
    """The headers that prove who sent it; `timestamp` in seconds since 1970."""
    content = f"{message_id}.{timestamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key_of(secret), content, hashlib.sha256).digest())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{signature.decode('ascii')}",
    }
