"""Attention that gives a query the same result whatever is computed beside it.

A BLAS chooses among its kernels by the shape of a product, and they round differently. How many keys a buffer has
room for depends on who else is spoken, and how many queries come at once on the time there is. So on a CPU every
product has a shape of its own choice: keys are taken `KEYS` at a time, queries of a prompt `QUERIES` at a time,
counted from where a part of a prompt begins. On a GPU it is one fused kernel.
"""

# Those of MLX are half unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import mlx.core as mx

#: All buffers have room for a multiple of it.
KEYS = 256

#: A part of a prompt is put in by multiples of it, but for its end.
QUERIES = 32


def attend(q: mx.array, keys: mx.array, values: mx.array, mask: mx.array | str | None) -> mx.array:
    """Scaled dot-product attention of queries, [rows, heads, time, width], to keys and values, [rows, key heads,
    positions, width]. `mask` is "causal", or says which keys each query sees; None for all.
    """
    scale = q.shape[-1] ** -0.5
    if mx.default_device().type is mx.gpu:
        return mx.fast.scaled_dot_product_attention(q, keys, values, scale=scale, mask=mask)
    q = q * scale
    if not isinstance(mask, str):
        return _attended(q, keys, values, mask)
    time, before = q.shape[2], keys.shape[2] - q.shape[2]
    parts: list[mx.array] = []
    for start in range(0, time, QUERIES):
        end = min(start + QUERIES, time)
        seen = mx.arange(before + end) <= mx.arange(before + start, before + end)[:, None]
        parts.append(_attended(q[:, :, start:end], keys[:, :, : before + end], values[:, :, : before + end], seen))
    return mx.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]


def _attended(q: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None) -> mx.array:
    rows, heads, time, width = q.shape
    key_heads, positions = keys.shape[1:3]
    q = q.reshape(rows, key_heads, heads // key_heads, time, width)
    keys, values = keys[:, :, None], values[:, :, None]
    blocks = [slice(start, start + KEYS) for start in range(0, positions, KEYS)]
    scores = _joined([q @ keys[..., block, :].swapaxes(-1, -2) for block in blocks])
    if mask is not None:
        if mask.ndim == 4:  # [rows, heads, time, positions]
            mask = mask.reshape(mask.shape[0], -1, 1 if mask.shape[1] == 1 else heads // key_heads, *mask.shape[2:])
        scores = mx.where(mask, scores, -mx.inf)
    shares = mx.softmax(scores, axis=-1, precise=True)
    total = shares[..., blocks[0]] @ values[..., blocks[0], :]
    for block in blocks[1:]:
        total = total + shares[..., block] @ values[..., block, :]
    return total.reshape(rows, heads, time, width)


def _joined(parts: list[mx.array]) -> mx.array:
    return mx.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
