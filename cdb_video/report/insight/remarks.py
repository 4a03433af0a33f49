"""The notes of a report: what its numbers are of, where that is not a validation or a test, and what it lacks."""

from __future__ import annotations

from collections.abc import Sequence

from cdb_video.class_names import counted
from cdb_video.difficulty.diagnosis.restlessness import Restlessness
from cdb_video.difficulty.history import HISTORY_NAME
from cdb_video.host_words import IMAGES, unit, units, worded, words_now
from cdb_video.report.insight.restless_runs import restless_remarks
from cdb_video.report.insight.statistics import Outcomes
from cdb_video.report.sources.dump import Predictions
from cdb_video.report.sources.object_dump import ObjectPredictions
from cdb_video.report.sources.prediction_table import is_table
from cdb_video.report.sources.run_data import RunData

_FEW_UNITS = 5
"""Below that many, the percentiles of a bootstrap are visibly too narrow."""
_NOT_MEASURED_HERE = {
    'train': (
        "of the training batches (ClassDifficultyHook with source='train'): {units} that the model learns from, so "
        'rare classes that are known by heart look easier than they are'
    ),
    'replay': 'of the run whose history DifficultyReplayHook replays, and not of this one',
    'cross-fit': (
        'cross-fitted: of all training {units}, each scored by a model that was trained without it, and every class '
        'is counted with 5 more {units} of the mean difficulty'
    ),
}
_NAMELESS_CLIPS = (
    "Test again with custom_imports=dict(imports=['cdb_video']), which lets PackActionInputs keep the names; a packing "
    "transform of your own must put 'filename' or 'frame_dir' into the metainfo of its data samples."
)
_NAMELESS_IMAGES = (
    'Sets that keep their images in one archive have no names: data_prep/make_images.py writes them as files. Of '
    "files, PackInputs keeps the names, unless its meta_keys lack 'img_path'."
)
_NAMELESS_ROWS = 'Give the table a column name, or path.'
_DUMPS = {False: 'mim test --dump', True: 'cdb-video test --dump'}
"""Which command writes one, of samples and of objects."""


def remarks_on(
    run: RunData,
    split: str,
    outcomes: Outcomes | None,
    unseen: Sequence[str],
    restlessness: Restlessness | None = None,
) -> list[str]:
    """What a reader must know of the numbers.

    Args:
        run: Where they come from; its own notes are not repeated.
        split: What was evaluated, see `Insight`.
        outcomes: What came out for each clip; None = not known.
        unseen: The names of the classes without evaluated clips.
        restlessness: How much the classes change from validation to validation; None = not known.
    """
    notes = restless_remarks(restlessness, run.records) + _of_difficulty(run) + _of_evaluation(split)
    if run.predictions is not None:
        notes += _of_dump(run.predictions)
    elif run.objects is not None:
        notes += _of_object_dump(run.objects)
    if outcomes is not None and outcomes.num_units < _FEW_UNITS:
        notes.append(_of_few(outcomes))
    if len(unseen) == run.num_classes and split != 'none':
        notes.append(f'No class has {units()} here, so there are no metrics.')
    elif unseen and split != 'none':
        who = counted(len(unseen), 'class has', 'classes have')
        notes.append(f'{who} no {units()} here, so the means are over the others: {_listed(unseen, 10)}.')
    if unseen and split == 'cross-fit':
        notes.append(
            f'Where a class without {units()} here has training {units()}, all of them are in one fold, so that '
            'the model which '
            f'scored them never saw such a {unit()}: they do not count, and the class has the mean difficulty of '
            'the others.'
        )
    return notes


def lacks_of(run: RunData, split: str, outcomes: Outcomes | None) -> list[str]:
    """What the report cannot say, each with what would let it; arguments as for `remarks_on`."""
    lacks = []
    if outcomes is None and split not in ('none', 'train'):
        lacks.append(_unpredicted())
    lacks += _of_course(run)
    if run.predictions is not None and run.predictions.clip_names is None:
        of_table = run.dump is not None and is_table(run.dump)
        lacks.append(
            f'The dump does not name every {unit()}, so mistakes have numbers in place of names and pictures. '
            + (_NAMELESS_ROWS if of_table else _NAMELESS_IMAGES if words_now() is IMAGES else _NAMELESS_CLIPS)
        )
    elif run.objects is not None and run.objects.image_paths is None:
        lacks.append(
            'The dump does not name every image, so mistakes have no pictures: PackDetInputs keeps the names, unless '
            "its meta_keys lack 'img_path'."
        )
    elif run.dumped is None and outcomes is not None:
        what = 'missed and misclassified objects' if outcomes.of_objects else f'misclassified {units()}'
        lacks.append(f'{what.capitalize()} need a dump: {_DUMPS[outcomes.of_objects]}.')
    return lacks


def _of_few(outcomes: Outcomes) -> str:
    """That the ranges of the metrics rest on few draws."""
    what = counted(outcomes.num_units, unit() if outcomes.groups is None else outcomes.drawn.removesuffix('s'))
    if outcomes.num_units == 1:
        return f'All is of {what}: there are no ranges of the metrics.'
    return f'The ranges of the metrics rest on {what} only, and are too narrow.'


def _of_difficulty(run: RunData) -> list[str]:
    """Where difficulty comes from, if not from validations of this run."""
    sources = run.sources or [run.difficulty_source or 'val']
    notes = []
    for source, words in _NOT_MEASURED_HERE.items():
        number = sources.count(source)
        if number:
            which = 'The difficulty is' if number == len(sources) else f'{number} of {len(sources)} difficulties are'
            notes.append(f'{which} {worded(words)}.')
    if run.difficulty_measure == 'probability':
        notes.append('The difficulty is 1 minus the mean probability of the true class, not 1 minus the accuracy.')
    return notes


def _of_evaluation(split: str) -> list[str]:
    if split == 'none':
        return ['Nothing was evaluated yet.']
    if split == 'train':
        return [
            'Nothing was evaluated yet: the accuracy here is that of the training batches, as the model was while it '
            f'learned from them. It is no estimate of how the model does on other {units()}; run mim test.'
        ]
    return []


def _unpredicted() -> str:
    if words_now().has_objects:
        return f'What is missed and what confused, and intervals of the metrics, need a test: {_DUMPS[True]}.'
    return f'Precision, confusions and intervals of the metrics need predictions: {_DUMPS[True]}, or {_DUMPS[False]}.'


def _of_course(run: RunData) -> list[str]:
    if run.history is None:
        return [
            f'Made with no {HISTORY_NAME}, so nothing is known of the course of training: ClassDifficultyHook writes '
            'one, with observe_only=True too, and a report of the work directory shows it.'
        ]
    if not run.records:
        return [
            f'{HISTORY_NAME} has no validation yet, so nothing is known of the course of training: let the run get to '
            'its first one.'
        ]
    return []


def _of_dump(dump: Predictions) -> list[str]:
    notes = []
    if not dump.has_scores:
        notes.append('The table has no scores: the first mistakes are shown, not the surest, and there is no top-5.')
    elif not dump.are_probabilities:
        notes.append('The scores of the dump are not probabilities: they rank the mistakes, and no more.')
    again, shared = dump.repeated_paths, dump.shared_names
    if again:
        notes.append(
            f'{units().capitalize()} of the dump that have the path of an earlier one: {len(again)}, such as '
            f'{_listed(again, 3)}. They count like any other, though each may be the same {unit()}, tested twice.'
        )
    if shared:
        notes.append(
            f'{units().capitalize()} of the dump that share their name with one in another folder: {len(shared)}, '
            f'such as {_listed(shared, 3)}. They are taken for different {units()}.'
        )
    return notes


def _of_object_dump(dump: ObjectPredictions) -> list[str]:
    again = dump.repeated_images if dump.image_paths is not None else ()
    if again:
        return [
            f'Images of the dump that have the path of an earlier one: {len(again)}, such as {_listed(again, 3)}. '
            'Their objects count like any other, though each may be the same, tested twice.'
        ]
    return []


def _listed(names: Sequence[str], most: int) -> str:
    """The first of the names, each once."""
    different = list(dict.fromkeys(names))
    return ', '.join(different[:most]) + (f' and {len(different) - most} more' if len(different) > most else '')
