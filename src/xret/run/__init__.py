"""The record of a run: its folder, its checkpoints, where it came from, its pictures, MLflow.

A run folder holds ``config.yaml`` (resolved), ``checkpoints/`` (``last.ckpt``, ``best.ckpt``), ``metrics.json``,
``cost.json`` (what is measured in seconds and so differs from run to run), ``per_query.npz``, ``provenance.json``,
``rejected.jsonl``, ``split.csv``, ``train.log`` and pictures; ``interrupted.json`` while Ctrl-C has left it unfinished.
Every file is written beside and renamed.
"""
