"""The house: packages are leaves, only commands know Hydra, and every option has its module and its test."""

import ast
import importlib
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[1]
SRC = TOP / "src/xret"
ABOVE = {"model", "run", "commands"}  # may import the leaves and what stands before them here
PACKAGES = {p.name for p in SRC.iterdir() if p.is_dir() and not p.name.startswith("_")}
MAY_IMPORT = {
    "model": {"data", "encoder"},
    "run": PACKAGES - {"commands"},
    "commands": PACKAGES,
}
BORROWED = {"optimizer", "scheduler", "trainer", "tracker"}
OPTIONS = sorted(
    p
    for p in (TOP / "conf").rglob("*.yaml")
    if p.parent != TOP / "conf" and p.relative_to(TOP / "conf").parts[0] not in BORROWED
)
MODULES = sorted(
    p for group in {p.relative_to(TOP / "conf").parts[0] for p in OPTIONS} for p in (SRC / group).rglob("*.py")
)


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


@pytest.mark.parametrize("path", sorted(SRC.glob("*/**/*.py")), ids=lambda p: str(p.relative_to(SRC)))
def test_package_imports_only_what_it_may(path):
    package = path.relative_to(SRC).parts[0]
    allowed = MAY_IMPORT.get(package, set()) | {package}
    for module in imports(path):
        if package != "commands":
            assert module.split(".")[0] not in {"hydra", "omegaconf"}, "components take plain arguments"
        other = module.split(".")[1] if module.startswith("xret.") else ""
        assert other not in PACKAGES - allowed, f"{package} imports {other}"


def target(path):
    """The `_target_` of an option, followed through the option it is a preset of."""
    config = yaml.safe_load(path.read_text()) or {}
    if "_target_" in config:
        return config["_target_"]
    for entry in config.get("defaults", []):
        if isinstance(entry, str) and entry != "_self_":
            return target(path.with_name(f"{entry}.yaml"))
    return None


@pytest.mark.parametrize("path", OPTIONS, ids=lambda p: str(p.relative_to(TOP / "conf")))
def test_option_names_a_class_of_the_package_of_its_folder(path):
    name = target(path)
    if name is None:  # none, or a preset that only picks options of its sub-groups
        config = yaml.safe_load(path.read_text()) or {}
        assert path.stem == "none" or all(isinstance(d, dict) or d == "_self_" for d in config["defaults"])
        return
    module, _, class_name = name.rpartition(".")
    package = ".".join(path.parent.relative_to(TOP / "conf").parts)
    assert module.startswith(f"xret.{package}.")
    assert hasattr(importlib.import_module(module), class_name)


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(SRC)))
def test_module_with_a_constructor_in_conf_has_an_option_and_a_test_of_its_name(path):
    chosen = {t.rpartition(".")[0] for t in map(target, OPTIONS) if t}
    name = ".".join(path.relative_to(TOP / "src").with_suffix("").parts)
    if name in chosen:
        here = path.relative_to(SRC)
        options = [p.stem for p in OPTIONS if (target(p) or "").startswith(f"{name}.")]
        assert path.stem in options or len(options) > 1, "no option of that name, nor presets that share it"
        assert (TOP / "tests" / here.with_name(f"test_{here.name}")).is_file(), "no test of that name"


def test_the_globs_above_find_the_house():
    assert len(OPTIONS) > 20
    assert len(MODULES) > 20
