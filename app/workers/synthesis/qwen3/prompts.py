"""What the talker is given before it speaks: text and codes laid over each other, as the official code lays them
(QwenLM/Qwen3-TTS, `generate` and `generate_icl_prompt`). Either all of the text stands before the codes:

    preset, design   [instruction] role, codec prefix | text, end of text, start of codes
    clone            role, codec prefix, transcript   | text, end of text, start of codes, codes of the reference

or it lies beside them, token by token, from the start of the codes on; what has no room beside the codes of the
prompt is laid beside those that are made, one for each frame:

    preset, design   [instruction] role, codec prefix | start of codes, beside it the first of the text
    clone            role, codec prefix, start of codes, codes of the reference, beside them transcript | and text

What stands before the bar does not depend on the text: its keys and values can be used again. It knows nothing of
rows, nor of who speaks when.
"""

# mlx-audio has no types, and those of MLX are half unknown.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import mlx.core as mx

from app.inference.languages import AUTO, name_of
from app.inference.model import Utterance, VoiceKind
from app.workers.synthesis.qwen3.references import Reference

_ROLE = "<|im_start|>assistant\n"
_TURN = _ROLE + "{}<|im_end|>\n"
_TOLD = "<|im_start|>user\n{}<|im_end|>\n"

#: Tokens of `_ROLE`, and of what stands behind the text in `_TURN`.
_ROLE_TOKENS, _END_TOKENS = 3, 2


class Prompt(NamedTuple):
    """Inputs of the talker, [1, positions, hidden] each."""

    common: mx.array  #: the same for all texts of a voice
    key: str  #: of what is common
    own: mx.array  #: the last of them is the input of the first frame
    beside: mx.array  #: the rest of the text, of any length: one for each frame that is made, while there are any

    @property
    def positions(self) -> int:
        """Of both."""
        return self.common.shape[1] + self.own.shape[1]


class Prompts:
    """Belongs to the worker's thread. `model` is mlx-audio's; `language_names` are those that it was taught."""

    def __init__(self, model: Any, language_names: Sequence[str]) -> None:
        self._config, self._talker = model.config.talker_config, model.talker
        self._tokenizer = model.tokenizer
        self._language_names = language_names
        self._embed_code = model.talker.model.codec_embedding
        self._embed_codes = model.talker.code_predictor.model.codec_embedding
        added = sorted(model.tokenizer.get_added_vocab(), key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, added)) or "(?!)")
        ids = model.config.tts_bos_token_id, model.config.tts_eos_token_id, model.config.tts_pad_token_id
        self._text_begin, self._text_end, self.pad = mx.split(self._projected(list(ids)), 3, axis=1)
        self._role = self._projected(self._tokens(_ROLE))
        config = self._config
        self._codec_pad, self._codec_begin = mx.split(
            self._embed_code(mx.array([[config.codec_pad_id, config.codec_bos_id]])), 2, axis=1
        )
        mx.eval(self._text_begin, self._text_end, self.pad, self._role, self._codec_pad, self._codec_begin)

    def of(self, utterance: Utterance, reference: Reference | None) -> Prompt:
        """For an utterance, and what is heard in its voice's reference. Raises ValueError for an unknown voice."""
        voice = utterance.voice
        told = "\n".join(part for part in (voice.description, utterance.instruct) if part)
        language = self._language(utterance)
        text = mx.concatenate([self._words(utterance.text), self._text_end], axis=1)
        common = [self._role, self._codec_prefix(voice.name, language, reference)]
        if told:
            common.insert(0, self._projected(self._tokens(_TOLD.format(self._plain(told)))))
        key = f"{voice.kind}\0{voice.name}\0{language}\0{told}"
        codes, known = self._codec_begin, text[:, :0]
        if reference is not None:
            codes = mx.concatenate([codes, reference.embedded], axis=1)
            known = self._words(voice.transcript)
            key += f"\0{reference.key}\0{voice.transcript}\0{utterance.text_layout}"
        if utterance.text_layout == "before":
            common.append(known + self._codec_pad)
            own, beside = [text + self._codec_pad, codes + self.pad], text[:, :0]
        else:
            length, shared = codes.shape[1], min(known.shape[1], codes.shape[1] - 1)
            text = mx.concatenate([known, text], axis=1)
            pads = mx.repeat(self.pad, max(0, length - text.shape[1]), axis=1)
            laid = mx.concatenate([text[:, :length], pads], axis=1) + codes
            common.append(laid[:, :shared])
            own, beside = [laid[:, shared:]], text[:, length:]
        return Prompt(
            mx.concatenate(common, axis=1),
            sha256(key.encode("utf-8", "surrogateescape")).hexdigest(),
            mx.concatenate(own, axis=1),
            beside,
        )

    def embedded(self, codes: mx.array) -> mx.array:
        """The codes of a reference, [1, groups, frames], as inputs: [1, frames, hidden]."""
        total = self._embed_code(codes[:, 0])
        for number, embed in enumerate(self._embed_codes, start=1):
            total = total + embed(codes[:, number])
        return total

    def _codec_prefix(self, name: str, language: str, reference: Reference | None) -> mx.array:
        """How to speak and who, up to the begin of the codes, laid over padding and the begin of the text."""
        config = self._config
        number = (config.codec_language_id or {}).get(language)
        think = (
            [config.codec_nothink_id, config.codec_think_bos_id, config.codec_think_eos_id]
            if number is None
            else [config.codec_think_id, config.codec_think_bos_id, number, config.codec_think_eos_id]
        )
        codes = [self._embed_code(mx.array([think]))]
        if reference is not None:
            codes.append(reference.speaker.reshape(1, 1, -1).astype(codes[0].dtype))
        elif name:
            codes.append(self._embed_code(mx.array([self._speaker(name)])))
        prefix = mx.concatenate([*codes, self._codec_pad], axis=1)
        pads = mx.repeat(self.pad, prefix.shape[1] - 1, axis=1)
        return prefix + mx.concatenate([pads, self._text_begin], axis=1)

    def _speaker(self, name: str) -> list[int]:
        numbers = (self._config.spk_id or {}).get(name.lower())
        if numbers is None:
            raise ValueError(f"the model has no speaker {name!r}")
        return list(numbers) if isinstance(numbers, list) else [numbers]

    def _language(self, utterance: Utterance) -> str:
        """The model's name for the language, or for the dialect that a speaker's Chinese is.

        Where nobody says one, it is left to the model, as the official code does it: what a preset's speaker speaks
        from birth says nothing of the text. A voice that somebody made may have been given a language.
        """
        own = "" if utterance.voice.kind is VoiceKind.PRESET else utterance.voice.language
        name = name_of(utterance.language or own, self._language_names) or AUTO
        dialect = (self._config.spk_is_dialect or {}).get(utterance.voice.name.lower())
        if dialect and name.lower() in ("chinese", AUTO) and dialect in (self._config.codec_language_id or {}):
            return dialect
        return name.lower()

    def _spoken(self, text: str) -> list[int]:
        """The tokens of what is to be said, tokenized where they will stand."""
        return self._tokens(_TURN.format(self._plain(text)))[_ROLE_TOKENS:-_END_TOKENS]

    def _plain(self, text: str) -> str:
        """Text in which all is text: a tokenizer takes `<|im_end|>` for the end of the turn, and `<think>` for what
        no voice has learned to say.
        """
        return self._added.sub(lambda token: f"{token[0][:1]} {token[0][1:]}", text)

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text))

    def _projected(self, tokens: Sequence[int]) -> mx.array:
        """Tokens of text as inputs: [1, tokens, hidden]."""
        return self._talker.text_projection(self._talker.model.text_embedding(mx.array([tokens])))

    def _words(self, text: str) -> mx.array:
        """What is to be said as inputs; none where there are no words."""
        tokens = self._spoken(text)
        return self._projected(tokens) if tokens else self.pad[:, :0]
