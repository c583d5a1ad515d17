"""What both say, and how. It knows no model."""

TEXT = (
    "The tide is out, and the keeper of the light is asleep. Nobody has rung the bell since noon, and the boats "
    "lie on the sand as if they had never been anywhere else."
)
VOICE = "vivian"

TEMPERATURE, TOP_K, TOP_P, PENALTY = 0.9, 50, 1.0, 1.05

#: No code has this number, so nothing ends before its limit.
NO_END = 10**6

#: A step of either vocoder, where it is measured alone.
CHUNK_FRAMES = 4
