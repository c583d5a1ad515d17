"""The webhook that comes with a job."""

from app.config import WebhookReach
from app.errors import InvalidRequest
from app.store.rows import Webhook
from app.webhooks.addresses import check_url
from app.webhooks.signing import key_of


def checked(webhook: Webhook, reach: WebhookReach) -> Webhook:
    """The same, if it can be used and is allowed. Raises `InvalidRequest`."""
    check_url(webhook.url, reach=reach, field="notify.url")
    try:
        key_of(webhook.secret)
    except ValueError as error:
        raise InvalidRequest.about("notify.secret", str(error)) from error
    return webhook
