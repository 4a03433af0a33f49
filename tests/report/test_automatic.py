"""What a run writes by itself: the page after validations, the report at its end, an image for TensorBoard."""

import itertools
import json
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from cdb_video.report.figures.strip import class_strip
from cdb_video.report.pages.page import MissingPackagesError
from cdb_video.run.reporting import live_report
from cdb_video.run.reporting.live_report import LIVE_SHARE, LiveReport
from tests.report.dumps import write_history
from tests.support.runs import make_runner

pytestmark = pytest.mark.training

COUNTER = itertools.count()
TEST = {
    'test_dataloader': {
        'batch_size': 8,
        'num_workers': 0,
        'dataset': {'type': 'ToyDataset', 'counts': [9, 8, 7, 6], 'seed': 2},
        'sampler': {'type': 'DefaultSampler', 'shuffle': False},
    },
    'test_cfg': {},
}
pytest.importorskip('plotly', reason="needs the extra 'report'")


def hook(**options):
    return [{'type': 'ClassDifficultyHook', 'log_classes': 0, **options}]


@pytest.fixture
def run(tmp_path):
    return lambda **changes: make_runner(tmp_path, f'automatic_{next(COUNTER)}', **changes)


@pytest.fixture
def toy(tmp_path):
    write_history(tmp_path / 'class_history.jsonl')
    return SimpleNamespace(work_dir=tmp_path, logger=mock.Mock())


def test_training_and_testing_leave_the_whole_report(run, tmp_path):
    run().train()
    assert 'validation set · epoch 3' in (tmp_path / 'report.html').read_text()
    document = json.loads((tmp_path / 'class_report.json').read_text())
    counts = np.zeros((4, 4), int)
    for true, other, clips in document['confusions']:
        counts[true, other] = clips
    rows = sorted(document['classes'], key=lambda row: row['label'])
    assert counts.sum(axis=1).tolist() == [row['num_clips'] for row in rows] == [9, 8, 7, 6]
    assert np.diag(counts).tolist() == [row['num_correct'] for row in rows]
    assert (tmp_path / 'class_report.md').exists()

    dump = tmp_path / 'other/predictions.pkl'
    evaluator = [{'type': 'ClassAccuracy'}, {'type': 'DumpResults', 'out_file_path': str(dump)}]
    checkpoint = str(next(tmp_path.glob('best_*.pth')))
    metrics = run(load_from=checkpoint, test_evaluator=evaluator, **TEST).test()
    page = (tmp_path / 'report.html').read_text()
    assert 'test set · epoch' in page
    assert 'id="mistakes"' in page  # which only the dump can tell
    document = json.loads((tmp_path / 'class_report.json').read_text())
    assert document['metrics']['acc/mean1'] == metrics['acc/mean1']
    assert document['intervals']['acc/top1']


def test_report_and_live_report_can_be_switched_off(run, tmp_path):
    run(custom_hooks=hook(report=False, live_report=False)).train()
    assert not list(tmp_path.glob('*report*'))
    run(custom_hooks=hook(report=False)).train()
    assert [path.name for path in tmp_path.glob('*report*')] == ['report.html']


def test_live_page_is_written_during_training(run, tmp_path):
    runner = run(custom_hooks=hook(report=False), train_cfg={'max_epochs': 1})
    with mock.patch.object(LiveReport, 'update', autospec=True, side_effect=LiveReport.update) as update:
        runner.train()
    assert update.call_count == 1
    assert 'validation set · epoch 1' in (tmp_path / 'report.html').read_text()


def test_live_page_is_left_out_while_it_would_cost_more_than_its_share(toy):
    live = LiveReport()
    clock = mock.Mock(side_effect=[0.0, 1.0])  # the first page takes a second
    with mock.patch.object(live_report.time, 'perf_counter', clock):
        assert live.update(toy)
    with mock.patch.object(live_report.time, 'perf_counter', side_effect=[1.0 + 0.9 / LIVE_SHARE]):
        assert not live.update(toy)
    with mock.patch.object(live_report.time, 'perf_counter', side_effect=[1.0 + 1.1 / LIVE_SHARE, 60.0]):
        assert live.update(toy)


def test_missing_packages_are_said_once(toy):
    live = LiveReport()
    with mock.patch.object(live_report, 'write_live_page', side_effect=MissingPackagesError('pip install it')):
        assert not live.update(toy)
        assert not live.update(toy)
    (message,) = toy.logger.warning.call_args.args
    assert 'pip install it' in message
    assert toy.logger.warning.call_count == 1


def test_training_without_the_packages_still_writes_the_tables(run, tmp_path):
    with mock.patch('cdb_video.report.pages.page.find_spec', return_value=None):
        run().train()
    assert (tmp_path / 'class_report.md').exists()
    assert not (tmp_path / 'report.html').exists()


def test_a_fault_in_the_page_is_logged_and_does_not_end_the_training(run, tmp_path):
    with (
        mock.patch.object(live_report, 'write_live_page', side_effect=KeyError('a fault')),
        mock.patch.object(live_report, 'build_insight', side_effect=KeyError('another')),
    ):
        run().train()
    assert (tmp_path / 'class_report.csv').exists()
    log = next(tmp_path.glob('*/*.log')).read_text()
    assert "KeyError: 'a fault'" in log
    assert "KeyError: 'another'" in log


@VISBACKENDS.register_module()
class RecordingBackend(BaseVisBackend):
    """Keeps the images that it is given."""

    images = []  # noqa: RUF012

    def _init_env(self):
        pass

    @property
    def experiment(self):
        return self

    def add_image(self, name, image, step=0, **kwargs):
        self.images.append((name, image, step))


def test_other_backends_get_one_image_a_validation(run, tmp_path):
    RecordingBackend.images.clear()
    backends = [{'type': 'LocalVisBackend'}, {'type': 'RecordingBackend'}]
    run(visualizer={'type': 'Visualizer', 'vis_backends': backends}, train_cfg={'max_epochs': 2}).train()
    assert [(name, step) for name, _, step in RecordingBackend.images] == [
        ('difficulty/classes', 1),
        ('difficulty/classes', 2),
    ]
    image = RecordingBackend.images[0][1]
    assert image.dtype == np.uint8
    assert image.shape == (3 * 24 + 2 * 4, 4 * 24, 3)  # difficulty, weight, probability of four classes
    assert not list(tmp_path.glob('*/vis_data/vis_image/*'))


def test_strip_goes_from_dark_blue_to_yellow_in_the_given_order():
    image = class_strip([[0.0, 1.0, 0.5], [2.0, 0.0, 4.0]], [1, 0, 2])
    left, middle, right = (image[10, x] for x in (5, 30, 55))
    assert left.tolist() == [254, 232, 56]  # class 1
    assert middle.tolist() == [0, 34, 78]
    assert right.tolist() == [124, 123, 120]
    assert image[40, 55].tolist() == [254, 232, 56]  # the greatest value of the second row
    assert class_strip([np.zeros(1000)], range(1000)).shape == (24, 2000, 3)
