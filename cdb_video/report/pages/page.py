"""The page: one file that holds its script, its style, its pictures and plotly, and asks the network for nothing.

Needs the packages of the extra 'report': jinja2, which escapes every text that is put in, and plotly, of which only
the script is used. A policy in the page forbids the browser to load anything from elsewhere.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections import Counter
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cdb_video.class_names import counted
from cdb_video.difficulty.counts import shot_group
from cdb_video.host_words import unit, units, worded
from cdb_video.report.class_report.metrics import AP_LABELS
from cdb_video.report.class_report.rows import DetailedRow
from cdb_video.report.figures.all_figures import build_figures
from cdb_video.report.figures.confusion import MISSED, SHOWN_CLASSES
from cdb_video.report.figures.losses import num_not_finite
from cdb_video.report.figures.parts import MAX_CELLS, Figure
from cdb_video.report.insight.insight import Insight, notes_on_mute
from cdb_video.report.insight.mistakes import worst_mistakes
from cdb_video.report.insight.object_mistakes import worst_objects
from cdb_video.report.pages.tiles import GROUPS, OVERALL, tiles

TEMPLATES = Path(__file__).parent / 'templates'
PACKAGES = ('jinja2', 'plotly')
_COURSES = {
    # What the records are of -> heading of the curves, and what difficulty 1 means.
    'val': ('Validation after every epoch', 'no validation {unit} was right'),
    'train': (
        'Training batches of every epoch',
        'no {unit} of the class was right in the training batches of an epoch',
    ),
    'replay': ('Replayed from another run', 'no {unit} was right in the validation of that run'),
    'cross-fit': ('Cross-fitted difficulty', 'no {unit} was right, and there are very many'),
    'several': ('Every record, by what it is of', 'no {unit} was right'),
}
# Escaped text has no such bracket, so this stands in the template alone.
_PLACE_OF_PLOTLY = '<!-- plotly -->'
_NOTHING = '\N{EN DASH}'


class MissingPackagesError(ImportError):
    """The page cannot be made, because optional packages are not installed; the message says how to get them."""


def require_packages() -> None:
    """See that the optional packages are there.

    Raises:
        MissingPackagesError: If one is missing.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingPackagesError(
            f"report.html needs {' and '.join(missing)}: pip install 'cdb-video[report]' (or {' '.join(missing)})"
        )


def render_page(insight: Insight, directory: Path | None = None) -> bytes:
    """The page, in UTF-8.

    Args:
        insight: What it says.
        directory: Where it is to lie, so that it finds videos beside it; None = it plays none.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
    """
    figures = build_figures(insight)
    mistakes, lacking = worst_mistakes(insight) if insight.run.objects is None else worst_objects(insight)
    return render(
        'report.html',
        figures,
        insight=insight,
        subtitle=_subtitle(insight),
        overall=tiles(insight, OVERALL),
        groups=tiles(insight, GROUPS),
        precisions=tiles(insight, tuple(AP_LABELS)),
        grouped_by='images' if insight.run.counts_objects else units(),
        has_objects=insight.run.counts_objects,
        columns=_known_columns(insight, ('num_missed', 'ap', 'precision')),
        rows=_table(insight),
        sentences=insight.sentences_on_classes,
        has_signs=bool(_known_columns(insight, ('signed_difficulty',))),
        has_driver=_known_columns(insight, ('weight', 'probability')),
        consumers=[name for name in figures if name.startswith(('weight-', 'probability-'))],
        num_not_finite=0 if insight.run.scalars is None else num_not_finite(insight.run.scalars),
        constant_taus=_constant_taus(insight),
        pairs=_pairs(insight),
        aggregated=SHOWN_CLASSES if insight.run.num_classes > MAX_CELLS else None,
        mistakes=mistakes,
        has_scores=insight.run.predictions is None or insight.run.predictions.has_scores,
        num_mistakes=_num_mistakes(insight),
        videos=[_address(item.video, directory) for item in mistakes],
        true_classes=_choices([(str(item.label), item.truth) for item in mistakes]),
        answers=_choices([(MISSED if item.answer is None else str(item.answer), item.predicted) for item in mistakes]),
        course=tuple(map(worded, _COURSES[_source_of_course(insight)])),
        lacks=[*insight.lacks, *notes_on_mute(insight.mute_groups & {'head', 'tail'}), *lacking],
    )


def render(template: str, figures: dict[str, Figure], **values: Any) -> bytes:
    """A template of this folder with the style, the scripts and the figures in it.

    Raises:
        MissingPackagesError: If jinja2 or plotly is not installed.
    """
    require_packages()
    from markupsafe import Markup

    text = (
        _environment()
        .get_template(template)
        .render(
            unit=unit(),
            units=units(),
            figures=figures,
            # Text in a script must not end the script, so no '<' is left in it.
            figures_json=Markup(
                json.dumps(figures, allow_nan=False, separators=(',', ':'))
                .replace('<', '\\u003c')
                .replace('>', '\\u003e')
                .replace('&', '\\u0026')
            ),
            style=Markup((TEMPLATES / 'style.css').read_text(encoding='utf-8')),
            script=Markup((TEMPLATES / 'report.js').read_text(encoding='utf-8')),
            **values,
        )
    )
    # Two megabytes need no way through the template engine.
    before, _, after = text.partition(_PLACE_OF_PLOTLY)
    return b''.join((before.encode(), _plotly_script(), after.encode()))


@cache
def _environment() -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters['percent'] = lambda value, digits=1: _NOTHING if value is None else f'{100 * value:.{digits}f}'
    environment.filters['signed'] = lambda value: _NOTHING if value is None else f'{value:+.2f}'
    environment.filters['number'] = lambda value, digits=3: _NOTHING if value is None else f'{value:.{digits}f}'
    return environment


@cache
def _plotly_script() -> bytes:
    """plotly.js, packed, some 2 MB in place of 5; kept, since a training writes the page after every validation."""
    from plotly.offline import get_plotlyjs

    return base64.b64encode(gzip.compress(str(get_plotlyjs()).encode(), 6, mtime=0))


def _subtitle(insight: Insight) -> str:
    clips = sum(row.num_clips for row in insight.rows)
    parts = [insight.evaluated_on]
    if insight.epoch or insight.iteration:
        parts.append(insight.moment)
    return ' · '.join([*parts, counted(clips, unit()), counted(insight.run.num_classes, 'class', 'classes')])


def _source_of_course(insight: Insight) -> str:
    sources = set(insight.run.sources)
    return 'several' if len(sources) > 1 else next(iter(sources), 'val')


def _num_mistakes(insight: Insight) -> int:
    """All of them, whether the page lists them or not."""
    dump = insight.run.dumped
    return 0 if dump is None else int((dump.predicted != dump.labels).sum())


def _address(video: Path | None, directory: Path | None) -> str | None:
    """The address of a video, as a page in the directory has it; None where there is none."""
    if video is None or directory is None:
        return None
    try:
        return quote(Path(os.path.relpath(video, directory)).as_posix())
    except ValueError:  # on another drive
        return None


def _choices(classes: Sequence[tuple[str, str | None]]) -> list[tuple[str, str | None, int]]:
    """What a list can be narrowed to: value, name, and how often it occurs; by name, and last what has none."""
    counts = Counter(classes)
    return [
        (*one, counts[one]) for one in sorted(counts, key=lambda one: (one[1] is None, (one[1] or '').lower(), one))
    ]


def _table(insight: Insight) -> list[tuple[DetailedRow, str]]:
    """The rows, each with the shot group to choose by; empty where the training clips are not known."""
    by = insight.run.group_counts
    counts = [None if by is None else int(by[row.label]) for row in insight.rows]
    groups = ['' if count is None else shot_group(count, insight.shot_thresholds) for count in counts]
    return [(row, group.removesuffix('_shot')) for row, group in zip(insight.rows, groups, strict=True)]


def _known_columns(insight: Insight, keys: tuple[str, ...]) -> list[str]:
    """Those of the columns of which something is known."""
    return [key for key in keys if any(getattr(row, key) is not None for row in insight.rows)]


def _constant_taus(insight: Insight) -> dict[str, float]:
    """The tau of the consumers for which it never changes."""
    taus: dict[str, set[float]] = {}
    for record in insight.run.records:
        for name, derived in record.consumers.items():
            if derived.tau is not None:
                taus.setdefault(name, set()).add(derived.tau)
    return {name: next(iter(values)) for name, values in taus.items() if len(values) == 1}


def _pairs(insight: Insight) -> list[dict[str, Any]]:
    """The pairs that are confused most, with the share of the true class."""
    if insight.confusion is None:
        return []
    total = {row.label: row.num_clips for row in insight.rows}
    return [
        {
            'label': true,
            'answer': other,
            'truth': insight.name_of(true),
            'predicted': insight.name_of(other),
            'clips': clips,
            'share': clips / total[true],
            'back': int(insight.confusion[other, true]),
        }
        for true, other, clips in insight.confusions[:20]
    ]
