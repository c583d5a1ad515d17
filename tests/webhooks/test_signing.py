"""Signatures, held to an example of the specification's own library."""

import re
import time
from typing import Any

import pytest

from app.webhooks.signing import key_of, new_secret, signed_headers
from tests.support.pages import text_of


def test_a_signature_is_that_of_standard_webhooks() -> None:
    """From `test_sign_function` of https://github.com/standard-webhooks/standard-webhooks."""
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_the_example_in_the_documentation_takes_what_is_genuine_and_nothing_else() -> None:
    [example] = re.findall(r"^```python\n(.*?)^```$", text_of("docs/webhooks.md"), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/webhooks.md", "exec"), names)
    secret, body, now = new_secret(), b'{"type": "job.completed"}', int(time.time())
    headers = signed_headers("msg_1", now, body, secret)

    assert names["is_genuine"](headers, body, secret)
    assert not names["is_genuine"](headers, body + b" ", secret)
    assert not names["is_genuine"](headers, body, new_secret())
    assert not names["is_genuine"](signed_headers("msg_1", now - 3600, body, secret), body, secret)


def test_a_new_secret_is_another_one_each_time_and_long_enough() -> None:
    first, second = new_secret(), new_secret()

    assert first != second
    assert len(key_of(first)) == 32


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_short", "not base64!" * 4, "é" * 40, "A" * 200])
def test_what_cannot_be_a_secret_is_refused_without_quoting_it(secret: str) -> None:
    with pytest.raises(ValueError, match="openssl rand") as refusal:
        key_of(secret)

    assert not secret or secret not in str(refusal.value).replace("whsec_", "")
