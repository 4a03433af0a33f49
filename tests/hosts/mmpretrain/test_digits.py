"""Trainings on long-tailed digits: resumed, in two processes, replayed, killed and cross-fitted, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid

import pytest
import torch
from mmengine.config import Config

from tests.support.parallel import in_processes

pytestmark = [
    pytest.mark.training,
    pytest.mark.slow,
    pytest.mark.filterwarnings('ignore:.pin_memory. argument is set as true'),
    pytest.mark.skipif(sys.platform == 'win32', reason='processes are forked, and killed with SIGKILL'),
]

EPOCHS = 3
POINTS = (
    'inside a training step',
    'in the middle of a checkpoint',
    'in validation',
    'in the middle of a line of the history',
    'in the middle of the best checkpoint',
    'last checkpoint saved, run not ended',
)


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    """The folder of the images; the configs find it."""
    from benchmarks.training.data_sets import DATA_SETS

    data_set, root = DATA_SETS['digits_lt'], tmp_path_factory.mktemp('digits') / 'data'
    data_set.make(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(data_set.variable, str(root))
        yield root


@pytest.fixture(scope='module')
def config(digits, tmp_path_factory):
    """A config of CDB-W and CDB-S at once, which witnesses every step."""
    from benchmarks.training.data_sets import DATA_SETS
    from benchmarks.training.kill import Runs

    return Runs(tmp_path_factory.mktemp('config'), DATA_SETS['digits_lt'], 'resnet8_cdbws', digits, EPOCHS, 0).config


def train(config, work_dir, resume=False, loaders=('train', 'val')):
    """Train in this process, the images read in it too."""
    from cdb_video.commands.train import main

    workers = [f'{part}_dataloader.num_workers=0' for part in loaders]
    words = [str(config), '--work-dir', str(work_dir), '--seed', '5', *(['--resume'] if resume else [])]
    # mmengine names runs by the second, and takes two of one second for one.
    assert main([*words, '--cfg-options', f'experiment_name={uuid.uuid4().hex}', *workers]) == 0


@pytest.fixture(scope='module')
def undisturbed(config, tmp_path_factory):
    """A work directory."""
    work_dir = tmp_path_factory.mktemp('undisturbed') / 'run'
    train(config, work_dir)
    return work_dir


@pytest.mark.parametrize('epoch', [2, 3])
def test_a_training_that_was_interrupted_and_resumed_equals_an_undisturbed_one(
    config, undisturbed, tmp_path, monkeypatch, epoch
):
    from benchmarks.training import deaths
    from benchmarks.training.kill import differences, outcome

    def interrupt(*_args, **_kwargs):
        raise KeyboardInterrupt

    work_dir = tmp_path / 'run'
    monkeypatch.setattr(deaths, 'die', interrupt)
    monkeypatch.setenv(deaths.VARIABLE, f'inside a training step:{epoch}')
    with pytest.raises(KeyboardInterrupt):
        train(config, work_dir)
    assert (work_dir / 'last_checkpoint').read_text().endswith(f'epoch_{epoch - 1}.pth')
    monkeypatch.delenv(deaths.VARIABLE)
    train(config, work_dir, resume=True)
    assert differences(outcome(undisturbed), outcome(work_dir)) == []


def test_a_replayed_history_trains_as_the_run_that_measured_it(config, undisturbed, tmp_path):
    from benchmarks.training.deaths import WITNESS_NAME
    from benchmarks.training.kill import differences

    replaying = tmp_path / 'replay.py'
    replaying.write_text(
        f'_base_ = {config.as_posix()!r}\n'
        f'custom_hooks = [dict(type="DifficultyReplayHook", history={str(undisturbed / "class_history.jsonl")!r}), '
        'dict(type="WitnessHook")]\n'
        'val_dataloader = val_cfg = val_evaluator = None\n'
        'default_hooks = dict(checkpoint=dict(save_best=None))\n'
    )
    train(replaying, tmp_path / 'run', loaders=['train'])
    measured, replayed = (folder / WITNESS_NAME for folder in (undisturbed, tmp_path / 'run'))
    assert replayed.read_text() == measured.read_text()
    measured, replayed = (
        torch.load(folder / f'epoch_{EPOCHS}.pth', map_location='cpu') for folder in (undisturbed, tmp_path / 'run')
    )
    for part in ('state_dict', 'optimizer', 'param_schedulers'):
        assert differences(measured[part], replayed[part]) == []


def train_as_rank(rank, config, work_dir):
    """Train on this rank; what it ended with."""
    from mmengine.runner import Runner

    import cdb_video  # noqa: F401  (registers its parts)
    from tests.support.runs import hook_of

    settings = Config.fromfile(config)
    settings.merge_from_dict(
        {
            'launcher': 'pytorch',
            'work_dir': work_dir,
            'model_wrapper_cfg': {'type': 'MMDistributedDataParallel', 'device_ids': None, 'broadcast_buffers': False},
            'env_cfg.dist_cfg.backend': 'gloo',
            'randomness': {'seed': 5},
            **{f'{part}_dataloader.num_workers': 0 for part in ('train', 'val')},
            **{f'{part}_dataloader.persistent_workers': False for part in ('train', 'val')},
        }
    )
    settings.test_dataloader = settings.test_cfg = settings.test_evaluator = None
    settings.custom_hooks = [hook for hook in settings.custom_hooks if hook['type'] == 'ClassDifficultyHook']
    runner = Runner.from_cfg(settings)
    runner.train()
    state, sampler, model = hook_of(runner).state_, runner.train_dataloader.sampler, runner.model.module
    sampler.set_epoch(EPOCHS)
    return {
        'difficulty': state.difficulty.tolist(),
        'images': state.num_clips.tolist(),
        'weight': model.head.loss_module.class_weight.tolist(),
        'probability': sampler.class_probability.tolist(),
        'draw': sampler.draw_epoch().tolist(),
        'parameters': [part.tolist() for part in model.parameters()],
    }, list(sampler)


def test_two_processes_agree_and_every_image_counts_once(config, tmp_path):
    (zero, first), (one, second) = in_processes(2, train_as_rank, str(config), str(tmp_path / 'run'))
    assert zero == one
    assert zero['images'] == 10 * [20]
    assert len(set(zero['weight'])) > 1  # difficulty acts
    assert first == zero['draw'][0::2]
    assert second == zero['draw'][1::2]


def test_trainings_that_are_killed_once_end_as_the_undisturbed_one(digits, repository, tmp_path):
    words = ['--data-set', 'digits_lt', '--data-root', str(digits), '--kills', '0', '--epochs', str(EPOCHS)]
    words += ['--points', '; '.join(POINTS), '--seed', '1', '--out', str(tmp_path)]
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'benchmarks.training.kill', *words],
        cwd=repository,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    cases = json.loads((tmp_path / 'kill_training_images.json').read_text())['numbers']['cases']
    assert [(case['name'], len(case['kills']), case['differences']) for case in cases] == [
        (point, 1, []) for point in POINTS
    ]


def test_a_cross_fit_that_is_killed_in_its_second_fold_ends_as_the_undisturbed_one(digits, repository, tmp_path):
    from cdb_video.report.sources.dump import read_dump

    config = tmp_path / 'bs.py'
    leaf = repository / 'configs/images/digits_lt/resnet8_balsoftmax.py'
    config.write_text(f'_base_ = {leaf.as_posix()!r}\ntrain_cfg = dict(max_epochs=2)\n')

    def begin(folder):
        command = [sys.executable, '-W', 'ignore', '-m', 'cdb_video_command', 'cross-fit', str(config)]
        command += ['--folds', '2', '--work-dir', str(folder)]
        # At imbalance 100 a fold would lack the classes of one image.
        variables = {**os.environ, 'IMBALANCE': '10'}
        with folder.with_suffix('.log').open('a') as log:
            return subprocess.Popen(
                command, env=variables, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
            )

    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    process = begin(killed)
    end = time.monotonic() + 120
    while not (killed / 'fold_2/epoch_1.pth').exists():
        assert process.poll() is None, (tmp_path / 'killed.log').read_text()[-3000:]
        assert time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (killed / 'predictions.pkl').exists()
    assert begin(killed).wait(120) == begin(whole).wait(120) == 0
    assert (tmp_path / 'killed.log').read_text().count('resumed epoch: 1') == 1  # the second fold, and it alone
    first, second = (read_dump(folder / 'predictions.pkl') for folder in (whole, killed))
    assert second.paths == first.paths
    assert (second.scores == first.scores).all()
    assert len(set(first.paths)) == 437
    histories = [
        [json.loads(line) for line in (folder / 'class_history.jsonl').read_text().splitlines()]
        for folder in (whole, killed)
    ]
    assert [record.get('difficulty') for record in histories[0]] == [
        record.get('difficulty') for record in histories[1]
    ]
