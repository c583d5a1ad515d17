"""The process that reads a recording, from the engine's side: whatever it does, the engine gets a recording or a
refusal, and no process stays.
"""

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from app.audio.recordings.decoder import AT_ONCE, RecordingDecoder
from app.audio.recordings.reference import Recording
from app.errors import InvalidAudio
from app.process import children
from tests.audio.recordings import KINDS, file, quiet, tone
from tests.support.running import command, modules_loaded_by
from tests.support.variants import in_test_long
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0

#: The real process.
DECODER = (sys.executable, "-P", "-m", "app", "decode")


def fake(program: str) -> tuple[str, ...]:
    """The command of something that is not a child of ours."""
    return (sys.executable, "-S", "-c", f"import os, signal, sys; {program}")


async def heard(command: tuple[str, ...], data: bytes | None = None, *, limit_s: float = PATIENCE_S) -> Recording:
    with anyio.fail_after(PATIENCE_S):
        return await RecordingDecoder(command, limit_s=limit_s).listen(data or file(tone()), normalize=False)


async def refusal(command: tuple[str, ...], data: bytes | None = None, *, limit_s: float = PATIENCE_S) -> str:
    with pytest.raises(InvalidAudio) as refused:
        await heard(command, data, limit_s=limit_s)
    return refused.value.message


DAMAGED = "the recording cannot be read: it is damaged, or not what it says; send it as a WAV file"


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for has not."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


def open_pipes() -> set[str]:
    """Of this process, where the system shows them."""
    folder = Path("/proc/self/fd")
    links = [str(path.readlink()) for path in folder.iterdir() if path.is_symlink()] if folder.exists() else []
    return {link for link in links if link.startswith("pipe:")}


def no_child() -> bool:
    """Whether this process has none, not even one that nobody has waited for."""
    with suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return False
    return True


@pytest.mark.parametrize(
    "kind", ["wav", "m4a", "ogg opus", *in_test_long("flac", "mp3", "m4a lossless", "ogg vorbis")]
)
async def test_a_recording_of_any_kind_comes_back_from_a_process_with_no_rights(kind: str) -> None:
    recording = await heard(DECODER, KINDS[kind](tone(1.5, rate=48_000), rate=48_000))

    assert recording.seconds == pytest.approx(1.5, abs=0.05)
    assert len(recording.pcm) == 2 * round(recording.seconds * 24_000)
    assert recording.level_dbfs == pytest.approx(-13.5, abs=0.5)


async def test_the_process_normalizes_when_it_is_asked_to() -> None:
    listener, data = RecordingDecoder(DECODER), file(tone())

    levels = [(await listener.listen(data, normalize=normalize)).level_dbfs for normalize in (False, True)]

    assert levels == [-13.5, -23.0]


async def test_what_the_process_refuses_is_refused_in_its_words() -> None:
    assert await refusal(DECODER, file(quiet(2.0))) == "the recording is silent; send one in which somebody speaks"


async def test_the_longest_recording_in_the_largest_form_fits_into_its_memory() -> None:
    samples = tone(30.0, rate=192_000)

    recording = await heard(DECODER, KINDS["flac"](samples.repeat(2).reshape(-1, 2), rate=192_000))

    assert recording.seconds == 30.0


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels know fewer limits")
async def test_the_process_can_do_nothing_but_compute_and_a_wav_file_meets_no_decoder() -> None:
    assert await refusal(command("scripted_decoder", "names what works")) == "[] False 5"


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels know fewer limits")
async def test_a_decoder_that_writes_to_a_file_that_is_open_gets_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "f"

    assert await refusal(command("scripted_decoder", "writes", target)) == "File too large"


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels know fewer limits")
async def test_a_decoder_that_wants_too_much_memory_is_refused_in_words() -> None:
    assert "too large when it is unpacked" in await refusal(command("scripted_decoder", "needs memory"))


@pytest.mark.parametrize(
    ("crash", "code"), [("aborts", "code -6"), ("exits", "code 0"), ("reads address 0", "code -11")]
)
async def test_a_decoder_that_crashes_is_a_refusal(crash: str, code: str, caplog: pytest.LogCaptureFixture) -> None:
    assert await refusal(command("scripted_decoder", crash)) == DAMAGED

    assert [record.name for record in caplog.records] == ["app.audio.recordings.decoder"]
    assert caplog.text.endswith(f"{code}\n")


async def test_a_defect_of_ours_is_a_refusal_too_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert await refusal(command("scripted_decoder", "fails")) == DAMAGED

    assert "xxa defect" in caplog.text


async def test_a_decoder_that_never_ends_is_ended_by_its_own_limit() -> None:
    assert await refusal(command("scripted_decoder", "computes")) == DAMAGED


async def test_a_process_that_sleeps_ends_without_its_engine() -> None:
    assert await refusal(command("scripted_decoder", "sleeps")) == DAMAGED


def test_what_a_decoder_prints_is_not_an_answer_and_what_it_reads_is_nothing() -> None:
    said = subprocess.run(
        command("scripted_decoder", "prints"),
        input=b'{"bytes":1,"normalize":true}\n' + bytes(50_000),
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )

    assert said.stdout == b"""{"type":"refused","message":"it has read b''"}\n"""
    assert said.stderr == b"hello\nnative"


ANSWERS = {
    "nothing": "",
    "rubbish": "print('rubbish')",
    "a line without an end": "sys.stdout.write('x' * 10_000_000)",
    "another message": """print('{"type":"done"}')""",
    "less than it says": """print('{"type":"heard","pcm_bytes":4000,"level_dbfs":-23,"notes":[]}')""",
    "more than there can be": (
        """print('{"type":"heard","pcm_bytes":1440002,"level_dbfs":-23,"notes":[]}\\n' + 'x' * 2000000)"""
    ),
    "half a sample": """print('{"type":"heard","pcm_bytes":3,"level_dbfs":-23,"notes":[]}\\nxxx')""",
    "no level": """print('{"type":"heard","pcm_bytes":2,"level_dbfs":null,"notes":[]}\\nxx')""",
    "a novel": """print('{"type":"refused","message":"' + 'x' * 600 + '"}')""",
    "an end by signal": "os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_that_makes_no_sense_is_a_refusal(name: str) -> None:
    assert await refusal(fake(f"sys.stdin.buffer.read(); {ANSWERS[name]}")) == DAMAGED


async def test_a_process_that_reads_nothing_is_a_refusal() -> None:
    assert await refusal(fake("sys.exit(3)"), bytes(20_000_000)) == DAMAGED


async def test_more_than_was_announced_is_not_taken_and_no_pipe_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "GRACE_S", 0.1)  # it writes until it is ended
    pipes = open_pipes()

    assert (await heard(command("lavish_decoder"))).pcm == b"xxxx"

    assert open_pipes() == pipes


async def test_a_program_that_is_not_there_is_a_refusal() -> None:
    assert "try again" in await refusal(("/nothing/there",))


def pids(folder: Path) -> list[int]:
    return [int(path.name) for path in folder.iterdir()]


async def test_a_process_that_hangs_is_ended(tmp_path: Path) -> None:
    since = time.monotonic()

    assert await refusal(command("hanging_decoder", tmp_path), limit_s=0.5) == DAMAGED

    assert time.monotonic() - since < 5
    assert [gone(pid) for pid in pids(tmp_path)] == [True]


async def test_a_canceled_request_waits_for_nothing_and_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "GRACE_S", 600.0)
    task = asyncio.create_task(heard(command("hanging_decoder", tmp_path)))
    await until(lambda: bool(pids(tmp_path)))

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [gone(pid) for pid in pids(tmp_path)] == [True]


async def test_a_request_that_is_canceled_at_any_moment_leaves_no_process(tmp_path: Path) -> None:
    listener = RecordingDecoder(command("hanging_decoder", tmp_path))
    for moment in (*range(12), 20, 40):
        task = asyncio.create_task(listener.listen(file(tone()), normalize=False))
        for _ in range(moment):
            await asyncio.sleep(0)

        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert all(gone(pid) for pid in pids(tmp_path))
    assert no_child()


async def test_a_request_that_is_canceled_while_the_process_ends_is_canceled_nonetheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ending = asyncio.Event()
    gone_by = children._gone  # pyright: ignore[reportPrivateUsage]

    async def noted(process: asyncio.subprocess.Process) -> None:
        ending.set()
        await gone_by(process)

    monkeypatch.setattr(children, "_gone", noted)
    task = asyncio.create_task(heard(DECODER))
    await ending.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert no_child()


async def test_a_few_recordings_are_read_at_once_and_the_next_begins_when_one_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    begin = asyncio.create_subprocess_exec

    async def noted(*command: str, stdin: int, stdout: int) -> asyncio.subprocess.Process:
        begun.append(command[0])
        return await begin(*command, stdin=stdin, stdout=stdout)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", noted)
    listener = RecordingDecoder(command("hanging_decoder", tmp_path), limit_s=PATIENCE_S)
    tasks = [asyncio.create_task(listener.listen(b"x", normalize=False)) for _ in range(AT_ONCE + 2)]
    await until(lambda: len(pids(tmp_path)) == AT_ONCE)
    assert len(begun) == AT_ONCE

    tasks[-1].cancel()  # it waits
    tasks[0].cancel()
    await until(lambda: len(pids(tmp_path)) == AT_ONCE + 1)

    assert len(begun) == AT_ONCE + 1
    assert sum(not gone(pid) for pid in pids(tmp_path)) == AT_ONCE
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(gone(pid) for pid in pids(tmp_path))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends some seconds later")
def test_the_process_dies_with_its_engine() -> None:
    with subprocess.Popen(
        command("parent_of_decoder", *command("scripted_decoder", "hangs")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as engine:
        assert engine.stdout is not None
        assert engine.stderr is not None
        pid = int(engine.stdout.readline())
        assert engine.stderr.read(8) == b"it hangs"
        handle = os.pidfd_open(pid)
        try:
            engine.kill()
            assert select.select([handle], [], [], PATIENCE_S)[0]  # readable when it has ended
        finally:
            os.close(handle)


def test_a_process_whose_engine_goes_before_it_has_all_of_the_file_ends() -> None:
    ended = subprocess.run(
        DECODER, input=b'{"bytes":100,"normalize":true}\nhalf', capture_output=True, timeout=PATIENCE_S, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, b"", b"")


def test_ctrl_c_is_the_engines_business() -> None:
    with subprocess.Popen(DECODER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        data = file(tone())
        assert process.stdin is not None
        process.stdin.write(b'{"bytes":%d,"normalize":true}\n' % len(data))
        process.stdin.flush()
        deadline = time.monotonic() + PATIENCE_S
        ignored = 1 << signal.SIGINT - 1
        while not int(Path(f"/proc/{process.pid}/status").read_text().split("SigIgn:")[1].split()[0], 16) & ignored:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGINT)

        answer, _ = process.communicate(data, timeout=PATIENCE_S)

    assert answer.startswith(b'{"type":"heard"')


def test_the_engine_holds_neither_a_decoder_nor_numpy() -> None:
    loaded = modules_loaded_by("app.audio.recordings.decoder")

    heavy = {"numpy", "av", "soxr", "soundfile"}
    assert loaded.isdisjoint(heavy | {"app.workers.recording.main", "app.workers.recording.samples"})
