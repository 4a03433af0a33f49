"""What was found, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from benchmarks.gpu.schedule import Outcome
from benchmarks.gpu.turns import LOADING, MODEL
from benchmarks.gpu.variants import FIRST, VARIANTS, Plan
from benchmarks.harness.measuring import spread
from benchmarks.harness.results import markdown_table

_TITLES = {MODEL: 'Model alone, clips on the device', LOADING: 'With the loader'}


def summarise(outcomes: Mapping[str, Outcome], plan: Plan) -> dict[str, Any]:
    """The device, the plan, and per variant its status and, as far as it was measured, clips a second and memory."""
    devices = [outcome.device for outcome in outcomes.values() if outcome.device]
    return {
        'device': devices[0] if devices else {},
        'plan': asdict(plan),
        'variants': {name: _summary(outcomes, name) for name in outcomes},
    }


def _summary(outcomes: Mapping[str, Outcome], name: str) -> dict[str, Any]:
    outcome, variant = outcomes[name], VARIANTS[name]
    found: dict[str, Any] = {'what': variant.what, 'peer': variant.peer}
    found |= {
        'status': outcome.status,
        'why': outcome.why,
        'backend': outcome.backend,
        'seconds to warm up': outcome.prepared,
    }
    if outcome.rounds:
        found |= {part: _rates(outcomes, name, part) for part in (MODEL, LOADING)}
        found['peak bytes'] = max(replies[MODEL]['peak bytes'] for replies in outcome.rounds)
    return found


def _rates(outcomes: Mapping[str, Outcome], name: str, part: str) -> dict[str, Any]:
    """Clips a second in each round, their spread, and the spreads of the ratios, round by round."""
    rates = {one: [replies[part]['clips per second'] for replies in outcomes[one].rounds] for one in outcomes}
    found: dict[str, Any] = {'clips per second': rates[name], 'spread': spread(rates[name])}
    for key, other in (('ratio to peer', VARIANTS[name].peer), ('ratio to shipped', None if name == FIRST else FIRST)):
        # Who fails takes no more part, so what is there of both is of the same rounds.
        ratios = [mine / theirs for mine, theirs in zip(rates[name], rates[other] if other else (), strict=False)]
        found[key] = spread(ratios) if ratios else None
    return found


def write_page(numbers: Mapping[str, Any]) -> str:
    """Markdown."""
    variants, plan = numbers['variants'], numbers['plan']
    parts = [
        '# SlowFast-R50: clips a second',
        f'On {numbers["device"].get("name", "a CPU")}. Medians (quartiles) of {plan["epochs"] - 1} rounds at most. '
        "Ratios are taken round by round: to the peer, and to mmaction2's config as shipped.",
    ]
    if plan['tiny'] or plan['device'] == 'cpu':
        parts.append('**A rehearsal: its numbers mean nothing.**')
    for part, title in _TITLES.items():
        rows = [[name, one['peer'] or '', *_cells(one[part])] for name, one in variants.items() if part in one]
        table = markdown_table(['variant', 'peer', 'clips a second', 'to peer', 'to shipped', 'rounds'], rows)
        parts.append(f'## {title}\n\n{table}')
    rows = [[name, one['what'], one['status'], *_costs(one)] for name, one in variants.items()]
    table = markdown_table(['variant', 'on top of its peer', 'status', 'warm-up s', 'peak memory GB'], rows)
    parts.append(f'## Variants\n\n{table}')
    for name, one in variants.items():
        if one['why'] is not None:
            parts.append(f'## {name}: {one["status"]}\n\n```\n{one["why"].strip()}\n```')
    return '\n\n'.join(parts)


def _cells(rates: Mapping[str, Any]) -> list[str]:
    shown = [rates['spread'].show(digits=1)]
    shown += [rates[key].show(digits=3) if rates[key] else '' for key in ('ratio to peer', 'ratio to shipped')]
    return [*shown, str(len(rates['clips per second']))]


def _costs(variant: Mapping[str, Any]) -> list[str]:
    seconds, peak = variant['seconds to warm up'], variant.get('peak bytes')
    return ['' if seconds is None else f'{seconds:.1f}', '' if peak is None else f'{peak / 1e9:.2f}']
