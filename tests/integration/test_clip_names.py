"""Names of clips get from every dataset to dumps, reports and mistakes, whatever the pipeline keeps of a clip."""

import cv2
import numpy as np
import pytest
from mmengine.runner import Runner

from cdb_video.report.insight.insight import build_insight
from cdb_video.report.insight.mistakes import worst_mistakes
from cdb_video.report.sources.dump import read_dump
from cdb_video.report.sources.source import read_run
from tests.integration.video_runs import CLASSES, pipeline, video_runner, write_lists

pytestmark = pytest.mark.training

FRAMES = 6


@pytest.fixture(scope='module')
def clips(tmp_path_factory):
    """The clips of `write_lists`, and those of its validation as frames."""
    folder = write_lists(tmp_path_factory.mktemp('clips'))
    lines = []
    for line in (folder / 'val.txt').read_text().splitlines():
        name, label = line.removesuffix('\n').replace('.mp4', '').split()
        for number in range(1, FRAMES + 1):
            (folder / name).mkdir(exist_ok=True)
            cv2.imwrite(str(folder / name / f'img_{number:05}.jpg'), np.full((32, 32, 3), 40 * int(label), np.uint8))
        lines.append(f'{name} {FRAMES} {label}\n')
    (folder / 'frames.txt').write_text(''.join(lines))
    return folder


def steps(kind, packing):
    """A test pipeline for videos, or for frames."""
    videos = pipeline(test_mode=True)
    if 'Video' in kind:
        return [*videos[:-1], packing]
    return [videos[1], {'type': 'RawFrameDecode'}, videos[3], packing]


@pytest.mark.parametrize('packing', [{'type': 'PackActionInputs'}, {'type': 'PackActionInputs', 'meta_keys': ()}])
@pytest.mark.parametrize(
    'kind', ['VideoListDataset', 'mmaction.VideoDataset', 'FrameListDataset', 'mmaction.RawframeDataset']
)
def test_a_dump_names_the_clips_of_every_dataset_and_the_report_its_mistakes(clips, tmp_path, kind, packing):
    videos = 'Video' in kind
    dump = tmp_path / 'predictions.pkl'
    dataset = {
        'type': kind,
        'ann_file': str(clips / ('val.txt' if videos else 'frames.txt')),
        'data_prefix': {'video' if videos else 'img': str(clips)},
        'pipeline': steps(kind, packing),
        'test_mode': True,
    }
    runner = video_runner(
        clips,
        tmp_path,
        custom_hooks=[],
        model={'cls_head': {'loss_cls': {'tau': 0}}},
        test_dataloader={
            'batch_size': 4,
            'num_workers': 0,
            'dataset': dataset,
            'sampler': {'type': 'DefaultSampler', 'shuffle': False},
        },
        test_cfg={},
        test_evaluator=[{'type': 'ClassAccuracy'}, {'type': 'DumpResults', 'out_file_path': str(dump)}],
    )
    assert isinstance(runner, Runner)
    runner.test()
    names = [f'val_{label}_{number}' for label in range(4) for number in range(2)]
    read = read_dump(dump)
    assert list(read.clip_names) == names
    assert set(read.num_frames) == {8 if videos else FRAMES}
    mistakes, _ = worst_mistakes(build_insight(read_run(dump, class_names=CLASSES)))
    wrong = [name for name, label, found in zip(names, read.labels, read.predicted, strict=True) if label != found]
    assert sorted(mistake.clip for mistake in mistakes) == wrong
    assert wrong
    assert all(mistake.strip for mistake in mistakes)
