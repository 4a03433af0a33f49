"""The result of check_objects as a table and as JSON."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from prep.command import first_few
from prep.objects.findings import RULES, Findings
from prep.objects.part import Part


def summarise(parts: Sequence[Part], findings: Findings) -> dict[str, Any]:
    """The whole result, ready for JSON."""
    rows = [
        {
            'part': part.name,
            'images': len(part.sizes),
            'images_without_objects': len(part.sizes) - len(part.objects),
            'objects': part.num_objects.total(),
            'classes': len(part.categories),
            'federated': part.is_federated,
        }
        for part in parts
    ]
    return {
        'parts': rows,
        'problems': findings.count(is_warning=False).total(),
        'warnings': findings.count(is_warning=True).total(),
        'kinds': dict(findings.count(is_warning=False)),
        'findings': findings.plain(),
    }


def print_result(summary: dict[str, Any], findings: Findings) -> None:
    """Print the table and the counts; what was found, a line for each part and rule, on stderr."""
    print(f'{"part":<6} {"images":>7} {"without objects":>16} {"objects":>8} {"classes":>8}')
    for row in summary['parts']:
        federated = '  federated' if row['federated'] else ''
        print(
            f'{row["part"]:<6} {row["images"]:>7} {row["images_without_objects"]:>16} {row["objects"]:>8} '
            f'{row["classes"]:>8}{federated}'
        )
    for word, is_warning in (('warning', True), ('wrong', False)):
        for part, rule, cases in findings.of_kind(is_warning):
            times = f' ({len(cases)} times)' if len(cases) > 1 else ''
            print(f'{word}: {part}: {rule}{times}: {first_few(cases)}. {RULES[rule].text}.', file=sys.stderr)
    counts = ', '.join(f'{rule}: {count}' for rule, count in sorted(summary['kinds'].items()))
    print(f'{summary["problems"]} problems ({counts})' if summary['problems'] else 'nothing is wrong')
