"""Playing with a device that does what real ones do seldom; what is heard is tested in `test_speakers_heard.py`."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from app.audio.playback import output, speakers
from app.audio.playback.speakers import Played, Speakers
from app.errors import NoSpeakers
from tests.audio.devices import BUFFER, Sounddevice, plugged_into
from tests.support.running import command
from tests.support.waiting import until

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0

#: Where a package sounddevice is of which nothing ever returns.
HANGING = Path(__file__).parents[1] / "support" / "hanging_device"

#: The silence that pushes the last sample out.
END = bytes(3 * BUFFER)


def pcm(samples: int, seed: int = 1) -> bytes:
    """Some that are all different from silence."""
    return b"".join((1 + (at * 7 + seed * 1_000) % 32_000).to_bytes(2, "little") for at in range(samples))


async def blocks(data: bytes, samples: int = 1_000) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), 2 * samples):
        yield data[start : start + 2 * samples]


class Supplier:
    """Gives a block when it is asked to."""

    def __init__(self) -> None:
        self.asked = 0
        self._blocks: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()

    def give(self, block: bytes | Exception | None) -> None:
        """None is the end."""
        self._blocks.put_nowait(block)

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while True:
            self.asked += 1
            block = await self._blocks.get()
            if block is None:
                return
            if isinstance(block, Exception):
                raise block
            yield block


@pytest.fixture
def radio(monkeypatch: pytest.MonkeyPatch) -> Sounddevice:
    return plugged_into(monkeypatch)


@pytest.fixture
async def player() -> AsyncGenerator[Speakers]:
    made = Speakers()
    yield made
    await made.close()


async def refusal(player: Speakers) -> str:
    """Why it does not play."""
    with anyio.fail_after(PATIENCE_S), pytest.raises(NoSpeakers) as refused:
        await player.play(blocks(pcm(5_000)))
    assert refused.value.code == "NO_SPEAKERS"
    return refused.value.message


async def test_everything_is_played_once_in_order_and_silence_pushes_it_out(
    radio: Sounddevice, player: Speakers
) -> None:
    data = pcm(20_001)

    played = await player.play(blocks(data, 1_777))

    assert played == Played(20_001 / 24_000, 0)
    assert bytes(radio.played) == data + END
    assert radio.lived == ["query", "open", "start", "abort"]


async def test_a_buffer_that_begins_full_is_pushed_out_once(radio: Sounddevice, player: Speakers) -> None:
    radio.begins_full = True

    assert await player.play(blocks(pcm(3_000))) == Played(3_000 / 24_000, 0)

    assert bytes(radio.played) == pcm(3_000) + bytes(2 * 2_400)


async def test_nothing_to_play_is_played(radio: Sounddevice, player: Speakers) -> None:
    assert await player.play(blocks(b"")) == Played(0.0, 0)
    assert radio.lived == ["query", "open"]


async def test_a_device_is_opened_once_and_stopped_in_between(radio: Sounddevice, player: Speakers) -> None:
    for seed in range(3):
        await player.play(blocks(pcm(3_000, seed)))

    assert radio.lived == ["query", "open", *["start", "abort"] * 3]


async def test_more_is_asked_for_only_as_the_device_takes_it(radio: Sounddevice, player: Speakers) -> None:
    radio.stuck = True
    supplier = Supplier()
    playing = asyncio.create_task(player.play(supplier))
    for seed in range(10):
        supplier.give(pcm(2_400, seed))
    supplier.give(None)

    await until(lambda: len(radio.played) == 2 * BUFFER)
    assert supplier.asked == 3

    radio.stuck = False
    assert (await playing).seconds == 1.0


async def test_whoever_has_no_device_learns_it_before_anything_is_asked_for(
    radio: Sounddevice, player: Speakers
) -> None:
    radio.unplug()
    supplier = Supplier()

    with pytest.raises(NoSpeakers, match="no audio device that can be played to was found"):
        await player.play(supplier)

    assert supplier.asked == 0


async def test_a_device_that_is_plugged_in_later_is_found(radio: Sounddevice, player: Speakers) -> None:
    radio.unplug()
    with pytest.raises(NoSpeakers, match="connect one"):
        await player.check()
    radio.plug_in()

    await player.check()

    assert (await player.play(blocks(pcm(100)))).seconds == 100 / 24_000


async def test_a_check_leaves_an_open_device_alone(radio: Sounddevice, player: Speakers) -> None:
    supplier = Supplier()
    playing = asyncio.create_task(player.play(supplier))
    supplier.give(pcm(100))
    await until(lambda: len(radio.played) == 200)
    radio.unplug()

    await player.check()

    supplier.give(None)
    await playing
    assert "terminate" not in radio.calls


@pytest.mark.parametrize("call", ["start", "look", "write"])
async def test_a_device_that_has_gone_meanwhile_is_opened_anew(
    call: str, radio: Sounddevice, player: Speakers
) -> None:
    await player.play(blocks(pcm(3_000)))
    radio.broken[call] = 1
    radio.played.clear()
    data = pcm(3_000, seed=2)

    assert await player.play(blocks(data)) == Played(3_000 / 24_000, 0)

    assert bytes(radio.played) == data + END
    assert radio.calls.count("open") == 2
    assert radio.calls.count("initialize") == 1  # it may be another one now


async def test_a_device_that_has_gone_for_good_is_named(radio: Sounddevice, player: Speakers) -> None:
    await player.play(blocks(pcm(3_000)))
    radio.broken["start"] = 1_000

    assert await refusal(player) == (
        "the audio device 'Kitchen radio' cannot be played to: cannot start: it smells of smoke [PaErrorCode -9999]"
    )
    assert radio.calls.count("open") == 2
    assert all(stream.closed for stream in radio.streams)


async def test_a_device_that_cannot_be_opened_is_named(radio: Sounddevice, player: Speakers) -> None:
    radio.broken["open"] = 1_000

    assert (await refusal(player)).startswith("the audio device 'Kitchen radio' cannot be opened: cannot open: it")
    assert radio.calls.count("open") == 2
    assert radio.calls.count("initialize") == 1


async def test_portaudio_that_does_not_come_back_is_tried_again_the_next_time(
    radio: Sounddevice, player: Speakers
) -> None:
    radio.broken |= {"open": 1, "initialize": 1}

    assert (await refusal(player)).startswith("PortAudio cannot be started again: cannot initialize")

    assert (await player.play(blocks(pcm(100)))).seconds > 0


async def test_a_device_that_breaks_in_the_middle_is_reported_and_the_next_text_has_another(
    radio: Sounddevice, player: Speakers
) -> None:
    supplier = Supplier()
    playing = asyncio.create_task(player.play(supplier))
    supplier.give(pcm(2_000))
    await until(lambda: supplier.asked == 2)
    radio.broken["write"] = 1
    supplier.give(pcm(2_000))

    with pytest.raises(NoSpeakers, match=r"'Kitchen radio' cannot be played to: cannot write"):
        await playing

    assert radio.streams[0].closed
    assert (await player.play(blocks(pcm(2_000)))).seconds == 2_000 / 24_000


async def test_a_device_that_takes_nothing_more_is_reported(
    radio: Sounddevice, player: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "STUCK_S", 0.1)
    radio.stuck = True

    assert "it has taken nothing for 0.1 s" in await refusal(player)

    radio.stuck = False
    assert (await player.play(blocks(pcm(2_000)))).underruns == 0


@pytest.mark.parametrize("how", ["runs_dry", "tells_dry"])
@pytest.mark.parametrize("begins_full", [False, True])
async def test_a_gap_is_counted_when_more_comes_and_not_at_the_begin_or_the_end(
    how: str, begins_full: bool, radio: Sounddevice, player: Speakers
) -> None:
    if begins_full and how == "runs_dry":
        return  # such a device tells it
    radio.begins_full = begins_full
    supplier = Supplier()
    setattr(radio, how, True)  # also before the first block
    playing = asyncio.create_task(player.play(supplier))
    for number, gap in enumerate((False, True, False, True), 1):
        await until(lambda number=number: supplier.asked == number)
        if gap:
            setattr(radio, how, True)
        supplier.give(pcm(2_000))
    await until(lambda: supplier.asked == 5)
    setattr(radio, how, True)
    supplier.give(None)

    assert await playing == Played(8_000 / 24_000, 2)


async def test_whoever_comes_meanwhile_waits_for_their_turn(radio: Sounddevice, player: Speakers) -> None:
    first, second, third = Supplier(), Supplier(), Supplier()
    tasks = [asyncio.create_task(player.play(supplier)) for supplier in (first, second, third)]
    third.give(pcm(300, 3))
    second.give(pcm(200, 2))
    third.give(None)
    second.give(None)
    await until(lambda: first.asked == 1)
    assert second.asked == third.asked == 0
    first.give(pcm(100, 1))
    first.give(None)

    assert [(await task).seconds for task in tasks] == [100 / 24_000, 200 / 24_000, 300 / 24_000]

    assert bytes(radio.played) == pcm(100, 1) + END + pcm(200, 2) + END + pcm(300, 3) + END


@pytest.mark.parametrize("waiting", ["for samples", "for the device"])
async def test_canceled_it_is_silent_at_once_and_plays_the_next(
    waiting: str, radio: Sounddevice, player: Speakers
) -> None:
    supplier = Supplier()
    playing = asyncio.create_task(player.play(supplier))
    radio.stuck = True
    supplier.give(pcm(2_000 if waiting == "for samples" else 20_000))
    await until(lambda: supplier.asked == 2 or len(radio.played) == 2 * BUFFER)
    playing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await playing

    assert radio.calls[-1] == "abort"
    radio.stuck = False
    radio.played.clear()
    await player.play(blocks(pcm(500)))
    assert bytes(radio.played) == pcm(500) + END
    assert radio.calls.count("open") == 1


async def test_whoever_is_canceled_before_their_turn_disturbs_nobody(radio: Sounddevice, player: Speakers) -> None:
    supplier = Supplier()
    playing = asyncio.create_task(player.play(supplier))
    await until(lambda: supplier.asked == 1)
    other = asyncio.create_task(player.play(blocks(pcm(100))))
    await asyncio.sleep(0)
    other.cancel()
    supplier.give(pcm(200))
    supplier.give(None)

    assert (await playing).seconds == 200 / 24_000
    with pytest.raises(asyncio.CancelledError):
        await other
    assert bytes(radio.played) == pcm(200) + END


async def test_what_goes_wrong_with_the_samples_goes_on_and_the_device_stays(
    radio: Sounddevice, player: Speakers
) -> None:
    supplier = Supplier()
    supplier.give(pcm(100))
    supplier.give(ValueError("no more"))

    with pytest.raises(ValueError, match="no more"):
        await player.play(supplier)

    assert radio.calls[-1] == "abort"
    assert (await player.play(blocks(pcm(100)))).seconds > 0
    assert radio.calls.count("open") == 1


@pytest.mark.parametrize("call", ["query", "open", "start", "look", "write"])
async def test_a_device_that_hangs_is_given_up_when_canceled_and_the_next_text_has_another(
    call: str, radio: Sounddevice, player: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speakers, "GIVE_UP_S", 0.1)
    radio.hanging[call] = hanging = threading.Event()
    playing = asyncio.create_task(player.play(blocks(pcm(2_000))))
    await until(lambda: radio.calls[-1:] == [call])  # and the loop goes on meanwhile
    playing.cancel()
    with anyio.fail_after(PATIENCE_S), pytest.raises(asyncio.CancelledError):
        await playing
    del radio.hanging[call]

    assert (await player.play(blocks(pcm(2_000)))).seconds > 0

    hanging.set()
    await until(lambda: len([one for one in threading.enumerate() if one.name == "speakers"]) == 1)
    assert sum(not stream.closed for stream in radio.streams) == 1


async def test_portaudio_is_not_started_again_while_a_device_hangs(
    radio: Sounddevice, player: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speakers, "GIVE_UP_S", 0.1)
    radio.hanging["write"] = threading.Event()
    playing = asyncio.create_task(player.play(blocks(pcm(2_000))))
    await until(lambda: radio.calls[-1:] == ["write"])
    playing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await playing
    radio.unplug()

    assert "no audio device" in await refusal(player)

    assert "terminate" not in radio.calls
    radio.hanging["write"].set()
    await until(lambda: radio.streams[0].closed)


async def test_a_machine_whose_devices_do_not_answer_is_reported(
    radio: Sounddevice, player: Speakers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speakers, "FIND_S", 0.1)
    monkeypatch.setattr(speakers, "GIVE_UP_S", 0.1)
    radio.hanging["query"] = hanging = threading.Event()

    with pytest.raises(NoSpeakers, match="do not answer"):
        await player.check()
    assert "do not answer" in await refusal(player)

    del radio.hanging["query"]
    await player.check()
    hanging.set()


async def test_closed_it_has_released_the_device_and_plays_no_more(radio: Sounddevice) -> None:
    player = Speakers()
    await player.play(blocks(pcm(100)))

    await player.close()
    await player.close()

    assert radio.streams[0].closed
    assert await refusal(player) == "the speakers are closed: the engine stops"
    with pytest.raises(NoSpeakers, match="closed"):
        await player.check()
    await until(lambda: not any(one.name == "speakers" for one in threading.enumerate()))


async def test_what_was_never_used_can_be_closed(radio: Sounddevice) -> None:
    await Speakers().close()

    assert radio.calls == []


@pytest.mark.parametrize("waiting", ["for samples", "for the device"])
async def test_closing_ends_whoever_plays(waiting: str, radio: Sounddevice) -> None:
    player, supplier = Speakers(), Supplier()
    playing = asyncio.create_task(player.play(supplier))
    radio.stuck = True
    supplier.give(pcm(2_000 if waiting == "for samples" else 20_000))
    await until(lambda: supplier.asked == 2 or len(radio.played) == 2 * BUFFER)

    await player.close()
    supplier.give(pcm(1))

    with anyio.fail_after(PATIENCE_S), pytest.raises(NoSpeakers, match="closed"):
        await playing
    assert radio.streams[0].closed
    assert radio.calls.count("open") == 1
    await until(lambda: not any(one.name == "speakers" for one in threading.enumerate()))


def said(way: str, *, packages: Path | None = None) -> str:
    """What a process prints that uses the speakers in this way; it finds these packages before any others."""
    environment = {**os.environ, "PYTHONPATH": str(packages)} if packages else None
    done = subprocess.run(
        command("speakers", way), env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_module_and_the_object_load_no_library() -> None:
    assert {"sounddevice", "_sounddevice", "numpy", "cffi"}.isdisjoint(said("load").split())


async def test_a_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch, player: Speakers) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)

    assert "the Python package sounddevice is not installed" in await refusal(player)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the library comes with the package")
def test_a_missing_library_is_reported_with_what_to_do() -> None:
    assert "the PortAudio library is missing; on Debian and Ubuntu: apt install libportaudio2" in said(
        "check without a library"
    )


def test_portaudio_that_does_not_start_is_reported(tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise RuntimeError('it is Monday')")

    assert said("check", packages=tmp_path) == "PortAudio cannot be started: it is Monday"


def test_a_device_that_hangs_does_not_keep_the_process_from_ending() -> None:
    assert "canceled" in said("cancel", packages=HANGING)
