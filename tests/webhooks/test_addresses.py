"""Where a webhook may go."""

import ipaddress

import pytest

from app.config import WebhookReach
from app.errors import InvalidRequest
from app.webhooks.addresses import check_url, refusal_of

LOCAL = ["127.0.0.1", "127.8.8.8", "::1", "10.1.2.3", "172.16.0.1", "192.168.1.5", "fd00::1", "::ffff:192.168.1.5"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"]
NEVER = [
    *("169.254.169.254", "fe80::1", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255", "100.64.0.1"),
    *("192.0.2.1", "::ffff:169.254.169.254", "198.18.0.1"),
    *("fd00:ec2::254", "fd20:ce::254"),
]


def refused(address: str, reach: WebhookReach, *, encrypted: bool = True) -> str | None:
    return refusal_of("the-host", ipaddress.ip_address(address), reach=reach, encrypted=encrypted)


@pytest.mark.parametrize("address", LOCAL)
def test_this_machine_and_private_networks_are_local(address: str) -> None:
    assert refused(address, WebhookReach.LOCAL, encrypted=False) is None
    assert refused(address, WebhookReach.ANYWHERE, encrypted=False) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_others_have_to_be_allowed_and_are_sent_to_encrypted(address: str) -> None:
    assert "--webhooks anywhere" in (refused(address, WebhookReach.LOCAL) or "")
    assert refused(address, WebhookReach.ANYWHERE) is None
    assert "https://" in (refused(address, WebhookReach.ANYWHERE, encrypted=False) or "")


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("reach", [*WebhookReach])
def test_what_belongs_to_nobody_else_is_never_sent_to(address: str, reach: WebhookReach) -> None:
    assert refused(address, reach) is not None


@pytest.mark.parametrize("address", [*LOCAL, *PUBLIC])
def test_nothing_is_sent_while_webhooks_are_off(address: str) -> None:
    assert "--webhooks local" in (refused(address, WebhookReach.OFF) or "")


@pytest.mark.parametrize(
    "url",
    [
        *("", "hook", "ftp://127.0.0.1/", "http://", "http:///hook", "http://me:secret@127.0.0.1/", "http://[::1/"),
        *("http://127.0.0.1:99999/", "http://exämple.net/", "http://169.254.169.254/", "https://93.184.216.34/"),
        *("http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: y", "http://local host/", "http://127.0.0.1/\x7f"),
        *("http://a..net/", "http://.../", f"http://{'a' * 64}.net/"),
    ],
)
def test_an_address_that_is_known_to_be_wrong_is_refused_at_once(url: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_url(url, reach=WebhookReach.LOCAL, field="notify.url")

    assert refusal.value.details["fields"][0]["field"] == "notify.url"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8123/hook", "https://[fd00::1]/", "http://home.arpa:80/a?b=c"])
def test_other_addresses_are_taken_and_names_are_looked_up_later(url: str) -> None:
    check_url(url, reach=WebhookReach.LOCAL, field="notify.url")
