"""What `make test` leaves to `make test-long`: variants of a promise that another variant holds as well."""

from collections.abc import Collection, Iterable
from typing import Any, TypeVar, cast

import pytest

Value = TypeVar("Value")


def in_test_long(*values: Any) -> list[Any]:
    """These as parameters that `make test-long` alone tries; a tuple is one set of parameters."""
    sets = (cast(tuple[Any, ...], value) if isinstance(value, tuple) else (value,) for value in values)
    return [pytest.param(*one, marks=pytest.mark.long) for one in sets]


def mostly_in_test_long(values: Iterable[Value], *, but: Collection[Value]) -> list[Any]:
    """All of these as parameters, in their order; `make test` tries some, `make test-long` the others."""
    return [value if value in but else in_test_long(value)[0] for value in values]
