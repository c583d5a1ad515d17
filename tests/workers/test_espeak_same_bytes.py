import subprocess
from hashlib import sha256
from itertools import permutations
from random import Random

from msgspec.structs import replace

from app.inference.espeak_voices import espeak_voices
from app.inference.model import Lane, Utterance
from app.workers.synthesis.espeak.model import Espeak
from tests.support.running import command
from tests.support.speaking import TEXT, Spoken, collect, finish, speak, utterance


def test_the_same_utterance_gives_the_same_bytes_whatever_came_before() -> None:
    wanted = [
        utterance(),
        utterance(voice="!v/whisper"),
        utterance("Guten Tag.", "de"),
        replace(utterance(voice="!v/Reed"), rate=2.0),
        replace(utterance(voice="!v/f3"), pitch=1.5, rate=2.8),
    ]
    fresh = [spoken_alone(one) for one in wanted]

    model = Espeak()
    for order in list(permutations(range(len(wanted))))[::7]:
        for index in order:
            assert speak(model, wanted[index]).pcm == fresh[index]
    model.close()


def spoken_alone(wanted: Utterance) -> bytes:
    model = Espeak()
    pcm = speak(model, wanted).pcm
    model.close()
    return pcm


def test_the_same_utterances_give_the_same_bytes_in_every_order_with_every_disturbance() -> None:
    voices = [voice.name for voice in espeak_voices()]
    chance = Random(3)
    wanted = [
        replace(
            utterance(chance.choice([TEXT, "1 2 3.", "Grüße, мир, 世界! 😀"]), chance.choice(voices), id=id),
            rate=chance.choice([0.7, 1.0, 1.0, 2.8]),
            pitch=chance.choice([0.7, 1.0, 1.0, 1.6]),
            seed=chance.choice([0, 1, 2**40 + 1]),
        )
        for id in range(40)
    ]
    expected = {one.id: spoken_alone(one) for one in wanted}

    for _ in range(2):
        model = Espeak()
        chance.shuffle(wanted)
        spoken: dict[int, Spoken] = {}
        for one in wanted:
            model.add([replace(one, lane=chance.choice(list(Lane))), utterance(id=1_000)])
            for _ in range(chance.randrange(20)):
                collect(spoken, model.step())
            model.cancel(1_000)
            collect(spoken, model.step())
            spoken.pop(1_000, None)
        finish(model, spoken)
        model.close()

        assert {id: result.pcm for id, result in spoken.items()} == expected


def test_another_process_gives_the_same_bytes() -> None:
    voices = ("!v/whisper", "en-us", "!v/Reed")

    runs = [subprocess.check_output(command("espeak_digests", *voices), text=True) for _ in range(2)]

    assert runs[0] == runs[1]
    assert runs[0].split() == [sha256(spoken_alone(utterance(voice=voice))).hexdigest() for voice in voices]


def test_the_seed_moves_the_noise_of_breath_and_nothing_else(espeak: Espeak) -> None:
    for voice, moved in (("!v/whisper", True), ("!v/Reed", True), ("en-us", False)):
        first = speak(espeak, utterance(voice=voice)).pcm
        second = speak(espeak, replace(utterance(voice=voice), seed=8)).pcm

        assert (first != second) is moved
        assert len(first) == len(second)


def test_settings_of_one_utterance_do_not_stay_for_the_next(espeak: Espeak) -> None:
    plain = speak(espeak, utterance()).pcm

    for settings in ({"rate": 2.8}, {"pitch": 2.0}, {"rate": 0.5, "pitch": 0.5}):
        assert speak(espeak, replace(utterance(), **settings)).pcm != plain
        assert speak(espeak, utterance()).pcm == plain
