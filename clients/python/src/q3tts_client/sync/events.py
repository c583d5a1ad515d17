"""What happens to all jobs, over `/v1/events`. There is no replay: read the list of jobs after each `Connected`."""

from collections.abc import Iterator

from q3tts_client.errors import NetworkError, SpeechError
from q3tts_client.retries import Patience, Retries
from q3tts_client.sync.http import Http
from q3tts_client.sync.transport import Closed, Refused, Socket, wait
from q3tts_client.wire import Connected, JobEvent, text_event


def job_events(http: Http, patience: Patience | None) -> Iterator[JobEvent]:
    """Without end. Raises `NetworkError` when the engine is gone, and no other comes."""
    retries = Retries(patience)
    while True:
        retries.begins()
        connection = http.connection
        lost: SpeechError
        try:
            socket = Socket.open(connection, "/events", retries.patience.answer_seconds)
        except (Refused, NetworkError) as error:
            lost = error.why if isinstance(error, Refused) else error
            if isinstance(error, Refused) and error.status not in (401, 503):
                raise lost from error
            if http.renewed(connection):
                if retries.renewed():
                    continue
            elif isinstance(error, Refused) and error.status == 401:
                raise lost from error
        else:
            try:
                yield Connected()
                while True:
                    event = text_event(str(socket.receive()))
                    retries.succeeded()
                    if event is not None:
                        yield event
            except Closed as closed:
                lost = NetworkError(f"the stream of events broke off: {closed}")
                retries.lasted()
            finally:
                socket.close()
        pause = retries.next_wait()
        if pause is None:
            raise lost
        wait(pause)
