"""A speech engine for one machine: text in, speech out. The path of a request, in the order to read it:

1. `api/` `daemon/`  the doors: HTTP and WebSocket, and the Unix socket
2. `speech.py`    what can be asked: submit, cancel, pause, follow
3. `store/`       the rows, committed before anyone is answered
4. `scheduler/`   which job is spoken next; the only writer of final states
5. `text/`        cuts the text into chunks
6. `inference/`   the model's own process, and the pipe to it
7. `audio/`       effects, the log that subscribers follow, and the WAV

`cli.py` and `sidecar.py` start it, `server.py` builds it; `commands/` ask it.
"""

__version__ = "0.1.0"

#: In Hertz, of all audio behind the models: they resample, so that nothing else has to know another rate.
SAMPLE_RATE = 24_000
