"""Sends the audio on standard input, if there is any, through effects with the settings that its argument names.

Prints as JSON the hash of what comes out, and the native libraries that are loaded then.
"""

import json
import sys
from hashlib import sha256

from app.audio.effects.effects import Effects

if __name__ == "__main__":
    effects = Effects(**json.loads(sys.argv[1]))
    pcm = sys.stdin.buffer.read()
    changed = effects.push(pcm) + effects.finish() if pcm else b""
    loaded = sorted({"av", "numpy", "soxr", "soundfile"} & sys.modules.keys())
    print(json.dumps({"sha256": sha256(changed).hexdigest(), "loaded": loaded}))
