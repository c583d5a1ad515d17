"""Speaks a text with each of the voices that are its arguments, each with a model of its own; prints the hashes."""

import sys
from hashlib import sha256

from app.workers.synthesis.espeak.model import Espeak
from tests.support.speaking import speak, utterance

if __name__ == "__main__":
    for voice in sys.argv[1:]:
        model = Espeak()
        print(sha256(speak(model, utterance(voice=voice)).pcm).hexdigest())
        model.close()
