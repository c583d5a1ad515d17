"""What is heard: real PortAudio, a real clock, and a recording of what the device has played."""

import asyncio
import functools
import os
import random
import subprocess
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from app import SAMPLE_RATE
from app.audio.playback.speakers import Played, Speakers
from app.errors import NoSpeakers
from tests.audio.pulse import PATIENCE_S, Pulse, Recording, pulse, skip_without_speakers
from tests.support.running import command
from tests.support.waiting import until

pytestmark = [pytest.mark.anyio, pytest.mark.long]

Test = Callable[..., Coroutine[Any, Any, None]]


def noise(seconds: float, seed: int = 1) -> bytes:
    """No sample of it is silence, and no piece of it comes twice."""
    chance = random.Random(seed)
    samples = (chance.choice((-1, 1)) * chance.randint(1, 9_000) for _ in range(round(seconds * SAMPLE_RATE)))
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


async def blocks(data: bytes, samples: int = 2_400) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), 2 * samples):
        yield data[start : start + 2 * samples]


@pytest.fixture(scope="module")
def server() -> Generator[Pulse]:
    skip_without_speakers()
    with pulse() as running:
        yield running


@pytest.fixture
def recording(server: Pulse) -> Recording:
    return server.recording()


@pytest.fixture
async def player(server: Pulse) -> AsyncGenerator[Speakers]:
    made = Speakers()
    yield made
    await made.close()


async def settled(recording: Recording) -> None:
    """Half a second of silence is recorded after the last sound."""
    await until(lambda: recording.samples > recording.sound_end() + SAMPLE_RATE // 2)


def real_time(test: Test) -> Test:
    """A machine that is too busy to keep the time of a device has two more chances."""

    @functools.wraps(test)
    async def chances(*, recording: Recording, **given: Any) -> None:
        for last in (False, False, True):
            recording.restart()
            try:
                await test(recording=recording, **given)
                break
            except AssertionError:
                if last:
                    raise

    return chances


@real_time
async def test_what_is_heard_is_what_was_given(player: Speakers, recording: Recording) -> None:
    data = noise(3.0)

    played = await player.play(blocks(data))

    await settled(recording)
    assert recording.sound() == data
    assert played == Played(3.0, 0)


@pytest.mark.parametrize("samples", [1, 240, 2_399, 12_000])
@real_time
async def test_a_short_sound_is_heard_to_its_last_sample(
    samples: int, player: Speakers, recording: Recording
) -> None:
    data = noise(samples / SAMPLE_RATE)

    await player.play(blocks(data))

    at_return = recording.samples
    await settled(recording)
    assert recording.sound() == data
    assert (recording.sound_end() - at_return) / SAMPLE_RATE < 0.4  # what is still on its way to the recorder


@real_time
async def test_blocks_of_any_size_make_one_sound(player: Speakers, recording: Recording) -> None:
    data, chance = noise(2.0), random.Random(2)

    async def odd() -> AsyncGenerator[bytes]:
        start = 0
        while start < len(data):
            size = 2 * chance.choice((0, 1, 7, 100, 5_000, 20_000))
            yield data[start : start + size]
            start += size

    await player.play(odd())

    await settled(recording)
    assert recording.sound() == data


@real_time
async def test_the_first_samples_are_heard_before_the_last_are_made(player: Speakers, recording: Recording) -> None:
    first, second = noise(0.3, 1), noise(0.3, 2)
    heard = asyncio.Event()

    async def slow() -> AsyncGenerator[bytes]:
        yield first
        await until(lambda: len(recording.sound()) >= len(first) // 2)
        heard.set()
        yield second

    await player.play(slow())

    assert heard.is_set()
    await settled(recording)
    assert recording.sound().startswith(first)
    assert recording.sound().endswith(second)


@real_time
async def test_the_supplier_is_at_most_half_a_second_ahead_of_what_is_heard(
    player: Speakers, recording: Recording
) -> None:
    ahead: list[float] = []

    async def looking() -> AsyncGenerator[bytes]:
        given = 0
        async for block in blocks(noise(2.0), 1_200):
            ahead.append((given - len(recording.sound())) / 2 / SAMPLE_RATE)
            yield block
            given += len(block)

    await player.play(looking())

    assert max(ahead) < 0.5


@real_time
async def test_a_supplier_that_stalls_is_counted_once_and_nothing_is_lost(
    player: Speakers, recording: Recording
) -> None:
    first, second = noise(0.5, 1), noise(0.5, 2)

    async def stalling() -> AsyncGenerator[bytes]:
        async for block in blocks(first):
            yield block
        await settled(recording)
        async for block in blocks(second):
            yield block
        await settled(recording)

    played = await player.play(stalling())

    assert played == Played(1.0, 1)
    sound = recording.sound()
    assert sound.startswith(first)
    assert sound.endswith(second)
    assert not sound[len(first) : -len(second)].strip(b"\0")


@real_time
async def test_canceled_it_is_silent_at_once_and_the_next_text_is_whole(
    player: Speakers, recording: Recording
) -> None:
    playing = asyncio.create_task(player.play(blocks(noise(5.0), 120_000)))
    await until(lambda: len(recording.sound()) > SAMPLE_RATE)
    playing.cancel()
    at_cancel = recording.samples

    with pytest.raises(asyncio.CancelledError):
        await playing

    await settled(recording)
    assert (recording.sound_end() - at_cancel) / SAMPLE_RATE < 0.4
    heard, again = recording.sound(), noise(0.5, 2)
    await player.play(blocks(again))
    await settled(recording)
    assert recording.sound().startswith(heard)
    assert recording.sound()[len(heard) :].lstrip(b"\0") == again


@real_time
async def test_two_texts_are_heard_one_after_the_other(player: Speakers, recording: Recording) -> None:
    first, second = noise(0.4, 1), noise(0.4, 2)

    await asyncio.gather(player.play(blocks(first)), player.play(blocks(second)))

    await settled(recording)
    sound = recording.sound()
    assert sound.startswith(first)
    assert sound.endswith(second)
    assert not sound[len(first) : -len(second)].strip(b"\0")


async def test_a_real_device_is_opened_once(
    player: Speakers, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sounddevice  # pyright: ignore[reportMissingTypeStubs]

    opened: list[Any] = []
    real = sounddevice.RawOutputStream

    def counted(**options: Any) -> Any:
        opened.append(real(**options))
        return opened[-1]

    monkeypatch.setattr(sounddevice, "RawOutputStream", counted)
    for seed in range(3):
        await player.play(blocks(noise(0.1, seed)))

    assert len(opened) == 1
    await player.close()
    assert opened[0].closed


async def test_a_sound_server_that_was_started_again_meanwhile_is_found(server: Pulse, player: Speakers) -> None:
    await player.play(blocks(noise(0.1)))
    server.stop()
    server.start()

    recording = server.recording()
    await player.play(blocks(noise(0.3, 2)))
    await settled(recording)
    assert recording.sound() == noise(0.3, 2)


async def test_a_sound_server_that_ends_in_the_middle_is_reported_and_found_again(
    server: Pulse, player: Speakers
) -> None:
    recording = server.recording()
    playing = asyncio.create_task(player.play(blocks(noise(5.0))))
    await until(lambda: len(recording.sound()) > 0)
    server.stop()

    with anyio.fail_after(PATIENCE_S), pytest.raises(NoSpeakers, match="'default' cannot be played to: "):
        await playing
    with anyio.fail_after(PATIENCE_S), pytest.raises(NoSpeakers):
        await player.play(blocks(noise(0.1)))

    server.start()
    await player.check()
    assert await player.play(blocks(noise(0.2))) == Played(0.2, 0)


def said(config: str, folder: Path, way: str = "play") -> list[str]:
    """What a process says that finds this configuration of ALSA."""
    path = folder / "asound.conf"
    path.write_text(config)
    done = subprocess.run(
        command("speakers", way),
        env={**os.environ, "ALSA_CONFIG_PATH": str(path)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_machine_without_a_device_is_reported(tmp_path: Path) -> None:
    skip_without_speakers()

    words = said("pcm.absent { type hw card 31 }", tmp_path)

    assert len(words) == 2
    for line in words:
        assert line.startswith("NO_SPEAKERS no audio device that can be played to was found; connect one")


def test_a_device_that_cannot_be_opened_is_reported(tmp_path: Path) -> None:
    skip_without_speakers()

    words = said('pcm.!default { type pulse server "unix:/nowhere" }', tmp_path)

    assert len(words) == 2
    assert words[1].startswith("NO_SPEAKERS ")


def test_a_process_that_leaves_its_device_open_ends(server: Pulse, tmp_path: Path) -> None:
    config = Path(server.environment["ALSA_CONFIG_PATH"]).read_text()

    assert said(config, tmp_path, way="play and leave open") == ["None", "Played(seconds=0.1, underruns=0)"]
