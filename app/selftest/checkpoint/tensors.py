"""Tensors that are made when they are written: a large file takes no more memory than its largest layer.

It knows the safetensors format and how MLX quantizes, and nothing of models. Each tensor is drawn with a key of its
own, made from the seed and its name: what is in the file does not depend on the order in which it is written.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import copysign, log2
from pathlib import Path
from typing import Literal, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
DType: TypeAlias = Literal["BF16", "F32", "U32"]
_BYTES: dict[DType, int] = {"BF16": 2, "F32": 4, "U32": 4}


@dataclass(frozen=True)
class Weight:
    """A tensor: its values come in blocks of rows, in float32."""

    name: str
    shape: tuple[int, ...]
    blocks: Callable[[], Iterable[Floats]]


@dataclass(frozen=True)
class _Entry:
    """What stands together in the file: a tensor, or the three of a quantized layer."""

    parts: tuple[tuple[str, DType, tuple[int, ...]], ...]
    data: Callable[[], Iterator[bytes]]


class RandomWeights:
    """Draws tensors. Two of the same seed and name are the same."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def normal(self, name: str, shape: tuple[int, ...], deviation: float, salt: int = 0) -> Floats:
        """Gaussian values around zero."""
        generator = np.random.Generator(np.random.SFC64([self._seed, crc32(name.encode()), salt]))
        drawn = generator.standard_normal(shape, dtype=np.float32)
        drawn *= np.float32(deviation)
        return drawn

    def weight(
        self,
        name: str,
        shape: tuple[int, ...],
        deviation: float,
        edit: Callable[[Floats], None] = lambda values: None,
    ) -> Weight:
        """Gaussian values, some of which `edit` may replace in place."""

        def blocks() -> Iterator[Floats]:
            values = self.normal(name, shape, deviation)
            edit(values)
            yield values

        return Weight(name, shape, blocks)


def fixed(name: str, values: Floats) -> Weight:
    """A tensor that is there already."""
    return Weight(name, values.shape, lambda: [values])


def exact(value: float, bits: int | None) -> float:
    """Nearly this value: one which, alone in its row, leaves all the zeros beside it zeros when it is quantized.

    MLX rounds a group's scale to bfloat16. A power of two stays as it is, and with it zero and the largest value.
    """
    steps = 2 ** (bits or 8) - 1
    return copysign(steps * 2.0 ** round(log2(abs(value) / steps)), value)


def save(path: Path, weights: Iterable[Weight], dtype: Literal["BF16", "F32"]) -> None:
    """As PyTorch would have written it."""
    _write(path, [_plain(weight, dtype) for weight in weights], "pt")


def save_quantized(
    path: Path, weights: Iterable[Weight], bits: int, group_size: int, chosen: Callable[[str], bool]
) -> None:
    """As mlx-audio would have converted it: layers of `chosen` names quantized, channels of convolutions last."""

    def entry(weight: Weight) -> _Entry:
        whole = len(weight.shape) == 2 and weight.shape[-1] % group_size == 0
        if whole and weight.name.endswith(".weight") and chosen(weight.name):
            return _quantized(weight, bits, group_size)
        return _plain(_channels_last(weight) if len(weight.shape) == 3 else weight, "BF16")

    _write(path, [entry(weight) for weight in weights], "mlx")


def _channels_last(weight: Weight) -> Weight:
    out, channels, taps = weight.shape
    return Weight(
        weight.name, (out, taps, channels), lambda: (block.transpose(0, 2, 1) for block in weight.blocks())
    )


def _plain(weight: Weight, dtype: DType) -> _Entry:
    def data() -> Iterator[bytes]:
        for block in weight.blocks():
            yield (_bfloat16(block) if dtype == "BF16" else np.ascontiguousarray(block)).tobytes()

    return _Entry(((weight.name, dtype, weight.shape),), data)


def _bfloat16(values: Floats) -> NDArray[np.uint16]:
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)  # to the nearest, halves to even


def _quantized(weight: Weight, bits: int, group_size: int) -> _Entry:
    rows, columns = weight.shape
    layer, groups = weight.name.removesuffix(".weight"), columns // group_size

    def data() -> Iterator[bytes]:
        import mlx.core as mx

        whole = mx.array(np.concatenate(list(weight.blocks()))).astype(mx.bfloat16)
        packed, scales, biases = mx.quantize(whole, group_size=group_size, bits=bits)
        yield np.array(packed).tobytes()
        for part in (scales, biases):
            yield np.array(part.view(mx.uint16)).tobytes()

    return _Entry(
        (
            (weight.name, "U32", (rows, columns * bits // 32)),
            (f"{layer}.scales", "BF16", (rows, groups)),
            (f"{layer}.biases", "BF16", (rows, groups)),
        ),
        data,
    )


def _write(path: Path, entries: list[_Entry], format: Literal["pt", "mlx"]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": format}}
    end = 0
    for entry in entries:
        for name, dtype, shape in entry.parts:
            assert name not in header, name
            start, end = end, end + int(np.prod(shape)) * _BYTES[dtype]
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with open(path, "wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        for entry in entries:
            for data in entry.data():
                file.write(data)
        assert file.tell() == 8 + len(encoded) + end, path
