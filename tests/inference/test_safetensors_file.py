import json
import os
import random
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from safetensors import deserialize as _deserialize  # pyright: ignore[reportUnknownVariableType]

from app.inference.checkpoint.safetensors import MAX_HEADER, BrokenFile, Tensor, check
from tests.support.running import modules_loaded_by

deserialize: Callable[[bytes], list[tuple[str, dict[str, Any]]]] = _deserialize

T = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'

STRANGE: list[Any] = [-1, 2**31, 2**32, 2**63, 2**64, 10**30, 1.0, True, None, "1", [], {}]


def written(folder: Path, header: str | bytes, data: bytes = b"", *, length: int | None = None) -> Path:
    head = header if isinstance(header, bytes) else header.encode()
    path = folder / "model.safetensors"
    path.write_bytes((len(head) if length is None else length).to_bytes(8, "little") + head + data)
    return path


def test_a_good_file_tells_its_tensors_and_its_size(tmp_path: Path) -> None:
    header = (
        '{"__metadata__":{"format":"pt: mlx"},"b:c":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},'
        '"empty":{"dtype":"F32","shape":[0,7],"data_offsets":[4,4]},'
        f'"a":{T}}}   '
    )
    head = check(written(tmp_path, header, bytes(16)))
    assert head.tensors == {"a": Tensor("F32", (1,)), "b:c": Tensor("BF16", (2, 3)), "empty": Tensor("F32", (0, 7))}
    assert head.bytes == 8 + len(header) + 16


def test_a_file_that_mlx_wrote_without_metadata_is_good(tmp_path: Path) -> None:
    assert check(written(tmp_path, f'{{"__metadata__":null,"a":{T}}}', bytes(4))).tensors == {
        "a": Tensor("F32", (1,))
    }


def test_a_link_to_a_file_is_followed_as_in_a_hubs_cache(tmp_path: Path) -> None:
    blob = written(tmp_path, f'{{"a":{T}}}', bytes(4)).rename(tmp_path / "blob")
    link = tmp_path / "model.safetensors"
    link.symlink_to(blob)
    assert list(check(link).tensors) == ["a"]


@pytest.mark.parametrize(
    ("header", "data", "says"),
    [
        pytest.param("", b"", "does not start", id="no header"),
        pytest.param("{}", b"", "no tensors", id="no tensors"),
        pytest.param(f' {{"a":{T}}}', bytes(4), "does not start", id="a space in front"),
        pytest.param('{"a":', b"", "truncated", id="half a header"),
        pytest.param("[" * 10_000, b"", "does not start", id="a list"),
        pytest.param('{"a":' * 20_000, b"", "recursion", id="nested deeply"),
        pytest.param('{"a":{"dtype":"F32","shape":[1]}}', bytes(4), "missing", id="no offsets"),
        pytest.param('{"a":{"dtype":"F4","shape":[8],"data_offsets":[0,4]}}', bytes(4), "'F4'", id="half bytes"),
        pytest.param('{"a":{"dtype":"X","shape":[1],"data_offsets":[0,4]}}', bytes(4), "'X'", id="unknown type"),
        pytest.param(
            '{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', bytes(4), "negative", id="negative"
        ),
        pytest.param('{"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}', bytes(4), "float", id="a float"),
        pytest.param('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', bytes(4), "has 8", id="wrong shape"),
        pytest.param('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', bytes(8), "next free", id="a hole"),
        pytest.param('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(3), "cut off", id="cut off"),
        pytest.param('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', bytes(5), "no tensor", id="a rest"),
        pytest.param(
            f'{{"a":{T},"b":{{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}}}', bytes(6), "'b'", id="an overlap"
        ),
        pytest.param(
            '{"a":{"dtype":"F32","shape":[0,2147483647,2147483647],"data_offsets":[0,0]}}',
            b"",
            "more than",
            id="an overflow beside a zero",
        ),
        pytest.param(
            '{"a":{"dtype":"F32","shape":[' + ",".join(["1"] * 17) + '],"data_offsets":[0,4]}}',
            bytes(4),
            "17 dimensions",
            id="too many dimensions",
        ),
        pytest.param('{"a":{"dtype":"F32","shape":[0,2147483648],"data_offsets":[0,0]}}', b"", "<=", id="33 bits"),
        pytest.param(
            '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}', bytes(4), "unknown", id="an unknown key"
        ),
        pytest.param(f'{{"a":{T},"a":{T}}}', bytes(4), "twice", id="a tensor twice"),
        pytest.param("{" + '"a":0,' * 500_001, b"", "more than 100000", id="too many keys"),
        pytest.param(f'{{"a":[],"a":{T}}}', bytes(4), "twice", id="a tensor hides another value"),
        pytest.param(
            f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{T}}}', bytes(4), "twice", id="metadata twice"
        ),
        pytest.param(
            '{"a":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
            bytes(4),
            "twice",
            id="a key twice",
        ),
        pytest.param(f'{{"a\\u003A":{T},"b":1,"b":{T}}}', bytes(4), "colon", id="an escape that hides a key"),
        pytest.param(f'{{"__metadata__":{{"a":1}},"a":{T}}}', bytes(4), "str", id="metadata that is not text"),
        pytest.param(b'{"\xff":' + T.encode() + b"}", bytes(4), "utf-8", id="not UTF-8"),
    ],
)
def test_a_header_that_is_wrong_is_refused_by_name(tmp_path: Path, header: str, data: bytes, says: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        check(written(tmp_path, header, data))
    assert str(caught.value).startswith("model.safetensors: ")
    assert str(tmp_path) not in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("length", [MAX_HEADER + 1, 2**63, 2**64 - 1, 1_000])
def test_a_length_that_is_only_claimed_is_not_allocated(tmp_path: Path, length: int) -> None:
    path = written(tmp_path, f'{{"a":{T}}}', bytes(4), length=length)
    tracemalloc.start()
    with pytest.raises(BrokenFile, match="header of"):
        check(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_file_of_many_gigabytes_is_judged_by_its_header_alone(tmp_path: Path) -> None:
    size = 6 << 30
    path = written(tmp_path, f'{{"a":{{"dtype":"U8","shape":[6,{size // 6}],"data_offsets":[0,{size}]}}}}')
    os.truncate(path, path.stat().st_size + size)  # sparse: it takes no room
    tracemalloc.start()
    assert check(path).tensors["a"].shape == (6, size // 6)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_header_that_is_there_but_longer_than_any_is_not_read(tmp_path: Path) -> None:
    path = written(tmp_path, "{", length=MAX_HEADER + 1)
    os.truncate(path, MAX_HEADER + 100)
    with pytest.raises(BrokenFile, match="claims a header of"):
        check(path)


def test_what_is_not_a_file_is_refused_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    (tmp_path / "short.safetensors").write_bytes(b"1234567")
    for name, says in (("pipe", "not a file"), ("folder", "cannot"), ("short", "too short"), ("absent", "No such")):
        with pytest.raises(BrokenFile, match=rf"^{name}\.safetensors: .*{says}"):
            check(tmp_path / f"{name}.safetensors")


def test_hundreds_of_mutated_headers_are_refused_or_are_valid_for_the_reference_too(tmp_path: Path) -> None:
    random_ = random.Random(4)
    accepted = 0
    for _ in range(1_500):
        data = _mutated(random_)
        path = tmp_path / "model.safetensors"
        path.write_bytes(data)
        try:
            head = check(path)
        except BrokenFile:
            continue
        accepted += 1
        try:
            theirs = dict(deserialize(data))
        except SafetensorError as error:
            pytest.fail(f"accepted, but the reference says {error}: {data!r}")
        assert {name: list(tensor.shape) for name, tensor in head.tensors.items()} == {
            name: tensor["shape"] for name, tensor in theirs.items()
        }
    assert accepted > 50  # else nothing was compared


def _mutated(random_: random.Random) -> bytes:
    """A file that was good, with a few things changed: in its meaning, or in its bytes."""
    header: dict[str, Any] = {}
    end = 0
    for number in range(random_.randint(1, 4)):
        dtype, width = random_.choice([("F32", 4), ("BF16", 2), ("U8", 1), ("I64", 8), ("F8_E4M3", 1), ("C64", 8)])
        shape = [random_.randint(0, 4) for _ in range(random_.randint(0, 3))]
        size = width
        for dimension in shape:
            size *= dimension
        header[f"t{number}"] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    if random_.random() < 0.5:
        header["__metadata__"] = {"format": "pt"}
    if random_.random() < 0.5:
        entry = header["t0"]
        strange = random_.choice(STRANGE)
        match random_.randrange(6):
            case 0:
                entry["shape"] = [*entry["shape"], strange]
            case 1:
                entry["data_offsets"][random_.randrange(2)] = strange
            case 2:
                entry["dtype"] = random_.choice(["F4", "F6_E2M3", "f32", "", "BOOL", "U32", 4])
            case 3:
                entry.pop(random_.choice(list(entry)))
            case 4:
                header[random_.choice(["t1", "__metadata__", "x"])] = strange
            case _:
                end += random_.choice([-1, 1, 8])
    text = bytearray(json.dumps(header).encode())
    for _ in range(random_.choice([0, 0, 0, 1, 1, 2])):
        place = random_.randrange(len(text))
        match random_.randrange(4):
            case 0:
                text[place] = random_.randrange(256)
            case 1:
                del text[place : place + random_.randint(1, 5)]
            case 2:
                text[place:place] = random_.choice(
                    [b" ", b"-", b"0", b'"', b"\\u0041", b"{", b"\xc3", b":", b",", b"\0"]
                )
            case _:
                text[place:place] = text[place : place + random_.randint(1, 40)]
    length = len(text) + random_.choice([0] * 12 + [-1, 1, 2**40])
    return max(length, 0).to_bytes(8, "little") + bytes(text) + bytes(max(end, 0))


def test_these_modules_bring_nothing_native_into_the_engine() -> None:
    loaded = modules_loaded_by("app.inference.checkpoint.inspect", "app.models.published")

    assert loaded.isdisjoint({"numpy", "mlx", "mlx_audio", "transformers", "safetensors", "torch"})
