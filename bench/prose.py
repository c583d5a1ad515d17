"""Text to speak: as much as is wanted, always the same, with the sentences and paragraphs of a book."""

import random

_OPENINGS = (
    "In the morning", "Nobody knew why", "It was late when", "Towards the end of the year", "On the other side",
    "For a while", "Once more", "As far as anyone could tell", "Before the rain came", "Without a word",
)  # fmt: skip
_SUBJECTS = (
    "the old captain", "her brother", "a man from the village", "the clerk at the station", "Mrs. Alder",
    "the two of them", "a child with a lantern", "the doctor", "everyone in the house", "the stranger",
)  # fmt: skip
_VERBS = (
    "walked down to the harbour", "counted the 27 letters again", "looked at the clock, which had stopped",
    "spoke of nothing but the weather", "waited for the last train", "left the door open",
    "remembered what had been said in 1912", "turned the page", "heard the bells of the church", "said nothing",
)  # fmt: skip
_ENDINGS = (
    "as if it had always been so", "and the light went out", "though the road was long and the night was cold",
    "because there was no other way", "while the sea went on with its own affairs", "and that was all",
    "which surprised no one", "until the lamps were lit along the quay", "for the first time in years",
)  # fmt: skip


def prose(characters: int, *, seed: int = 1) -> str:
    """At least `characters` characters of paragraphs; another seed gives another text."""
    dice = random.Random(seed)
    paragraphs: list[str] = []
    total = 0
    while total < characters:
        paragraph = " ".join(_sentence(dice) for _ in range(dice.randint(3, 8)))
        paragraphs.append(paragraph)
        total += len(paragraph) + 2
    return "\n\n".join(paragraphs)


def sentence(seed: int) -> str:
    """One sentence."""
    return _sentence(random.Random(seed))


def _sentence(dice: random.Random) -> str:
    clause = f"{dice.choice(_OPENINGS)} {dice.choice(_SUBJECTS)} {dice.choice(_VERBS)}"
    if dice.random() < 0.6:
        clause += f", {dice.choice(_ENDINGS)}"
    if dice.random() < 0.1:
        return f'"{clause}?" she asked.'
    return clause + "."
