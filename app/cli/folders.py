"""Whether what somebody types for a model is a folder on this machine."""

import os
from pathlib import Path

import click

from app.cli.command import USAGE, CommandFailed

#: What no id and no repository begins with.
_SURELY = ("/", "./", "../", "~")


def absolute_folder(given: str) -> str | None:
    """The absolute path of a folder; None for a name. A folder that is there goes before a repository of the same
    name, as in other tools. Raises `CommandFailed` for what can only be a path, and is not a folder.
    """
    path = Path(given).expanduser()
    meant = given in (".", "..") or given.startswith(_SURELY)
    if meant and not path.is_dir():
        raise CommandFailed(f"there is no folder {given}; give a model's folder, its id or its repository", USAGE)
    return os.path.abspath(path) if meant or (os.sep in given and path.is_dir()) else None


def folder_or_name(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """A folder's absolute path, or a name as it is: what click calls for the value of an option."""
    return given and (absolute_folder(given) or given)
