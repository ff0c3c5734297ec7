"""Any name that faiss knows."""

import pytest

from xret.index.factory import Factory


@pytest.mark.parametrize(
    ("name", "recall"),
    [("IVF16,SQ8", 0.95), ("PCA24,L2norm,IVF16,Flat,Refine(SQfp16)", 0.95), ("PQ8x4fs,RFlat", 0.9)],
)
def test_holds_the_contract(holds_the_contract, name, recall):
    holds_the_contract(lambda: Factory(name, effort=16, refine=20), recall)


@pytest.mark.parametrize("name", ["IVF", "nonsense", "PCA999,Flat"])
def test_a_name_that_faiss_does_not_know_is_an_error(shards, name):
    with pytest.raises(ValueError, match="faiss cannot build"):
        Factory(name).build(shards)


@pytest.mark.parametrize("options", [{"effort": 0}, {"refine": 0}, {"train_size": 0}])
def test_refuses_what_is_out_of_range(options):
    with pytest.raises(ValueError, match="at least 1"):
        Factory("Flat", **options)
