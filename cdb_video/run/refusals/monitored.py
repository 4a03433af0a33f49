"""What waits for a result of the validation: best checkpoints, early stopping, schedulers that follow a metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mmengine.hooks import CheckpointHook, EarlyStoppingHook

from cdb_video.host_words import words_now
from cdb_video.run.own_checkpoints import all_schedulers
from cdb_video.run.parts import RunParts, is_unknown
from cdb_video.run.refusals.expected_results import ExpectedResults

_ACCURACIES = ('ClassAccuracy', 'ObjectAccuracy', 'AccMetric')
_MISTAKES = ('missed', 'confused')
"""What ObjectAccuracy returns that is the better the lower."""


def check_monitored(parts: RunParts, expected: ExpectedResults, sure_keys: Sequence[str] = ()) -> None:
    """Check that what waits for a result of the validation waits for one that there will be, and that is a number.

    Looks at save_best of CheckpointHook, monitor of EarlyStoppingHook and monitor of schedulers such as
    ReduceOnPlateauLR; mmengine itself finds a misspelt key only after the first validation.

    Args:
        parts: Of a run that validates.
        expected: What the validation will return, as far as it is known.
        sure_keys: Those of its results that will always be 1.

    Raises:
        ValueError: If there will be no such result, it is no number, or it could not change. What a hook or a loop of a
            user's own may add is warned of.
    """
    for source, key in _monitored(parts):
        if key in sure_keys and key in expected.values:
            raise ValueError(
                f'{source}={key!r}: it is 1 whatever the model does, for there are no more classes than that. Choose '
                'another key, such as the mean class accuracy acc/mean1'
            )
        if not expected.may_have(key):
            _say_missing(parts, expected, f'{source}={key!r}')
        elif not expected.is_number(key):
            raise ValueError(f'{source}={key!r}: {_no_number(expected, key)}. {_choose(expected, source)}')
    for hook in parts.hooks:
        if isinstance(hook, CheckpointHook) and 'auto' in (hook.save_best or ()):
            _check_first(hook, expected)
    _warn_of_falling_accuracy(parts, expected)


def warn_of_waiting_in_vain(parts: RunParts) -> None:
    """Say what waits for a validation that will not come, and so never acts."""
    waiting = [f'{source}={key!r}' for source, key in _monitored(parts)]
    waiting += [
        "save_best of CheckpointHook='auto'"
        for hook in parts.hooks
        if isinstance(hook, CheckpointHook) and 'auto' in (hook.save_best or ())
    ]
    if waiting:
        parts.logger.warning(
            f'{", ".join(waiting)}: this run does not validate, so there is nothing to choose or stop by; set '
            'val_dataloader, val_cfg, val_evaluator and a val_begin within the training, or leave that out'
        )


def _monitored(parts: RunParts) -> Iterator[tuple[str, str]]:
    """Who waits for which key of the validation's results."""
    for hook in parts.hooks:
        if isinstance(hook, CheckpointHook):
            yield from (('save_best of CheckpointHook', key) for key in hook.save_best or () if key != 'auto')
        elif isinstance(hook, EarlyStoppingHook):
            yield 'monitor of EarlyStoppingHook', hook.monitor
    for scheduler in all_schedulers(parts.schedulers):
        if getattr(scheduler, 'need_val_args', False) and scheduler.by_epoch:
            yield f'monitor of {type(scheduler).__name__}', scheduler.monitor


def _say_missing(parts: RunParts, expected: ExpectedResults, waiting: str) -> None:
    """Refuse a result that will not come, or warn of it where somebody may add it to the others."""
    said = f'{waiting}: the validation will not return that; it returns {", ".join(expected.numbers)}'
    adding = _may_add_results(parts)
    if not adding:
        raise ValueError(said)
    parts.logger.warning(
        f'{said}. {" and ".join(adding)} may add it before it is asked for; if not, the first validation ends the run'
    )


def _may_add_results(parts: RunParts) -> list[str]:
    """The parts of a user's own, or of an unknown package, that see the results before others do."""
    runner = parts.loop.runner
    loop, hooks = type(runner.val_loop), [type(hook) for hook in parts.hooks]
    acting = [(kind, kind.after_val_epoch) for kind in hooks if hasattr(kind, 'after_val_epoch')]
    return [kind.__name__ for kind, act in [*acting, (loop, loop.run), (type(runner), type(runner))] if is_unknown(act)]


def _check_first(hook: CheckpointHook, expected: ExpectedResults) -> None:
    """Check the result that save_best='auto' takes, which is the first, with a rule that mmengine finds by its name."""
    key = expected.first
    if key is None:
        return
    said = f"save_best='auto' of CheckpointHook takes the first result of val_evaluator, {key!r}"
    if not expected.is_number(key):
        raise ValueError(
            f'{said}: {_no_number(expected, key)}. {_choose(expected, "save_best")}, or let another metric come first'
        )
    words = [word.lower() for word in (*hook.greater_keys, *hook.less_keys)]
    if hook.rules == [None] and not any(word in key.lower() for word in words):
        raise ValueError(
            f"{said}, and whether a greater one is better does not show in its name: set rule='greater' or rule='less'"
        )


def _no_number(expected: ExpectedResults, key: str) -> str:
    kind = type(expected.values[key]).__name__
    return f'{expected.owners[key]} returns a {kind} there, and only single numbers can be compared'


def _choose(expected: ExpectedResults, what: str) -> str:
    numbers = expected.numbers
    option = what.partition(' ')[0]
    if not numbers:
        words = words_now()
        return f'Add dict(type={words.accuracy!r}) to val_evaluator, and set {option}={words.mean_accuracy!r}'
    best = next((key for key in numbers if key.endswith('mean1')), numbers[0])
    return f'Set {option}={best!r}, or another of {", ".join(numbers)}'


def _warn_of_falling_accuracy(parts: RunParts, expected: ExpectedResults) -> None:
    """ReduceOnPlateauLR and its like take the smallest value for the best, unless they are told otherwise."""
    for scheduler in all_schedulers(parts.schedulers):
        key = getattr(scheduler, 'monitor', None)
        is_accuracy = expected.owners.get(str(key)) in _ACCURACIES and not str(key).endswith(_MISTAKES)
        if is_accuracy and getattr(scheduler, 'rule', None) == 'less':
            parts.logger.warning(
                f"{type(scheduler).__name__}(monitor={key!r}, rule='less') takes the lowest accuracy for the best, "
                f"and lowers its parameter while accuracy rises: set rule='greater'"
            )
