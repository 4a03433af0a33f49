"""Host libraries as the rest of the package sees them: what each may offer, and the list of them.

A new host is a folder beside `mmaction`, with a `HOST` in its face, and a name in the list of `hosts` below. Nothing
here, and no face of a host, imports a host or torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, cached_property
from importlib import import_module
from types import MappingProxyType
from typing import Any, NoReturn, Protocol

from cdb_video.difficulty.formulas import IntVector
from cdb_video.host_words import VIDEO, HostWords

_LOG = logging.getLogger('cdb_video')
_APPLIED: list[str] = []


class StandIn(Protocol):
    """Takes the place of a class whose host cannot be imported."""

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise an ImportError that says why."""


class Host:
    """A host library; a folder of `hosts` overrides what its host needs.

    Attributes:
        name: As pip knows it.
        package: As Python knows it.
        remedy: What to do where it cannot be imported, for messages.
        words: How it calls a sample, a head, a loss.
        classes: Class -> (module of cdb_video that defines it, registry of mmengine). All of them derive from classes
            of the host, and their modules import it plainly.
    """

    name: str
    package: str
    remedy: str
    words: HostWords = VIDEO
    classes: Mapping[str, tuple[str, str]] = MappingProxyType({})

    @cached_property
    def fault(self) -> Exception | None:
        """Why the host cannot be used, None = it can: the one decision about it, made when first asked for.

        Whatever the import raises counts: a torchvision that does not fit torch raises a RuntimeError, and mmaction2
        asserts the version of mmcv. A host that is installed and cannot be imported is warned of.
        """
        try:
            self.load()
        except Exception as error:
            is_absent = isinstance(error, ModuleNotFoundError) and error.name == self.package
            if not is_absent:
                _LOG.warning(
                    f'{self.name} is installed, but cannot be imported ({type(error).__name__}: {error}). What '
                    f'cdb_video adds to it is left out: {self.remedy}'
                )
            return error
        return None

    def load(self) -> None:
        """Import the host, and what the package needs of it: the modules of `classes`.

        Raises:
            Exception: Whatever the host raises.
        """
        import_module(self.package)
        for module in dict.fromkeys(module for module, _ in self.classes.values()):
            import_module(f'cdb_video.{module}')

    def mends(self) -> list[str]:
        """Mend the host, before it is imported by others; the names of the mends that found their fault."""
        return []

    def find(self, name: str) -> Any:
        """The class of a name in `classes`, or its stand-in where the host cannot be imported."""
        module = self.classes[name][0]
        return self._stand_in(name, module) if self.fault else getattr(import_module(f'cdb_video.{module}'), name)

    def refuse(self, model: Any, train_set: Any, val_set: Any) -> None:
        """Refuse what class difficulty cannot work with, before the first step.

        Args:
            model: That is trained.
            train_set: The dataset that it is trained on.
            val_set: That of its validation; None = there is none.

        Raises:
            ValueError: If there is such a thing; the message says what to use instead.
        """

    def refuse_scores(self, model: Any) -> None:
        """Refuse a model of this host that is known to give no probabilities, where they are needed.

        Args:
            model: That is trained.

        Raises:
            ValueError: If it is such a model.
        """

    def results_of(self, metric: Any, *, has_one_score: bool) -> Mapping[str, Any] | None:
        """What a metric of this host will return, by name without prefix; None = none of this host, or not known.

        Args:
            metric: That is to evaluate samples with one label each.
            has_one_score: Whether the model is known to give one score vector a sample.

        Raises:
            ValueError: If it cannot evaluate them.
        """
        return None

    def evaluate_on(self, metric: Any, dataset: Any) -> None:
        """Let a metric of this host, which reads a file of its own, evaluate a part of the set that the file is of.

        Args:
            metric: Of the evaluation, of this host or not.
            dataset: The part of the set that is evaluated.
        """

    def labels(self, dataset: Any) -> IntVector | None:
        """The label of every sample where the host keeps them at hand, (N,) int64; None = no dataset of this host."""

    def objects(self, dataset: Any) -> tuple[IntVector, IntVector] | None:
        """Classes and images of all objects where the host keeps them at hand; None = no dataset of this host."""

    def sample_path(self, info: Mapping[str, Any]) -> str | None:
        """The file or folder of a sample in the entry of a dataset; None = no entry of this host."""

    def _stand_in(self, name: str, module: str) -> StandIn:
        *others, last = [own for own, (home, _) in self.classes.items() if home == module]
        names = f'{", ".join(others)} and {last} need' if others else f'{last} needs'
        fault = self.fault

        def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
            raise ImportError(f'{names} {self.name}, which cannot be imported here: {fault}. {self.remedy}') from fault

        refuse.__name__ = name
        return refuse


@cache
def hosts() -> tuple[Host, ...]:
    """All hosts; mmengine, which runs the others, is the first."""
    names = ('mmengine', 'mmaction', 'mmpretrain', 'mmdet')
    return tuple(import_module(f'cdb_video.hosts.{name}').HOST for name in names)


def host_named(package: str | None) -> Host | None:
    """The host whose package, or scope of mmengine's registries, has this name; None = there is none."""
    return next((host for host in hosts() if host.package == package), None)


def apply_mends() -> list[str]:
    """Apply all mends that this environment needs.

    Returns:
        The names of the mends that found their fault, for a log or a bug report.
    """
    found = [name for host in hosts() for name in host.mends()]
    _APPLIED.extend(found)
    return found


def applied_mends() -> tuple[str, ...]:
    """The names of all mends that found their fault in this process."""
    return tuple(dict.fromkeys(_APPLIED))
