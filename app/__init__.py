"""A speech engine for one machine: text in, speech out. The path of a request, in the order to read it:

1. `api/` `daemon/`  the interfaces: HTTP and WebSocket, and the Unix socket
2. `usecases/`       what can be asked: submit, cancel, pause, follow; voices; models
3. `store/`          the rows, committed before anyone is answered
4. `scheduler/`      which job is spoken next; the only writer of final states
5. `text/`           cuts the text into chunks
6. `models/`         which models there are, and the worker process of each
7. `inference/`      what the engine and its workers agree on: the model protocol, the messages, checkpoints
8. `workers/`        what only ever runs in a child process: synthesis, recordings, transcripts, downloads
9. `audio/`          effects, the log that subscribers follow, files, playback

`engine/` builds all of it and runs it; `cli/` starts it or asks it; `process/` starts and ends child processes.
"""

__version__ = "0.1.0"

#: In Hertz, of all audio that a model gives: they resample, so that nothing else has to know another rate.
SAMPLE_RATE = 24_000
