"""``xret build``: a search index from a folder of vectors."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.run.index_folder import IndexFacts
    from xret.run.vectors import Facts, VectorFolder


def run(cfg: DictConfig) -> None:
    """Build the index, measure what it loses, and say where it is."""
    from xret.commands._assembly import build, refuse_strangers, trusted
    from xret.run.index_folder import CURRENT, IndexFolder
    from xret.run.vectors import VectorFolder

    vectors = VectorFolder.open(Path(cfg.vectors))
    facts = vectors.facts()
    target = _target(cfg.target, facts)
    refuse_strangers(OmegaConf.to_container(cfg.index), trusted(cfg.trust))
    index = build(cfg.index, "index")
    folder = IndexFolder(Path(HydraConfig.get().runtime.output_dir))
    if (folder.path / CURRENT).exists():
        raise UserError(f"{folder.path} holds an index already; choose another hydra.run.dir")
    folder.publish(lambda path: _write(path, index, vectors, target, cfg))
    print(f"index: {folder.path}")
    print(f'next: python -m xret search index={folder.path} query="..."')


def _target(asked: str | None, facts: "Facts") -> str:
    if asked is None:
        return "image" if "image" in facts.items else next(iter(facts.items))
    if asked not in facts.items:
        raise UserError(f"target must be one of {', '.join(facts.items)}, got {asked}")
    return asked


def _write(path: Path, index: Any, vectors: "VectorFolder", target: str, cfg: DictConfig) -> "IndexFacts":  # noqa: ANN401
    import pyarrow.parquet as pq

    from xret.run.index_folder import ITEMS, IndexFacts

    facts = vectors.facts()
    index.build(vectors.shards(target))
    index.save(path)
    pq.write_table(vectors.table(target), path / ITEMS)
    settings = OmegaConf.to_container(cfg.index, resolve=True)
    assert isinstance(settings, dict)
    named: dict[str, Any] = {str(key): value for key, value in settings.items()}
    return IndexFacts(facts.run, facts.weights, target, facts.data, facts.items[target], facts.dim, named, {})
