"""What we advise to train with, and the papers' two forms: the one place for both, without a host.

The evidence is in docs/methods/steady_results.md. README.md, docs/ and the configs of `METHOD` repeat what is here;
after a change, `python -m tools.maintain.advice --write` renews pages, and tests/test_advice.py compares them and the
configs.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

Settings = Mapping[str, str | float]
"""An entry of a config: 'type', and its arguments."""

METHOD = 'cdba_balsoftmax'
"""The advised method, as the names of configs have it."""
LEAF = f'slowfast_{METHOD}'
"""The config that pages name: configs/egtea/<LEAF>.py."""
LOSS: Settings = MappingProxyType({'type': 'CDBLoss', 'law': 'accumulated', 'strength': 3.0, 'logit_adjustment': 1.0})
"""The advised loss of the head."""
HOOK: Settings = MappingProxyType({'type': 'ClassDifficultyHook', 'momentum': 'mean'})
"""The hook that goes with it."""
SAMPLER: Settings | None = None
"""The advised sampler of the training; None = that of the base."""
VERDICT = 'balanced softmax, with CDB-A on top of it for the hardest classes'
"""What it is, in words."""
CDB_W: Settings = MappingProxyType({'type': 'CDBLoss', 'tau': 1.0})
"""The loss of the papers' CDB-W."""
CDB_S: Settings = MappingProxyType({'type': 'CDBSampler', 'tau': 1.0})
"""The sampler of the papers' CDB-S."""
_WRAP = textwrap.TextWrapper(118, subsequent_indent='  ', break_on_hyphens=False, break_long_words=False)


def as_code(settings: Settings) -> str:
    """The settings as a config spells them: ``dict(type='CDBLoss', tau=1.0)``."""
    return f'dict({", ".join(f"{name}={value!r}" for name, value in settings.items())})'


def loss_line(loss: Settings) -> str:
    """The line of a config that sets the loss of the head."""
    return f'model = dict(cls_head=dict(loss_cls={as_code(loss)}))'


def sampler_line(sampler: Settings) -> str:
    """The line of a config that sets the sampler of the training."""
    return f'train_dataloader = dict(sampler={as_code(sampler)})'


def snippet() -> str:
    """The lines to add to a config of MMAction2, without a newline at the end."""
    lines = [
        "custom_imports = dict(imports=['cdb_video'])",
        "val_evaluator = test_evaluator = dict(type='ClassAccuracy')  # AccMetric's keys, counted per class",
        f'custom_hooks = [{as_code(HOOK)}]  # measures, hands on, records, reports',
        loss_line(LOSS),
    ]
    return '\n'.join(lines if SAMPLER is None else [*lines, sampler_line(SAMPLER)])


def notes() -> str:
    """The list that follows the snippet on every page: why these lines, and how the papers' forms are written."""
    items = (
        f'**Advised**: {VERDICT}; `strength=0.0` is balanced softmax alone. `configs/egtea/{LEAF}.py` has the same.',
        f'CDB-W as in the papers: `loss_cls={as_code(CDB_W)}`, without `momentum`; never both forms at once.',
        f'CDB-S as in the papers: no `loss_cls`, no `momentum`, and `sampler={as_code(CDB_S)}` in `train_dataloader`.',
    )
    return '\n'.join(_WRAP.fill(f'- {item}') for item in items)


def remedy(loss: str = 'loss_cls') -> str:
    """What to set in the place of something that is advised against, for messages.

    Args:
        loss: What the head of the host calls its loss.
    """
    sampler = 'no CDBSampler' if SAMPLER is None else f'sampler={as_code(SAMPLER)}'
    return f'{loss}={as_code(LOSS)} with {as_code(HOOK)} and {sampler}'
