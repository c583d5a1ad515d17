"""Modules that a few tests need and that take long to import: each process of a test run imports every test."""

from importlib import import_module
from typing import Any


class _Module:
    """Imported when something of it is asked for; nothing can be set in it."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):  # pytest asks everything that a test module has whether it is a test
            raise AttributeError(attribute)
        return getattr(import_module(self._name), attribute)


def lazily(name: str) -> Any:
    """The module of this name, which is imported when it is used."""
    return _Module(name)
