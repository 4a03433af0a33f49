"""What check_dataset found: as findings, as a table, as JSON. Imported by worker processes: no torch."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prep.check.job import Job, Report, Settings

SOURCES = ('frames', 'videos')
_SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth a warning.

    Attributes:
        kind: One word or two, see docs/data/commands.md.
        where: Part and source, or a file.
        clip: Empty where it is not about one clip.
        detail: What was found.
        is_warning: Whether it leaves the exit code alone.
    """

    kind: str
    where: str
    clip: str
    detail: str
    is_warning: bool = False


def clip_findings(results: Sequence[tuple[Job, Report]]) -> list[Finding]:
    """What is wrong with single clips, and clips that are the same under two names."""
    findings = [
        Finding(kind, f'{job.part} {job.source}', job.name, detail, is_warning)
        for job, report in results
        for is_warning, found in ((False, report.problems), (True, report.warnings))
        for kind, detail in found
    ]
    if unbounded := sum(not report.is_bounded for _, report in results):
        detail = f'{unbounded} clips announce no frame count and no duration; a cut cannot be seen'
        findings.append(Finding('no length', 'videos', '', detail, is_warning=True))
    same = defaultdict(list)
    for job, report in results:
        if report.sha256 is not None:
            same[report.sha256].append(job)
    for jobs in same.values():
        clips = {job.key: job for job in jobs}
        if len(clips) > 1:
            parts = sorted({job.part for job in clips.values()})
            detail = f'made from the same bytes as {", ".join(sorted(clips)[1:])}'
            findings.append(Finding('duplicate', ' and '.join(parts), min(clips), detail, is_warning=len(parts) == 1))
    return findings


def summarise_check(
    lists: Iterable[tuple[str, str]],
    results: Sequence[tuple[Job, Report]],
    findings: Sequence[Finding],
    settings: Settings,
    seconds: float,
) -> dict[str, Any]:
    """The whole result, ready for JSON; `lists` are the pairs of part and source that were read."""
    rows = []
    for part, source in lists:
        reports = [report for job, report in results if (job.part, job.source) == (part, source)]
        rows.append(
            {
                'part': part,
                'source': source,
                'clips': len(reports),
                'frames_read': sum(report.frames_read for report in reports),
                'clips_with_problems': sum(bool(report.problems) for report in reports),
            }
        )
    return {
        'full': settings.full,
        'samples': None if settings.full else settings.samples,
        'seed': settings.seed,
        'decord': settings.decord,
        'frames_in': _form_of_frames([job for job, _ in results]),
        'lists': rows,
        'problems': sum(not finding.is_warning for finding in findings),
        'warnings': sum(finding.is_warning for finding in findings),
        'kinds': dict(Counter(finding.kind for finding in findings if not finding.is_warning)),
        'findings': [vars(finding) for finding in findings],
        'seconds': round(seconds, 2),
        'clips_per_second': round(len(results) / seconds, 1),
    }


def _form_of_frames(jobs: Sequence[Job]) -> str:
    """'packs' where these are what the frame lists stand for, but for clips that are missing; else 'frames'."""
    packs = [job.is_pack for job in jobs if job.source == 'frames' and (job.is_pack or job.path.is_dir())]
    return 'packs' if packs and all(packs) else 'frames'


def print_check(summary: dict[str, Any], findings: Sequence[Finding]) -> None:
    """Print the table and the counts, and the first findings on stderr; packs are called so."""
    words = {'frames': summary['frames_in']}
    print(f'{"part":<6} {"source":<7} {"clips":>7} {"frames read":>12} {"with problems":>14}')
    for row in summary['lists']:
        print(
            f'{row["part"]:<6} {words.get(row["source"], row["source"]):<7} {row["clips"]:>7} {row["frames_read"]:>12} '
            f'{row["clips_with_problems"]:>14}'
        )
    how = 'every frame' if summary['full'] else f'{summary["samples"]} frames a clip at most (--full reads all)'
    print(f'{how}; {summary["seconds"]:.1f} s, {summary["clips_per_second"]} clips/s')
    print_findings(findings, words)


def print_findings(findings: Sequence[Finding], words: Mapping[str, str]) -> None:
    """Print the first findings on stderr, then how many there are of each kind.

    Args:
        findings: All of them.
        words: What words in the place of a finding are to be called.
    """
    wrong = [finding for finding in findings if not finding.is_warning]
    for word, some in (('warning', [f for f in findings if f.is_warning]), ('wrong', wrong)):
        for finding in some[:_SHOWN]:
            print(f'{word}: {_line(finding, words)}', file=sys.stderr)
        if len(some) > _SHOWN:
            print(f'{word}: ... and {len(some) - _SHOWN} more; --json FILE has them all', file=sys.stderr)
    kinds = Counter(finding.kind for finding in wrong)
    counts = ', '.join(f'{kind}: {count}' for kind, count in sorted(kinds.items()))
    print(f'{len(wrong)} problems ({counts})' if wrong else 'nothing is wrong')


def _line(finding: Finding, words: Mapping[str, str]) -> str:
    where = ' '.join(words.get(word, word) for word in finding.where.split(' '))  # 'train frames' or 'frames', say
    return ': '.join(text for text in (finding.kind, where, finding.clip, finding.detail) if text)


def check_writable(path: Path) -> None:
    """See that `write_json` can write there, before hours of work; changes nothing.

    Raises:
        OSError: If it cannot; the message names the place.
    """
    if path.is_dir():
        raise IsADirectoryError(f'--json {path} is a folder. Name a file')
    temporary = _temporary(path)
    try:
        temporary.touch()
        temporary.unlink()
    except OSError as error:
        raise OSError(
            f'--json {path} cannot be written ({error.strerror}). Name a file in a folder that can'
        ) from error


def _temporary(path: Path) -> Path:
    return path.with_name(f'.{path.name}.{os.getpid()}.tmp')


def write_json(path: Path, summary: dict[str, Any]) -> None:
    """Write the result beside its place, and rename it there."""
    temporary = _temporary(path)
    text = json.dumps(summary, indent=1, ensure_ascii=False) + '\n'
    try:
        temporary.write_text(text, encoding='utf-8')
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise OSError(f'--json {path} cannot be written ({error.strerror}). Name another file') from error
