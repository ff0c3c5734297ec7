"""The record of a run: its folder, its checkpoints, where it came from, its pictures, MLflow.

A run folder holds ``config.yaml`` (resolved), ``checkpoints/`` (``last.ckpt``, ``best.ckpt``), ``metrics.json``,
``cost.json`` (what is measured in seconds and so differs from run to run), ``per_query.npz``, ``provenance.json``,
``rejected.jsonl``, ``train.log`` and pictures. Every file is written beside and renamed.
"""
