"""docs/start/your_own_data.md as a newcomer follows it: its commands and its config, on a folder of real videos."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from cdb_video.difficulty.history import read_history
from cdb_video_files.class_lists import read_class_names
from cdb_video_files.lists import read_frame_list, read_video_list
from tests.support.clips import write_class_videos

pytestmark = pytest.mark.training

CLASSES = {'cut': 15, 'open jar': 10, 'spread': 6, 'wash': 10}
# The page's model at a size for a CPU, its downloads left out.
SMALL = """
load_from = None
small = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', clip_len=1, frame_interval=1, num_clips=3),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='FormatShape', input_format='NCHW'),
    dict(type='PackActionInputs'),
]
model['backbone'].update(depth=18)
model['cls_head'].update(in_channels=512)
train_cfg.update(max_epochs=2)
default_hooks['checkpoint'].update(save_optimizer=False)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    loader.update(num_workers=0, persistent_workers=False)
    loader['dataset'].update(pipeline=small)
del loader
"""


@pytest.fixture(scope='module')
def page(repository):
    return (repository / 'docs/start/your_own_data.md').read_text()


@pytest.fixture
def desk(tmp_path, repository, page):
    """A folder with the repository's commands, the videos of the page and its config."""
    for name in ('data_prep', 'tools'):
        (tmp_path / name).symlink_to(repository / name)
    rows = write_class_videos(tmp_path / 'data/mine/by_class', CLASSES)
    (tmp_path / 'data/mine_frames').mkdir()
    shutil.copytree(tmp_path / 'data/mine/by_class', tmp_path / 'data/mine/videos')
    shutil.copytree(tmp_path / 'data/mine/by_class', tmp_path / 'data/mine_frames/cropped_clips')
    shutil.copy(tmp_path / 'data/mine/videos' / rows[0][0], tmp_path / 'new_clip.mp4')
    lines = [f'{path},{label},person {number % 7}' for number, (path, label) in enumerate(rows)]
    (tmp_path / 'data/mine/labels.csv').write_text('\n'.join(['path,label,subject', *lines]) + '\n')
    config, small = [block for block in blocks(page, 'python') if block.startswith('_base_')]
    (tmp_path / 'my_config.py').write_text(config + SMALL)
    (tmp_path / 'my_small.py').write_text(small)
    return tmp_path


def blocks(page, language):
    return re.findall(rf'```{language}\n(.*?)```', page, flags=re.DOTALL)


def bash(command, folder, repository):
    """Run a command of the page in this environment, on the CPU."""
    programs = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    environment = {**os.environ, 'PATH': programs, 'PYTHONPATH': str(repository), 'OMP_NUM_THREADS': '1'}
    done = subprocess.run(
        ['bash', '-ec', command.replace('--gpus 1', '--gpus 0')],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.skipif(shutil.which('bash') is None, reason='needs bash')
def test_the_page_leads_from_a_folder_and_a_csv_to_a_report_per_class(desk, page, repository):
    # The second config of the page at a size for a test.
    short = 'train my_small.py --cfg-options train_cfg.max_epochs=2 train_dataloader.batch_size=8'
    commands = [block.replace('train my_small.py', short) for block in blocks(page, 'bash')]
    said = [bash(command, desk, repository) for command in commands]
    lists, work = desk / 'data/mine/lists', desk / 'work_dirs/mine'

    names = read_class_names(lists / 'classes.txt')
    assert names == list(CLASSES)
    counts = {
        part: Counter(names[entry.label] for entry in read_video_list(lists / f'{part}_videos.txt'))
        for part in ('train', 'val', 'test')
    }
    assert sum(counts.values(), Counter()) == CLASSES
    assert (desk / 'data/mine/lists_by_class/val_videos.txt').exists()
    assert len(read_frame_list(desk / 'data/mine_frames/lists/test.txt')) == counts['test'].total()

    history = read_history(work / 'class_history.jsonl')
    assert history.header.class_names == tuple(names)
    assert history.header.train_counts == [counts['train'][name] for name in names]
    assert [set(record.consumers) for record in history.records] == [{'CDBLoss'}] * 2
    assert [dict(zip(names, record.num_clips, strict=True)) for record in history.records] == [counts['val']] * 2

    rows = list(csv.DictReader((work / 'class_report.csv').read_text().splitlines()))
    assert {row['name']: int(row['num_clips']) for row in rows} == {name: counts['test'][name] for name in names}
    assert {row['name']: int(row['train_count']) for row in rows} == counts['train']
    report = json.loads((work / 'class_report.json').read_text())
    assert report['split'] == 'test'
    correct = sum(int(row['num_correct']) for row in rows)
    assert report['metrics']['acc/top1'] == pytest.approx(correct / counts['test'].total())
    *_, reported, predicted = said
    assert not any('whatever the model does' in text for text in said)  # of the topk of four classes
    assert any('this test\n' in text for text in said)
    assert all(name in reported for name in names)
    assert all(name in predicted for name in names)
    assert 'new_clip.mp4: ' in predicted

    history = read_history(desk / 'work_dirs/small/class_history.jsonl')
    assert history.header.class_names == tuple(names)
    assert len(history.records) == 2
    assert json.loads((desk / 'work_dirs/small/class_report.json').read_text())['split'] == 'test'
