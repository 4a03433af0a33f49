"""Check lists and all that they point at, as training will read it.

    python data_prep/check_dataset.py --data-root data/egtea --lists data/egtea/lists/verb_split1_subjects-P20-P26

The lists: lines, labels, class names, the annotations behind them; clips, subjects and sessions on both
sides of a split. The clips: folders, numbers and sizes of frames, JPEG data; videos, their packets and
frames. By default a few frames of every clip are decoded, with --full all of them.

Exit code: 0 nothing is wrong; 1 something is; 2 it could not be checked; 130 Ctrl-C or SIGTERM.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from check_clip import Job, Report, Settings, check_clips
from check_lists import SOURCES, Finding, Lists, compare_lists, make_jobs, read_lists
from command_parts import count_cores, sigterm_as_ctrl_c, whole_number
from tqdm import tqdm
from worker_pool import run_in_workers

_CLIPS_A_TASK = 16
_SHOWN = 20


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    args = _parse(argv)
    started = time.monotonic()
    try:
        if args.decord and importlib.util.find_spec('decord') is None:
            raise ValueError('--decord needs decord, which is not installed. Install it, or check with PyAV alone')
        lists = read_lists(args.lists, SOURCES if args.source == 'both' else (args.source,))
        jobs = make_jobs(args.data_root, lists)
        settings = Settings(args.full, args.samples, args.seed, args.decord)
        with sigterm_as_ctrl_c():
            findings = [*lists.findings, *compare_lists(args.data_root, lists)]
            results = _read_clips(jobs, settings, args.workers)
    except KeyboardInterrupt:
        print('\nStopped.', file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f'check_dataset: {error}.', file=sys.stderr)
        return 2
    findings += _findings_of(results)
    summary = _summary(lists, results, findings, settings, time.monotonic() - started)
    _print(summary, findings)
    if args.json is not None:
        _write_json(args.json, summary)
    return 1 if summary['problems'] else 0


def _read_clips(jobs: Sequence[Job], settings: Settings, workers: int) -> list[tuple[Job, Report]]:
    results = []
    tasks = [(jobs[k : k + _CLIPS_A_TASK], settings) for k in range(0, len(jobs), _CLIPS_A_TASK)]
    with tqdm(total=len(jobs), desc='checking', unit='clip', disable=None) as bar:
        for (some, _), reports in _run(tasks, workers):
            results += list(zip(some, reports, strict=True))
            bar.update(len(some))
    order = {job: number for number, job in enumerate(jobs)}
    return sorted(results, key=lambda result: order[result[0]])


_Task = tuple[Sequence[Job], Settings]


def _run(tasks: Sequence[_Task], workers: int) -> Iterator[tuple[_Task, list[Report]]]:
    """Run all tasks; a clip that kills its worker is reported like any other damage."""
    for task, reports in run_in_workers(check_clips, tasks, workers):
        if reports is not None:
            yield task, reports
            continue
        jobs, settings = task
        for single, report in run_in_workers(check_clips, [([job], settings) for job in jobs], 1):
            yield single, report or [Report([('damaged', 'a worker process died while it read this clip')])]


def _findings_of(results: Sequence[tuple[Job, Report]]) -> list[Finding]:
    findings = [
        Finding(kind, f'{job.part} {job.source}', job.name, detail, is_warning)
        for job, report in results
        for is_warning, found in ((False, report.problems), (True, report.warnings))
        for kind, detail in found
    ]
    same = defaultdict(list)
    for job, report in results:
        if report.sha256 is not None:
            same[report.sha256].append(job)
    for jobs in same.values():
        clips = {job.name.removesuffix('.mp4'): job for job in jobs}
        if len(clips) > 1:
            parts = sorted({job.part for job in clips.values()})
            detail = f'made from the same bytes as {", ".join(sorted(clips)[1:])}'
            findings.append(Finding('duplicate', ' and '.join(parts), min(clips), detail, is_warning=len(parts) == 1))
    return findings


def _summary(
    lists: Lists,
    results: Sequence[tuple[Job, Report]],
    findings: Sequence[Finding],
    settings: Settings,
    seconds: float,
) -> dict[str, Any]:
    rows = []
    for part, source in lists.entries:
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
        'lists': rows,
        'problems': sum(not finding.is_warning for finding in findings),
        'warnings': sum(finding.is_warning for finding in findings),
        'kinds': dict(Counter(finding.kind for finding in findings if not finding.is_warning)),
        'findings': [vars(finding) for finding in findings],
        'seconds': round(seconds, 2),
        'clips_per_second': round(len(results) / seconds, 1),
    }


def _print(summary: dict[str, Any], findings: Sequence[Finding]) -> None:
    print(f'{"part":<6} {"source":<7} {"clips":>7} {"frames read":>12} {"with problems":>14}')
    for row in summary['lists']:
        print(
            f'{row["part"]:<6} {row["source"]:<7} {row["clips"]:>7} {row["frames_read"]:>12} '
            f'{row["clips_with_problems"]:>14}'
        )
    how = 'every frame' if summary['full'] else f'{summary["samples"]} frames a clip at most (--full reads all)'
    print(f'{how}; {summary["seconds"]:.1f} s, {summary["clips_per_second"]} clips/s')
    wrong = [finding for finding in findings if not finding.is_warning]
    for word, some in (('warning', [f for f in findings if f.is_warning]), ('wrong', wrong)):
        for finding in some[:_SHOWN]:
            print(f'{word}: {_line(finding)}', file=sys.stderr)
        if len(some) > _SHOWN:
            print(f'{word}: ... and {len(some) - _SHOWN} more; --json FILE has them all', file=sys.stderr)
    kinds = ', '.join(f'{kind}: {count}' for kind, count in sorted(summary['kinds'].items()))
    print(f'{len(wrong)} problems ({kinds})' if wrong else 'nothing is wrong')


def _line(finding: Finding) -> str:
    return ': '.join(text for text in (finding.kind, finding.where, finding.clip, finding.detail) if text)


def _write_json(path: Path, summary: dict[str, Any]) -> None:
    temporary = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        temporary.write_text(json.dumps(summary, indent=1, ensure_ascii=False) + '\n', encoding='utf-8')
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add('--data-root', type=Path, required=True, help='folder that the clips lie in')
    add('--lists', type=Path, required=True, help='folder that build_lists wrote')
    add('--source', choices=(*SOURCES, 'both'), default='both', help='which lists (default: those that are there)')
    add('--full', action='store_true', help='read every frame')
    add('--samples', type=whole_number(1), default=3, help='frames a clip without --full (default %(default)s)')
    add('--seed', type=whole_number(0), default=0, help='which frames are sampled (default 0)')
    add('--decord', action='store_true', help='read videos with decord too, and compare')
    add(
        '--workers',
        type=whole_number(1),
        default=count_cores(),
        help='processes (default: one per core, here %(default)s)',
    )
    add('--json', type=Path, help='file to write the result to')
    return parser.parse_args(argv)


if __name__ == '__main__':
    sys.exit(main())
