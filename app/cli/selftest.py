"""`q3tts selftest`: whether this program has everything that it needs on this machine. The checks are elsewhere."""

import platform
import sys

import click
import msgspec

from app import __version__
from app.cli.command import Command, CommandFailed, as_json
from app.cli.terminal import is_colored, note, one_line, print_json, say, terminal_width
from app.selftest.check import Finding, Wrong, form, place
from app.selftest.checks import NAMES, run


@click.command(cls=Command)
@click.option(
    "--only", multiple=True, metavar="NAME", type=click.Choice(NAMES), help="Only this check; repeatable."
)
@as_json
def selftest(only: tuple[str, ...], as_json: bool) -> None:
    """Check that everything this program needs is present and works.

    It makes a temporary folder, starts an engine in it, has it speak, and removes everything again. Nothing is
    downloaded, and your own jobs and models are not touched.

    \b
    Examples:
      q3tts selftest
      q3tts selftest --only qwen3
      q3tts selftest --json | jq '.checks[] | select(.ok | not)'
    """
    about = {
        "version": __version__,
        "form": form().name,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "program": sys.executable,
    }
    names = [name for name in NAMES if not only or name in only]
    findings: list[Finding] = []

    def report(finding: Finding) -> None:
        findings.append(finding)
        if not as_json:
            _show(finding)

    if not as_json:
        say(f"q3tts {__version__}, {about['form']}, Python {about['python']}, {about['system']}")
    try:
        with place() as here:
            well = run(names, here, report)
    except Wrong as wrong:
        well = False
        report(Finding(name="folder", ok=False, saw=str(wrong), remedy=wrong.remedy, seconds=0.0))
    if as_json:
        print_json({**about, "ok": well, "checks": [msgspec.to_builtins(finding) for finding in findings]})
    else:
        note(f"{sum(finding.ok for finding in findings)} of {len(findings)} checks passed")
    if not well:
        raise CommandFailed(f"the self-test failed: {', '.join(each.name for each in findings if not each.ok)}")


def _show(finding: Finding) -> None:
    """One line for a check that passed; as many as it takes for one that did not."""
    good = ("slow", "yellow") if finding.warning else ("ok", "green")
    word, color = good if finding.ok else ("FAILED", "red")
    shown = click.style(f"{word:<6}", fg=color) if is_colored() else f"{word:<6}"
    indent = " " * 20
    lines = _wrapped(finding.saw, terminal_width() - len(indent))
    for advice in filter(None, (finding.remedy, finding.warning)):
        lines += _wrapped(f"→ {advice}", terminal_width() - len(indent))
    say(f"{shown}  {finding.name:<12}" + f"\n{indent}".join(lines))


def _wrapped(text: str, room: int) -> list[str]:
    import textwrap

    return textwrap.wrap(one_line(text), max(room, 20), break_on_hyphens=False) or [""]
