"""What the makers' own code makes of our generated checkpoints, kept so that ours is held to it.

`cases.py` says of what, `python -m tests.golden` makes it anew in an environment of its own, which has PyTorch
(`requirements.txt`), and `tests/workers/test_qwen3_makers.py` compares. `kept.npz` has the codes of each take,
and of its samples one in `ONE_SAMPLE_IN`.
"""
