"""Do the clips of a data set have frames of one size? Pure functions over what was seen of each clip.

The rule, for extracted frames: extraction reduces the shorter side of every clip to the same number of pixels,
so it must be the same in all of them. What is not is wrong, with two exceptions that are notes: clips whose own
video is smaller than that, which are never enlarged, and clips that were extracted without reducing. Clips
of one short side and several long sides have other shapes (4:3 and 16:9); pipelines crop them, so
that is a note too. Videos may have any size, for it is the pipeline that reduces them: notes alone.

The size that counts as usual is that of most clips.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from prep.check.job import Job, Report
from prep.check.report import Finding
from prep.command import first_few

_Seen = list[tuple[Job, Report, tuple[int, int]]]


def size_findings(results: Sequence[tuple[Job, Report]]) -> list[Finding]:
    """Clips whose frames have another size than those of most; frames and videos are looked at apart."""
    by_source: dict[str, _Seen] = defaultdict(list)
    for job, report in results:
        if report.size is not None:
            by_source[job.source].append((job, report, report.size))
    findings: list[Finding] = []
    for source, seen in by_source.items():
        findings += _other_short_sides(source, seen)
        findings += _other_shapes(source, seen)
    return findings


def _usual(values: Sequence[int]) -> int:
    """The most common one; of several the largest."""
    counts = Counter(values)
    return max(counts, key=lambda value: (counts[value], value))


def _other_short_sides(source: str, seen: _Seen) -> Iterator[Finding]:
    usual = _usual([min(size) for _, _, size in seen])
    explained: dict[int, list[Job]] = defaultdict(list)
    for job, report, size in seen:
        if min(size) == usual:
            continue
        if source == 'videos' or report.full_size:
            explained[min(size)].append(job)
        else:
            detail = (
                f'its frames are {size[0]}x{size[1]}, with a short side of {min(size)}; most clips have {usual}. '
                'Extract it anew with the options of the others'
            )
            yield Finding('frame size', f'{job.part} {source}', job.name, detail)
    for short_side, jobs in explained.items():
        detail = f'{_clips(jobs)} a short side of {short_side}, as their videos have; most clips have {usual}'
        yield Finding('frame size', source, '', detail, is_warning=True)


def _other_shapes(source: str, seen: _Seen) -> Iterator[Finding]:
    """Other long sides among the clips of one short side."""
    by_short: dict[int, list[tuple[Job, tuple[int, int]]]] = defaultdict(list)
    for job, _, size in seen:
        by_short[min(size)].append((job, size))
    for clips in by_short.values():
        counts = Counter(size for _, size in clips)
        usual = max(counts, key=lambda size: (counts[size], size))
        for size in sorted(set(counts) - {usual}):
            jobs = [job for job, found in clips if found == size]
            detail = f'{_clips(jobs)} {size[0]}x{size[1]} pixels; most clips of that short side {usual[0]}x{usual[1]}'
            yield Finding('frame size', source, '', detail, is_warning=True)


def _clips(jobs: Sequence[Job]) -> str:
    names = first_few([job.name for job in jobs])
    return f'1 clip has ({names})' if len(jobs) == 1 else f'{len(jobs)} clips have ({names})'
