"""How commands say what their words are, for the Tab key, without loading what finds them (`completing.py`)."""

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem[Any]]]

#: The variable with which a shell asks, whatever the program is called.
VARIABLE = "_Q3TTS_COMPLETE"


def voices(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """For a voice."""
    from app.cli.completing import offer_voices

    return offer_voices(context, parameter, incomplete)


def languages(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """For a language."""
    from app.cli.completing import offer_languages

    return offer_languages(context, parameter, incomplete)


def jobs(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """For a job."""
    from app.cli.completing import offer_jobs

    return offer_jobs(context, parameter, incomplete)


def models(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem[Any]]:
    """For a model."""
    from app.cli.completing import offer_models

    return offer_models(context, parameter, incomplete)
