"""How many connections there may be."""

import resource

import pytest

from app.process.descriptors import MAX_OPEN_FILES, RESERVED, max_connections


@pytest.mark.parametrize(
    ("soft", "connections"),
    [(256, 16), (1_024, 128), (4_096, 896), (resource.RLIM_INFINITY, (MAX_OPEN_FILES - RESERVED) // 4)],
)
def test_connections_leave_descriptors_for_jobs(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int
) -> None:
    def allowed(_what: int) -> tuple[int, int]:
        return soft, resource.RLIM_INFINITY

    monkeypatch.setattr(resource, "getrlimit", allowed)

    assert max_connections() == connections
