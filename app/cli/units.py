"""The files that have the system start the daemon at login: a launch agent of macOS, a user unit of systemd. Text
only; `service.py` puts them where they belong.
"""

import plistlib
from collections.abc import Sequence

LABEL = "org.q3tts.daemon"
UNIT = "q3tts.service"

#: Exit codes after which a second start would not help: a wrong setting, a folder that cannot be used.
HOPELESS = "64 74 75 78"


def launch_agent(command: Sequence[str]) -> bytes:
    """A property list for launchd."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            # Speech that somebody listens to must not be slowed down for the sake of the battery.
            "ProcessType": "Interactive",
        }
    )


def systemd_unit(command: Sequence[str]) -> bytes:
    """A unit for systemd."""
    program, *arguments = command
    line = " ".join([_quoted(program), *(_quoted(argument.replace("$", "$$")) for argument in arguments)])
    return f"""\
[Unit]
Description=q3tts, a speech engine for this machine

[Service]
ExecStart={line}
Restart=on-failure
RestartPreventExitStatus={HOPELESS}

[Install]
WantedBy=default.target
""".encode()


def _quoted(word: str) -> str:
    """As systemd.syntax(7) has it. What % and $ stand for is taken from them by doubling; of the program, which is
    not expanded, only % is doubled.
    """
    word = word.replace("%", "%%")
    if word and all(character.isalnum() or character in "/._-=:+@,%$" for character in word):
        return word
    escaped = "".join(_ESCAPES.get(character, character) for character in word)
    return f'"{escaped}"'


_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}
