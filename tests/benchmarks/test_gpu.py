"""The benchmark for GPUs: rehearsed on the CPU; what a variant is; who is measured when; what is said of the rest."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.gpu import data, schedule, speed
from benchmarks.gpu.schedule import BROKEN, LEFT_OUT, MEASURED, Measurement, TooLate, TrainingProcess, VariantError
from benchmarks.gpu.turns import LOADING, MODEL, import_hosts
from benchmarks.gpu.variants import VARIANTS, Plan, build_config
from tests.support.benchmark_pages import check_origin, rows_of

IN_GROUP = ['ddp', 'ddp_cdbs', 'ddp_cdba']
ABOVE_CHANNELS_LAST = ['channels_last', 'compiled', *IN_GROUP]


def plan_of(device='cuda', tiny=False):
    return Plan('clips', 'train.txt', 'val.txt', 19, 4, 8, 16, 2.0, device, tiny, 3)


@pytest.mark.long
@pytest.mark.training
def test_rehearsal_measures_every_variant_alone_and_with_its_loader(repository, tmp_path):
    options = ['--device', 'cpu', '--tiny', '--rounds', '1', '--seed', '3', '--out', str(tmp_path)]
    programs = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    done = subprocess.run(
        ['bash', 'benchmarks/gpu/run.sh', '--no-setup', *options],
        cwd=repository,
        env=os.environ | {'PATH': programs, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads((tmp_path / 'gpu_rehearsal.json').read_text())
    page = (tmp_path / 'gpu_rehearsal.md').read_text()
    check_origin(page, content, 'benchmarks.gpu.speed')
    found = content['numbers']['variants']
    assert list(found) == list(VARIANTS)
    for name, variant in found.items():
        assert (variant['status'], variant['why']) == (MEASURED, None), name
        assert variant['backend'] == ('gloo' if name in IN_GROUP else None)
        assert min(variant['seconds to warm up'], variant['peak bytes']) > 0
        for part in (MODEL, LOADING):
            rates = variant[part]['clips per second']
            assert len(rates) == 1
            assert min(rates) > 0
            assert variant[part]['spread']['median'] == pytest.approx(np.median(rates))
            if variant['peer'] is not None:
                peer = found[variant['peer']][part]['clips per second']
                assert variant[part]['ratio to peer']['median'] == pytest.approx(np.median(np.divide(rates, peer)))
    assert [row[0] for row in rows_of(page)] == 3 * list(VARIANTS)
    assert 'its numbers mean nothing' in page


def test_each_variant_is_its_peer_and_what_it_says():
    configs = {name: build_config(name, plan_of()) for name in VARIANTS}
    for name, config in configs.items():
        kinds = [step.type for step in config.train_dataloader.dataset.pipeline]
        shipped = name == 'shipped'
        assert kinds[:3] == [
            'DecordInit' if shipped else 'VideoInit',
            'SampleFrames',
            'DecordDecode' if shipped else 'VideoDecode',
        ]
        assert config.model.type == ('ChannelsLastRecognizer' if name in ABOVE_CHANNELS_LAST else 'Recognizer3D')
        wrapper = config.optim_wrapper
        assert (wrapper.get('type'), wrapper.get('dtype')) == (
            ('AmpOptimWrapper', 'bfloat16') if name in (*ABOVE_CHANNELS_LAST, 'bf16') else (None, None)
        )
        assert wrapper.optimizer.lr == pytest.approx(0.1 / 8)
        assert (config.train_dataloader.batch_size, config.train_dataloader.num_workers) == (8, 8)
        assert (config.get('launcher') == 'pytorch') is (name in IN_GROUP) is VARIANTS[name].in_group
        assert ('val_cfg' in config) is (name in ('ddp_cdbs', 'ddp_cdba'))
    fused = configs['reader'].train_dataloader.dataset.pipeline[2].fused
    apart = configs['shipped'].train_dataloader.dataset.pipeline[3:-2]
    assert [dict(step) for step in fused] == [dict(step) for step in apart]
    assert [step.type for step in fused] == ['Resize', 'RandomResizedCrop', 'Resize', 'Flip']
    assert configs['compiled'].custom_hooks == [{'type': 'CompiledBackboneHook', 'backend': 'inductor'}]
    assert configs['ddp_cdbs'].train_dataloader.sampler.type == 'CDBSampler'
    assert 'loss_cls' not in configs['ddp_cdbs'].model.cls_head
    loss = configs['ddp_cdba'].model.cls_head.loss_cls
    assert (loss.type, loss.law, loss.strength) == ('CDBLoss', 'accumulated', 9)
    assert configs['ddp_cdba'].custom_hooks[0].momentum == 'mean'
    assert configs['ddp_cdba'].train_dataloader.sampler.type == 'DefaultSampler'


@pytest.mark.parametrize('name', ['bf16', 'channels_last'])
def test_features_have_their_channels_last_where_that_is_said(name):
    import_hosts()
    from mmaction.registry import MODELS

    model = MODELS.build(build_config(name, plan_of('cpu', tiny=True)).model)
    seen = []
    # Kernels of one point, which come behind it, lose the layout on a CPU; cuDNN keeps it.
    model.backbone.fast_path.conv1.register_forward_hook(lambda module, inputs, output: seen.append(output))
    model.extract_feat(torch.randn(2, 1, 3, 8, 32, 32))
    (features,) = seen
    assert features.is_contiguous(memory_format=torch.channels_last_3d) is (name == 'channels_last')
    assert features.is_contiguous() is (name == 'bf16')


def test_every_class_is_in_the_list_and_the_first_most_often():
    counts = np.bincount(data.long_tailed_labels(192, 19, seed=0), minlength=19)
    assert (counts.sum(), len(counts)) == (192, 19)
    assert counts.min() >= 1
    assert counts.argmax() == 0
    assert counts[0] > 5 * counts[-1]


class Time:
    """A clock that the workers move."""

    now = 0.0

    def __call__(self):
        return self.now


class StandIn:
    """A worker whose work takes as many seconds as is said, or fails.

    Args:
        takes: Of each command in its order; an error is raised, the last one is taken for all that follow.
    """

    def __init__(self, name, clock, asked, takes):
        self.name, self.clock, self.asked, self.takes, self.ended = name, clock, asked, list(takes), None

    def ask(self, command, seconds):
        self.asked.append((self.name, command))
        takes = self.takes.pop(0) if self.takes[1:] else self.takes[0]
        if isinstance(takes, Exception):
            raise takes
        self.clock.now += min(takes, seconds)
        if takes > seconds:
            raise TooLate
        return {'device': {}, 'backend': None, 'clips per second': 8 / takes, 'peak bytes': 1}

    def stop(self):
        pass

    def end(self, seconds):
        self.ended = seconds


def play(minutes, rounds, last=(), **takes):
    """What becomes of workers; the commands that they got, and the workers."""
    clock, asked = Time(), []
    workers = {name: StandIn(name, clock, asked, seconds) for name, seconds in takes.items()}
    outcomes = Measurement(workers, last, 60 * minutes, clock).run(rounds)
    assert all(worker.ended is not None for worker in workers.values())
    return outcomes, asked


def test_variants_take_turns_and_another_one_begins_each_round():
    outcomes, asked = play(8, 2, last=['b'], a=[1], b=[1], c=[1])
    parts = (MODEL, LOADING)
    order = [('abc', (None,)), ('acb', parts), ('bca', parts), ('cab', parts)]
    assert asked == [(name, part) for names, commands in order for name in names for part in commands]
    assert [(one.status, one.why, len(one.rounds), one.prepared) for one in outcomes.values()] == 3 * [
        (MEASURED, None, 2, 2)
    ]


def test_no_round_begins_that_would_not_fit():
    # 1 + 2 * 10 s to prepare; a round is 20 s: 21, 41, 61, and 120 - 81 is enough for one more, but not for two.
    outcomes, _ = play(2, 9, a=[1, 10])
    assert (outcomes['a'].status, len(outcomes['a'].rounds)) == (MEASURED, 4)


def test_who_is_late_is_ended_and_named_and_the_others_go_on():
    outcomes, asked = play(2, 2, last=['slow'], slow=[1, 500], a=[1])
    assert (outcomes['a'].status, len(outcomes['a'].rounds)) == (MEASURED, 2)
    slow = outcomes['slow']
    assert (slow.status, slow.rounds, slow.prepared) == (LEFT_OUT, [], None)
    assert slow.why == 'the model alone took longer than the 58 s that were left for it'
    assert asked.count(('slow', MODEL)) == 1


def test_who_was_late_in_its_second_round_keeps_the_first():
    outcomes, _ = play(2, 2, a=[1, 1, 1, 1, 1, 500], b=[1])
    assert (outcomes['a'].status, len(outcomes['a'].rounds)) == (MEASURED, 1)
    assert outcomes['a'].why.startswith('the model alone took longer')
    assert (outcomes['b'].status, len(outcomes['b'].rounds)) == (MEASURED, 1)
    assert outcomes['b'].why == 'the model alone took longer than the 0 s that were left for it'


def test_without_time_for_a_round_that_is_said():
    outcomes, _ = play(0.05, 2, a=[1])
    assert (outcomes['a'].status, outcomes['a'].rounds) == (LEFT_OUT, [])
    assert outcomes['a'].why is not None


def test_who_fails_is_named_with_its_error_and_what_it_did_before_stays():
    outcomes, _ = play(8, 3, a=[1, 1, 1, 1, 1, VariantError('of memory')], b=[1])
    assert (outcomes['a'].status, outcomes['a'].why, len(outcomes['a'].rounds)) == (BROKEN, 'of memory', 1)
    assert (outcomes['b'].status, len(outcomes['b'].rounds)) == (MEASURED, 3)


def test_results_of_a_run_with_a_failure_are_written_and_the_exit_code_says_it(monkeypatch, tmp_path):
    clock, asked = Time(), []

    def start(name, plan, folder):
        return StandIn(name, clock, asked, [1, 1, VariantError('no memory')] if name == 'bf16' else [2, 4, 8])

    monkeypatch.setattr(schedule, 'TrainingProcess', start)
    monkeypatch.setattr(schedule, '_import_all', lambda: None)
    arguments = ['--device', 'cpu', '--tiny', '--rounds', '2', '--seed', '3', '--out', str(tmp_path)]
    monkeypatch.setattr('sys.argv', ['speed.py', *arguments])
    assert speed.main() == 1
    found = json.loads((tmp_path / 'gpu_rehearsal.json').read_text())['numbers']['variants']
    assert {name: one['status'] for name, one in found.items()} == dict.fromkeys(VARIANTS, MEASURED) | {'bf16': BROKEN}
    assert found['bf16']['why'] == 'no memory'
    assert MODEL not in found['bf16']
    # Its peer has failed; to what is shipped it is compared all the same.
    assert found['channels_last'][MODEL]['ratio to peer'] is None
    assert found['channels_last'][MODEL]['ratio to shipped']['median'] == 1
    page = (tmp_path / 'gpu_rehearsal.md').read_text()
    assert '## bf16: failed\n\n```\nno memory\n```' in page


def test_without_a_gpu_the_remedy_is_said(monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit, match='2'):
        speed.main(['--out', 'nowhere'])
    assert 'torch sees no GPU' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='2'):
        speed.main(['--device', 'cpu', '--rounds', '0'])
    assert '--rounds 0 --minutes 8: must be 1 at least, and above 0' in capsys.readouterr().err


def _die(name, plan, connection, folder):
    Path(folder, f'{name}.log').write_text('out of luck')
    os._exit(7)


def _sleep(name, plan, connection, folder):
    connection.recv()


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='processes are forked')
# Python 3.12 warns of forks beside threads.
@pytest.mark.filterwarnings('ignore:.*multi-threaded, use of fork:DeprecationWarning')
def test_a_process_that_dies_or_hangs_is_an_error_of_its_variant(monkeypatch, tmp_path):
    monkeypatch.setattr(schedule, 'train', _die)
    dead = TrainingProcess('shipped', plan_of('cpu'), tmp_path)
    with pytest.raises(VariantError, match='exit code 7:\nout of luck'):
        dead.ask(None, 60)
    dead.end(0)
    monkeypatch.setattr(schedule, 'train', _sleep)
    asleep = TrainingProcess('shipped', plan_of('cpu'), tmp_path)
    with pytest.raises(TooLate):
        asleep.ask(None, 0.01)
    asleep.end(0)
