"""The seed of a chunk's take, and what makes a take acceptable. Pure; a restart must come to the same answers."""

from hashlib import blake2b

from app.inference.model import FinishReason

#: How often a chunk is spoken, each time with another seed, before its job fails.
ATTEMPTS_ALLOWED = 3


def chunk_seed(job_seed: int, chunk_index: int, attempt: int) -> int:
    """53 bits, which JavaScript keeps, from the three numbers alone: spoken again, a chunk sounds the same."""
    digest = blake2b(f"{job_seed}:{chunk_index}:{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 11


def objection(spoken: str, sound_bytes: int, reason: FinishReason) -> str | None:
    """Why a take cannot stand for its text, or None. `spoken` is what the model was to say, `sound_bytes` how much
    of what came is not silence.
    """
    if reason is FinishReason.LENGTH:
        return "the model reached its limit before the end of the text"
    if reason is not FinishReason.STOP:
        return f"the model ended with {reason}"
    if not sound_bytes and any(character.isalnum() for character in spoken):
        return "the model gave no sound for the text"
    return None
