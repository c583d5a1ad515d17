"""The attention kernel. It gives a query the same result whatever is computed beside it.

A BLAS chooses among its kernels by the shape of a product, and they round differently. The length of the buffers of
keys depends on the other sequences, and the number of queries in a prefill chunk on the time there is. So on a CPU
every product has a shape of its own choice: keys are taken `KEYS` at a time, queries of a prompt `QUERIES` at a
time, counted from where the prefix or the suffix begins. On a GPU it is one fused kernel.
"""

# MLX's types are partly unknown.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import mlx.core as mx

#: Keys of one product. The length of every buffer is a multiple of it.
KEYS = 256

#: Queries of one product. The length of a prefill chunk is a multiple of it, except at the end.
QUERIES = 32


def attend(q: mx.array, keys: mx.array, values: mx.array, mask: mx.array | str | None) -> mx.array:
    """Scaled dot-product attention of queries, [batch, heads, time, width], to keys and values, [batch, key heads,
    positions, width]. `mask` is "causal", or says which keys each query sees; None stands for all.
    """
    scale = q.shape[-1] ** -0.5
    if mx.default_device().type is mx.gpu:
        return mx.fast.scaled_dot_product_attention(q, keys, values, scale=scale, mask=mask)
    q = q * scale
    if not isinstance(mask, str):
        return _attend_in_blocks(q, keys, values, mask)
    time, before = q.shape[2], keys.shape[2] - q.shape[2]
    parts: list[mx.array] = []
    for start in range(0, time, QUERIES):
        end = min(start + QUERIES, time)
        seen = mx.arange(before + end) <= mx.arange(before + start, before + end)[:, None]
        keys_seen, values_seen = keys[:, :, : before + end], values[:, :, : before + end]
        parts.append(_attend_in_blocks(q[:, :, start:end], keys_seen, values_seen, seen))
    return mx.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]


def _attend_in_blocks(q: mx.array, keys: mx.array, values: mx.array, mask: mx.array | None) -> mx.array:
    batch, heads, time, width = q.shape
    key_heads, positions = keys.shape[1:3]
    q = q.reshape(batch, key_heads, heads // key_heads, time, width)
    keys, values = keys[:, :, None], values[:, :, None]
    blocks = [slice(start, start + KEYS) for start in range(0, positions, KEYS)]
    scores = _join([q @ keys[..., block, :].swapaxes(-1, -2) for block in blocks])
    if mask is not None:
        if mask.ndim == 4:  # [batch, heads, time, positions]
            mask = mask.reshape(mask.shape[0], -1, 1 if mask.shape[1] == 1 else heads // key_heads, *mask.shape[2:])
        scores = mx.where(mask, scores, -mx.inf)
    weights = mx.softmax(scores, axis=-1, precise=True)
    total = weights[..., blocks[0]] @ values[..., blocks[0], :]
    for block in blocks[1:]:
        total = total + weights[..., block] @ values[..., block, :]
    return total.reshape(batch, heads, time, width)


def _join(parts: list[mx.array]) -> mx.array:
    return mx.concatenate(parts, axis=-1) if len(parts) > 1 else parts[0]
