"""A WebSocket client that costs next to nothing: what is measured is the engine, not who listens to it.

It reads what a q3tts engine sends (whole messages, never masked), answers pings, and knows no more of RFC 6455.
"""

import socket
from collections.abc import Generator, Iterator

TEXT, BINARY, CLOSE, PING = 0x1, 0x2, 0x8, 0x9

_FINAL = 0x80


class Messages:
    """Takes messages out of the bytes as they come."""

    def __init__(self) -> None:
        self._unread = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages that are whole now: opcode and payload."""
        unread = self._unread
        unread += data
        at, end = 0, len(unread)
        while end - at >= 2:
            size, head = unread[at + 1], 2
            if size == 126:
                head = 4
            elif size == 127:
                head = 10
            if end - at < head:
                break
            if head > 2:
                size = int.from_bytes(unread[at + 2 : at + head])
            if end - at < head + size:
                break
            first = unread[at]
            if not first & _FINAL:
                raise RuntimeError("a message came in fragments; this client does not know them")
            yield first & 0x0F, bytes(unread[at + head : at + head + size])
            at += head + size
        del unread[:at]


class Connection:
    """A connection to one of an engine's WebSockets."""

    def __init__(self, port: int, token: str, path: str, *, binary: bool) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._messages = Messages()
        lines = (
            f"GET /v1{path}?format={'binary' if binary else 'json'} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
            f"Authorization: Bearer {token}",
            "\r\n",
        )
        self.socket.sendall("\r\n".join(lines).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._read()
        head, _, rest = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"no WebSocket: {head[:200]!r}")
        self._early = rest

    def received(self) -> Iterator[tuple[int, bytes]]:
        """What one read of the socket brings; pings are answered, a close ends with EOFError."""
        data, self._early = self._early or self._read(), b""
        for opcode, payload in self._messages.feed(data):
            if opcode == PING:
                # A mask of zeros is a mask.
                self.socket.sendall(bytes((0x8A, 0x80 | len(payload), 0, 0, 0, 0)) + payload)
            elif opcode == CLOSE:
                raise EOFError
            else:
                yield opcode, payload

    def messages(self) -> Generator[tuple[int, bytes]]:
        """All messages up to the close."""
        try:
            while True:
                yield from self.received()
        except EOFError:
            return

    def send(self, text: str) -> None:
        """Send a text message."""
        payload = text.encode()
        size = len(payload)
        head = bytes((0x81, 0x80 | size)) if size < 126 else bytes((0x81, 0xFE, *size.to_bytes(2)))
        self.socket.sendall(head + bytes(4) + payload)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()

    def _read(self) -> bytes:
        data = self.socket.recv(1 << 18)
        if not data:
            raise RuntimeError("the engine hung up without a close")
        return data


class Stream(Connection):
    """A connection to `/v1/stream/{job_id}`."""

    def __init__(self, port: int, token: str, job_id: str, *, binary: bool) -> None:
        super().__init__(port, token, f"/stream/{job_id}", binary=binary)
