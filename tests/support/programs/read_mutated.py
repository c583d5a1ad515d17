"""Reads damaged recordings of one kind with the rights of a decoder; prints how many were taken and refused."""

import sys

from app.errors import InvalidAudio
from app.workers.recording import checks as checks  # what a decoder needs is loaded before it gives up its rights
from app.workers.recording import compressed as compressed
from app.workers.recording import wav as wav
from app.workers.recording.main import decoded, give_up_rights
from tests.audio.recordings import KINDS, mutated, tone


def main(kind: str, count: int) -> None:
    whole = KINDS[kind](tone(1.1, rate=8_000), rate=8_000)
    decoded(whole, normalize=True)
    give_up_rights()
    taken = refused = 0
    for seed in range(count):
        try:
            recording = decoded(mutated(whole, seed), normalize=seed % 2 == 0)
        except InvalidAudio as error:
            refused += bool(error.message)
        else:
            assert 1.0 <= recording.seconds <= 30.0
            assert len(recording.pcm) % 2 == 0
            assert -46 < recording.level_dbfs < 1
            taken += 1
    print(taken, refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
