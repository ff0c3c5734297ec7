"""Hydra's sweep syntax as Optuna distributions, and the keys that exist only beside some choices."""

import difflib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, ValueType
from hydra.errors import ConfigCompositionException
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from xret._errors import UserError

_COMBINATIONS = 256  # of choices looked through for a key that seems to be nowhere
Value = str | int | float | bool | None
Compose = Callable[[tuple[str, ...]], Mapping[str, Any]]


@dataclass(frozen=True)
class Parameter:
    """One swept key.

    Args:
        key: as on the command line, with ``+`` and package.
        group: whether it chooses an option of a group.
        distribution: what Optuna draws from.
        texts: how a categorical value is written on a command line.
        added: whether the key starts with ``+`` and so need not exist.
    """

    key: str
    group: bool
    distribution: BaseDistribution
    texts: Mapping[Value, str] = field(default_factory=dict)
    added: bool = False

    @property
    def name(self) -> str:
        """The key without ``+`` and package."""
        return self.key.lstrip("+").partition("@")[0]

    def suggest(self, trial: optuna.Trial) -> Value:
        """Let Optuna draw a value."""
        d = self.distribution
        if isinstance(d, CategoricalDistribution):
            return trial.suggest_categorical(self.key, d.choices)
        if isinstance(d, IntDistribution):
            return trial.suggest_int(self.key, d.low, d.high, step=d.step, log=d.log)
        assert isinstance(d, FloatDistribution)
        return trial.suggest_float(self.key, d.low, d.high, step=d.step, log=d.log)

    def override(self, value: Value) -> str:
        """Return ``key=value`` as Hydra reads it."""
        return f"{self.key}={self.texts.get(value, repr(value)) if self.texts else repr(value)}"

    def values(self) -> list[Value]:
        """Return every value.

        Raises:
            UserError: they are not countable.
        """
        d = self.distribution
        if isinstance(d, CategoricalDistribution):
            return list(d.choices)
        if isinstance(d, IntDistribution):
            return list(range(d.low, d.high + 1, d.step))
        assert isinstance(d, FloatDistribution)
        if d.step is None:
            raise UserError(
                f"the grid sampler needs steps, {self.key} is an interval; "
                f"write {self.key}=range({d.low}, {d.high}, STEP)"
            )
        return [min(d.low + i * d.step, d.high) for i in range(round((d.high - d.low) / d.step) + 1)]


def parameter(override: Override, options: Sequence[str]) -> Parameter:
    """Read one sweep.

    Args:
        override: parsed by Hydra; a sweep.
        options: of the group it names; empty if it names a key.

    Returns:
        The parameter.

    Raises:
        UserError: bounds, tags or options that cannot be.
    """
    key, sweep = override.get_key_element(), override.value()
    tags = set(getattr(sweep, "tags", ())) - {"log"}
    if tags:
        raise UserError(f"{key}: the tag of a sweep is log, got {', '.join(sorted(tags))}")
    log = "log" in getattr(sweep, "tags", ())
    try:
        if override.is_choice_sweep():
            return _choice(override, key, options)
        if options:
            raise UserError(f"{key} is a group; choose among its options: {key}=choice({','.join(options)})")
        return Parameter(key, False, _numbers(sweep, log), added=key.startswith("+"))
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"{key}={override.input_line and override.input_line.partition('=')[2]}: {error}") from None


def _choice(override: Override, key: str, options: Sequence[str]) -> Parameter:
    texts: dict[Value, str] = {}
    raw = list(override.sweep_iterator())
    for value, text in zip(raw, override.sweep_string_iterator(), strict=True):
        texts.setdefault(value if isinstance(value, bool | int | float) or value is None else str(text), str(text))
    if not texts:
        raise UserError(f"{key} has nothing to choose from")
    for text in texts.values():
        if options and text not in options and text != "null":
            raise UserError(f"no option {text!r} in group {key!r}; {_nearest(text, options)}")
    if override.value_type is ValueType.GLOB_CHOICE_SWEEP and not options:
        raise UserError(f"{key}: glob() chooses among the options of a group, and {key} is none")
    return Parameter(key, bool(options), CategoricalDistribution(list(texts)), texts, key.startswith("+"))


def _numbers(sweep: object, log: bool) -> BaseDistribution:
    if isinstance(sweep, IntervalSweep):
        assert sweep.start is not None
        assert sweep.end is not None
        if isinstance(sweep.start, int) and isinstance(sweep.end, int):
            return IntDistribution(sweep.start, sweep.end, log=log)
        return FloatDistribution(float(sweep.start), float(sweep.end), log=log)
    assert isinstance(sweep, RangeSweep)
    values = list(sweep.range())
    if not values:
        raise ValueError("an empty range")
    low, high, step = min(values), max(values), abs(sweep.step)
    if all(isinstance(v, int) for v in values):
        return IntDistribution(int(low), int(high), step=1 if log else int(step), log=log)
    return FloatDistribution(low, high, step=None if log else float(step), log=log)


class Space:
    """What is swept: groups first, then the keys that exist beside the options drawn.

    Args:
        parameters: in the order of the command line.
        compose: overrides of groups -> the config they make, unresolved; called once per combination.
    """

    def __init__(self, parameters: Sequence[Parameter], compose: Compose) -> None:
        if not parameters:
            raise UserError(
                "nothing to sweep over; give hydra.sweeper.params or a sweep such as "
                "'loss.temperature=interval(0.02,0.2)'"
            )
        self.parameters = list(parameters)
        self._groups = sorted((p for p in parameters if p.group), key=lambda p: p.name.count("/"))
        self._keys = [p for p in parameters if not p.group]
        self._compose, self._made = compose, dict[tuple[str, ...], Mapping[str, Any] | None]()

    def sample(self, trial: optuna.Trial) -> list[str]:
        """Draw one setting and return it as overrides."""
        chosen: tuple[str, ...] = ()
        for group in self._groups:
            if self._has_group(chosen, group):
                chosen += (group.override(group.suggest(trial)),)
        return [*chosen, *(p.override(p.suggest(trial)) for p in self._active(chosen))]

    def overrides(self, params: Mapping[str, Value]) -> list[str]:
        """Return stored values as overrides, in the order they are drawn in."""
        return [p.override(params[p.key]) for p in [*self._groups, *self._keys] if p.key in params]

    def cells(self) -> Iterator[dict[str, Value]]:
        """Yield every setting of the grid.

        Raises:
            UserError: a key has no steps.
        """
        countable = {p.key: p.values() for p in self._keys}
        for choice in self._combinations((), self._groups):
            active = self._active(tuple(self.overrides(choice)))
            for values in itertools.product(*(countable[p.key] for p in active)):
                yield {**choice, **{p.key: v for p, v in zip(active, values, strict=True)}}

    def check(self) -> None:
        """Make sure that every key exists beside some choice.

        Raises:
            UserError: one exists nowhere.
            ConfigCompositionException: the first combination cannot be composed.
        """
        missing = [p for p in self._keys if not p.added]
        seen: set[str] = set()
        for choice in itertools.islice(self._combinations((), self._groups), _COMBINATIONS):
            made = self._config(tuple(self.overrides(choice)))
            if made is None:
                continue
            missing = [p for p in missing if not _exists(made, p.name)]
            if not missing:
                return
            seen.update(_dotted(made))
        if missing:
            where = " beside any of the choices" if self._groups else ""
            name = missing[0].name
            raise UserError(f"no key {name!r} in the config{where}; {_nearest(name, sorted(seen))}")

    def _combinations(self, chosen: tuple[str, ...], groups: Sequence[Parameter]) -> Iterator[dict[str, Value]]:
        if not groups:
            yield {}
            return
        first, rest = groups[0], groups[1:]
        if not self._has_group(chosen, first):
            yield from self._combinations(chosen, rest)
            return
        for value in first.values():
            for others in self._combinations((*chosen, first.override(value)), rest):
                yield {first.key: value, **others}

    def _has_group(self, chosen: tuple[str, ...], group: Parameter) -> bool:
        """Tell whether the options drawn so far leave a place for the group."""
        if "/" not in group.name or group.added:
            return True
        return self._config((*chosen, group.override(group.values()[0]))) is not None

    def _active(self, chosen: tuple[str, ...]) -> list[Parameter]:
        if not self._groups:
            return self._keys
        made = self._config(tuple(c for c in chosen if self._matters(c.partition("=")[0].lstrip("+"))))
        return [p for p in self._keys if p.added or (made is not None and _exists(made, p.name))]

    def _matters(self, group: str) -> bool:
        """Tell whether a group's option can decide which keys exist: it holds one, or may set anything."""
        return group == "experiment" or any(p.name.startswith(f"{group.replace('/', '.')}.") for p in self._keys)

    def _config(self, chosen: tuple[str, ...]) -> Mapping[str, Any] | None:
        """Return the config of some choices, None where they do not go together."""
        if chosen not in self._made:
            try:
                self._made[chosen] = self._compose(chosen)
            except ConfigCompositionException:
                if not any("/" in choice.partition("=")[0] for choice in chosen):
                    raise
                self._made[chosen] = None
        return self._made[chosen]


def _exists(config: Mapping[str, Any], key: str) -> bool:
    node: object = config
    for part in key.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def _dotted(config: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in config.items():
        yield f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")


def _nearest(word: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    near = near or [n for n in names if n.rpartition(".")[2] == word.rpartition(".")[2]][:3]
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(list(names)[:30])}"
