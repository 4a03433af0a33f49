"""Curves of losses and learning rate, from what mmengine logged of every start of a run."""

import json
import math

import pytest

from cdb_video.report.figures.losses import loss_figures, num_not_finite
from cdb_video.report.insight.insight import Options, build_insight
from cdb_video.report.pages.page import render_page
from cdb_video.report.sources.scalars import Scalars, read_scalars
from cdb_video.report.sources.source import read_run
from tests.report.dumps import write_history


def write_scalars(work_dir, start, *entries):
    folder = work_dir / start / 'vis_data'
    folder.mkdir(parents=True)
    (folder / 'scalars.json').write_text(''.join(f'{json.dumps(entry)}\n' for entry in entries))


def step(number, loss, **others):
    return {
        'lr': 0.1 / number,
        'loss': loss,
        'loss_cls': loss,
        'time': 0.1,
        'epoch': 1,
        'iter': number,
        'step': number,
    } | others


def test_a_later_start_takes_the_place_of_the_steps_that_it_goes_over_again(tmp_path):
    write_scalars(tmp_path, '20260101_000000', *(step(number, 9.0) for number in (10, 20, 30, 40)))
    write_scalars(tmp_path, '20260102_000000', step(25, 1.0), {'acc/top1': 0.5, 'loss': 7.0, 'step': 1}, step(35, 1.0))
    write_scalars(tmp_path, '20260103_000000', {'acc/top1': 0.5, 'step': 9})  # a test
    scalars = read_scalars(tmp_path)
    assert scalars.steps == (10, 20, 25, 35)
    assert scalars.values['loss'] == (9.0, 9.0, 1.0, 1.0)
    assert scalars.values['lr'][2] == 0.1 / 25
    assert scalars.values.keys() == {'lr', 'loss', 'loss_cls'}


def test_lines_that_are_torn_or_of_something_else_cost_only_themselves(tmp_path):
    write_scalars(
        tmp_path, 'a', step(10, math.nan), step(20, 2.0, loss_aux=1), step(30, 2.0, step='x'), ['loss', 'iter']
    )
    file = tmp_path / 'a/vis_data/scalars.json'
    file.write_bytes(file.read_bytes() + b'{"loss": 1.0, "it\xff')
    scalars = read_scalars(tmp_path)
    assert scalars.steps == (10, 20)
    assert math.isnan(scalars.values['loss'][0])
    assert scalars.values['loss_aux'] == (None, 1.0)
    assert read_scalars(tmp_path / 'nothing') is None


def test_equal_losses_are_one_curve_and_long_ones_are_averaged():
    steps = tuple(range(1, 1001))
    rising = tuple(float(number) for number in steps)
    built = loss_figures(Scalars(steps, {'lr': rising, 'loss_cls': rising, 'loss': rising, 'loss_aux': (1.0,) * 1000}))
    assert [curve['name'] for curve in built['losses']['data']] == ['loss', 'loss_aux']
    assert built['losses']['data'][0]['x'][:2] == [2, 4]
    assert built['losses']['data'][0]['y'][:2] == [1.5, 3.5]
    assert len(built['lr']['data'][0]['y']) == 500


def test_a_loss_that_is_not_finite_is_a_gap_and_is_told(tmp_path):
    pytest.importorskip('plotly', reason="needs the extra 'report'")
    write_history(tmp_path / 'class_history.jsonl')
    assert b'figure-losses' not in render_page(build_insight(read_run(tmp_path), Options(repeats=0)))
    write_scalars(tmp_path, 'a', step(10, 2.0), step(20, math.nan), step(30, math.inf), step(40, 1.0))
    insight = build_insight(read_run(tmp_path), Options(repeats=0))
    assert loss_figures(insight.run.scalars)['losses']['data'][0]['y'] == [2.0, None, None, 1.0]
    assert num_not_finite(insight.run.scalars) == 2
    page = render_page(insight).decode()
    assert 'data-figure="losses"' in page
    assert 'data-figure="lr"' in page
    assert 'At 2 of 4 logged iterations a loss was not a finite number.' in page
