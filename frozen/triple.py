"""This machine as Rust calls it: an app's build looks for a program of that name."""

import platform
import sys


def target_triple(system: str = sys.platform, machine: str | None = None, libc: str | None = None) -> str:
    """The target triple, such as `aarch64-apple-darwin`. Raises ValueError for a system that has no builds."""
    named = (machine or platform.machine()).lower()
    processor = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}.get(named, named)
    match system:
        case "darwin":
            return f"{processor}-apple-darwin"
        case "win32":
            return f"{processor}-pc-windows-msvc"
        case "linux":
            glibc = (platform.libc_ver()[0] if libc is None else libc) == "glibc"
            return f"{processor}-unknown-linux-{'gnu' if glibc else 'musl'}"
        case _:
            raise ValueError(f"q3tts is not built for {system}")
