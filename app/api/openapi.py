"""`python -m app.api.openapi`: the OpenAPI document of the routes, without an engine that runs.

From it the types of the TypeScript client are made (tauri/client). What `GET /v1/openapi.json` answers is the same
document: it is made by the same application, whose routes do nothing here and are never called.
"""

import json
import sys
from typing import Any, cast

from app.api.app import make_app
from app.api.contract import completed


def document() -> dict[str, Any]:
    """As `GET /v1/openapi.json` answers it."""
    nothing = cast(Any, None)
    return completed(make_app(nothing).openapi_schema.to_schema())


if __name__ == "__main__":
    json.dump(document(), sys.stdout, indent=2)
    sys.stdout.write("\n")
