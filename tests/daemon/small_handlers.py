"""Handlers of a few lines: they answer with what they were asked, or wait, or fail. Tests edit a copy."""

from typing import Any


async def handle(engine: Any, request: dict[str, Any]) -> Any:
    match request.get("do"):
        case "wait":
            engine.waiting += 1
            try:
                await engine.go.wait()
            finally:
                engine.waiting -= 1
                engine.ended += 1
        case "fail":
            raise ZeroDivisionError("the handlers are wrong")
        case "exit":
            raise SystemExit(3)
        case "nonsense":
            return request["answer"]
        case "bytes":
            return {"status": b"ok"}
        case "stop":
            engine.stop_requested = True
        case _:
            pass
    return {"status": "ok", "asked": request}
