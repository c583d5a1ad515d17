"""Builds prompts: the inputs of the talker's prefill, in which text and codes are added to each other as in the
official code (QwenLM/Qwen3-TTS, `generate` and `generate_icl_prompt`). Either all of the text stands before the
codes:

    preset, design   [instruction] role, codec prefix | text, end of text, start of codes
    clone            role, codec prefix, transcript   | text, end of text, start of codes, codes of the reference

or it lies beside them, token by token, from the start of the codes on. Text that is longer than the codes of the
prompt is laid beside the generated codes, one token for each frame:

    preset, design   [instruction] role, codec prefix | start of codes, beside it the first of the text
    clone            role, codec prefix, start of codes, codes of the reference, beside them transcript | and text

What stands before the bar, the prefix, does not depend on the text: its keys and values can be used again.
"""

# mlx-audio has no types, and MLX's are partly unknown.
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
_INSTRUCTION = "<|im_start|>user\n{}<|im_end|>\n"

#: Tokens of `_ROLE`, and of what stands after the text in `_TURN`.
_ROLE_TOKENS, _END_TOKENS = 3, 2


class Prompt(NamedTuple):
    """Inputs of the talker, [1, positions, hidden] each."""

    prefix: mx.array  #: the same for all texts of a voice
    prefix_key: str  #: the same for the same prefix
    suffix: mx.array  #: its last position is the input of the first frame
    trailing_text: mx.array  #: the rest of the text, of any length: a position for each generated frame

    @property
    def positions(self) -> int:
        """Positions of the prefix and the suffix."""
        return self.prefix.shape[1] + self.suffix.shape[1]


class PromptBuilder:
    """Tokenizes and embeds. Runs on the worker's thread. `model` is mlx-audio's; `language_names` are the languages
    that it was trained on.
    """

    def __init__(self, model: Any, language_names: Sequence[str]) -> None:
        self._config, self._talker = model.config.talker_config, model.talker
        self._tokenizer = model.tokenizer
        self._language_names = language_names
        self._embed_code = model.talker.model.codec_embedding
        self._embed_other_codes = model.talker.code_predictor.model.codec_embedding
        added = sorted(model.tokenizer.get_added_vocab(), key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, added)) or "(?!)")
        ids = model.config.tts_bos_token_id, model.config.tts_eos_token_id, model.config.tts_pad_token_id
        self._text_begin, self._text_end, self.pad = mx.split(self._embed_text(list(ids)), 3, axis=1)
        self._role = self._embed_text(self._tokens(_ROLE))
        config = self._config
        self._codec_pad, self._codec_begin = mx.split(
            self._embed_code(mx.array([[config.codec_pad_id, config.codec_bos_id]])), 2, axis=1
        )
        mx.eval(self._text_begin, self._text_end, self.pad, self._role, self._codec_pad, self._codec_begin)

    def build(self, utterance: Utterance, reference: Reference | None) -> Prompt:
        """The prompt of an utterance, and of a clone's reference. Raises ValueError for an unknown voice."""
        voice = utterance.voice
        instruction = "\n".join(part for part in (voice.description, utterance.instruct) if part)
        language = self._language(utterance)
        text = mx.concatenate([self._embed_spoken(utterance.text), self._text_end], axis=1)
        prefix = [self._role, self._codec_prefix(voice.name, language, reference)]
        if instruction:
            prefix.insert(0, self._embed_text(self._tokens(_INSTRUCTION.format(self.defuse(instruction)))))
        key = f"{voice.kind}\0{voice.name}\0{language}\0{instruction}"
        codes, transcript = self._codec_begin, text[:, :0]
        if reference is not None:
            codes = mx.concatenate([codes, reference.inputs], axis=1)
            transcript = self._embed_spoken(voice.transcript)
            key += f"\0{reference.key}\0{voice.transcript}\0{utterance.text_layout}"
        if utterance.text_layout == "before":
            prefix.append(transcript + self._codec_pad)
            suffix, trailing = [text + self._codec_pad, codes + self.pad], text[:, :0]
        else:
            length, shared = codes.shape[1], min(transcript.shape[1], codes.shape[1] - 1)
            text = mx.concatenate([transcript, text], axis=1)
            pads = mx.repeat(self.pad, max(0, length - text.shape[1]), axis=1)
            laid = mx.concatenate([text[:, :length], pads], axis=1) + codes
            prefix.append(laid[:, :shared])
            suffix, trailing = [laid[:, shared:]], text[:, length:]
        return Prompt(
            mx.concatenate(prefix, axis=1),
            sha256(key.encode("utf-8", "surrogateescape")).hexdigest(),
            mx.concatenate(suffix, axis=1),
            trailing,
        )

    def embed_codes(self, codes: mx.array) -> mx.array:
        """The codes of a reference, [1, groups, frames], as inputs of the talker: [1, frames, hidden]."""
        total = self._embed_code(codes[:, 0])
        for number, embed in enumerate(self._embed_other_codes, start=1):
            total = total + embed(codes[:, number])
        return total

    def _codec_prefix(self, name: str, language: str, reference: Reference | None) -> mx.array:
        """The language and the speaker, added to padding and the start of the text."""
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
        codec = mx.concatenate([*codes, self._codec_pad], axis=1)
        pads = mx.repeat(self.pad, codec.shape[1] - 1, axis=1)
        return codec + mx.concatenate([pads, self._text_begin], axis=1)

    def _speaker(self, name: str) -> list[int]:
        numbers = (self._config.spk_id or {}).get(name.lower())
        if numbers is None:
            raise ValueError(f"the model has no speaker {name!r}")
        return list(numbers) if isinstance(numbers, list) else [numbers]

    def _language(self, utterance: Utterance) -> str:
        """The model's name for the language, or for the dialect that a speaker's Chinese is.

        Without one it is left to the model, as in the official code: the mother tongue of a preset's speaker says
        nothing about the text. A voice that a user made may have been given a language.
        """
        own = "" if utterance.voice.kind is VoiceKind.PRESET else utterance.voice.language
        name = name_of(utterance.language or own, self._language_names) or AUTO
        dialect = (self._config.spk_is_dialect or {}).get(utterance.voice.name.lower())
        if dialect and name.lower() in ("chinese", AUTO) and dialect in (self._config.codec_language_id or {}):
            return dialect
        return name.lower()

    def _spoken_tokens(self, text: str) -> list[int]:
        """The tokens of a text that is spoken, tokenized in their context."""
        return self._tokens(_TURN.format(self.defuse(text)))[_ROLE_TOKENS:-_END_TOKENS]

    def defuse(self, text: str) -> str:
        """Text without special tokens: the tokenizer would take `<|im_end|>` for the end of the turn, and `<think>`
        for something that no voice has learned to say.
        """
        return self._added.sub(lambda token: f"{token[0][:1]} {token[0][1:]}", text)

    def _tokens(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text))

    def _embed_text(self, tokens: Sequence[int]) -> mx.array:
        """Tokens of text as inputs of the talker: [1, tokens, hidden]."""
        return self._talker.text_projection(self._talker.model.text_embedding(mx.array([tokens])))

    def _embed_spoken(self, text: str) -> mx.array:
        """A text that is spoken as inputs of the talker: [1, tokens, hidden]."""
        tokens = self._spoken_tokens(text)
        return self._embed_text(tokens) if tokens else self.pad[:, :0]
