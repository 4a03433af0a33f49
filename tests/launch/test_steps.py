"""Commands as processes of their own: side by side or not, on which devices, and how they end."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from unittest import mock

import pytest

from cdb_video.launch import steps
from cdb_video.launch.steps import Machine, RunError, Step, run_all

SHOW = 'import os, sys; print(os.environ.get("CUDA_VISIBLE_DEVICES"), *sys.argv[1:])'


@pytest.fixture(autouse=True)
def _python(monkeypatch):
    """The words of a step are a program and its arguments, in place of a command of `cdb-video`."""
    monkeypatch.setattr(steps, 'command_line', lambda words, processes: [sys.executable, '-c', *words])
    monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)


def fold(tmp_path, name, *programs, said=None):
    """What a fold needs: a process for each program."""

    def do(runner):
        for program in programs:
            say = (lambda line: None) if said is None else said.append
            runner.run(Step(f'step of {name}', name, [program], tmp_path / name / 'output.txt', say))

    return do


@pytest.mark.parametrize(
    ('machine', 'slots'),
    [
        (Machine([]), [None]),
        (Machine(['0']), [None]),
        (Machine(['0', '1']), ['0', '1']),
        (Machine(['4', '5', '6']), ['4', '5', '6']),
        (Machine(['0', '1', '2', '3', '4'], processes=2), ['0,1', '2,3']),
        (Machine(['0', '1'], processes=2), [None]),
        (Machine(['0', '1'], parallel=1), [None]),
        (Machine([], parallel=2), [None, None]),
        (Machine(['0', '1'], parallel=3), ['0', '1', '0']),
    ],
)
def test_each_fold_that_runs_beside_others_has_devices_of_its_own(machine, slots):
    assert machine.slots == slots


@pytest.mark.parametrize(
    ('visible', 'count', 'devices'),
    [(None, 2, ['0', '1']), ('3, 5,7', 3, ['3', '5', '7']), ('MIG-a,MIG-b', 1, ['MIG-a']), ('', 0, []), (None, 0, [])],
)
def test_devices_are_those_that_this_process_may_use(monkeypatch, visible, count, devices):
    if visible is not None:
        monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
    with mock.patch('torch.cuda.device_count', return_value=count):
        assert steps.visible_devices() == devices


def test_more_processes_than_devices_are_refused():
    steps.check_machine([], 4)
    steps.check_machine(['0', '1'], 2)
    with pytest.raises(ValueError, match='--processes 4: there are 2 GPUs'):
        steps.check_machine(['0', '1'], 4)


def test_one_after_the_other_they_print_where_this_process_does(tmp_path, capfd):
    said = []
    run_all([fold(tmp_path, name, SHOW, SHOW, said=said) for name in ('a', 'b')], Machine([]))
    assert said == ['a', 'a', 'b', 'b']
    assert capfd.readouterr().out.splitlines() == ['None'] * 4
    assert not list(tmp_path.glob('*/output.txt')) or not Path(tmp_path / 'a/output.txt').exists()


def test_side_by_side_they_print_into_files_and_see_a_device_each(tmp_path, capfd):
    run_all([fold(tmp_path, name, SHOW, SHOW) for name in ('a', 'b')], Machine(['4', '6']))
    printed = [Path(tmp_path, name, 'output.txt').read_text().split() for name in ('a', 'b')]
    assert capfd.readouterr().out == ''
    assert sorted(printed) == [['4', '4'], ['6', '6']]


def test_side_by_side_means_at_the_same_time(tmp_path):
    meet = 'import sys, time\nfrom pathlib import Path\nhere = Path({!r}); (here / {!r}).touch()\n' + (
        'for _ in range(3000):\n    if (here / {!r}).exists(): sys.exit()\n    time.sleep(0.01)\nsys.exit(1)'
    )
    pairs = [meet.format(str(tmp_path), one, other) for one, other in (('1', '2'), ('2', '1'))]
    run_all([fold(tmp_path, f'f{n}', program) for n, program in enumerate(pairs)], Machine([], parallel=2))
    assert all((tmp_path / name).exists() for name in '12')


@pytest.mark.parametrize('parallel', [1, 2])
def test_one_that_fails_ends_the_others_and_lets_none_begin(tmp_path, parallel):
    began, late, after = (tmp_path / name for name in ('began', 'late', 'after'))
    slow = f'import time; open({str(began)!r}, "w"); time.sleep(60); open({str(late)!r}, "w")'
    wait = f'import os, time\nwhile not os.path.exists({str(began)!r}): time.sleep(0.01)\n' if parallel == 2 else ''
    start, said = time.monotonic(), []
    folds = [
        fold(tmp_path, 'bad', f'{wait}raise SystemExit(3)', f'open({str(after)!r}, "w")', said=said),
        fold(tmp_path, 'slow', slow, said=said),
        fold(tmp_path, 'third', f'open({str(after)!r}, "w")', said=said),
    ]
    with pytest.raises(
        RunError, match=r'step of bad ended with exit code 3; what it said is .*goes on from there'
    ) as found:
        run_all(folds, Machine([], parallel=parallel))
    assert found.value.status == 3
    assert time.monotonic() - start < 50
    assert not late.exists()
    assert not after.exists()
    assert sorted(said) == ['bad', 'slow'][:parallel]
    if parallel == 2:
        assert str(tmp_path / 'bad/output.txt') in str(found.value)


def test_a_fault_outside_of_the_processes_is_raised_as_it_is(tmp_path):
    def do(runner):
        raise ValueError('a dump is torn')

    with pytest.raises(ValueError, match='a dump is torn'):
        run_all([do, fold(tmp_path, 'slow', 'import time; time.sleep(30)')], Machine([], parallel=2))


def test_an_interrupt_ends_the_processes(tmp_path):
    note = tmp_path / 'pid'
    program = f'import os, time; open({str(note)!r}, "w").write(str(os.getpid())); time.sleep(30)'

    def interrupted(*others, **options):
        while not note.exists() or not note.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    with mock.patch.object(steps, 'wait', interrupted), pytest.raises(KeyboardInterrupt):
        run_all([fold(tmp_path, 'one', program)], Machine([]))
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)
    assert not [thread for thread in threading.enumerate() if 'ThreadPool' in thread.name]


@pytest.mark.skipif(os.name != 'posix', reason='needs POSIX descriptors')
def test_a_process_gets_the_descriptors_that_are_handed_on(tmp_path):
    reader, writer = os.pipe()
    program = f'import os; os.write({writer}, b"here")'
    run_all([fold(tmp_path, 'one', program)], Machine([], handed_on=(writer,)))
    assert os.read(reader, 9) == b'here'
    os.close(reader)
    os.close(writer)


def test_command_lines_of_one_and_of_several_processes(monkeypatch):
    monkeypatch.undo()
    alone = steps.command_line(['train', 'a.py'], 1)
    assert alone == [sys.executable, '-P', '-m', 'cdb_video_command', 'train', 'a.py']
    several = steps.command_line(['train', 'a.py'], 3)
    assert several[:5] == [sys.executable, '-P', '-m', 'torch.distributed.run', '--nproc-per-node=3']
    assert several[7:] == ['-m', 'cdb_video_command', 'train', 'a.py', '--launcher', 'pytorch']
    assert several[6].startswith('--master-port=')
    done = subprocess.run([*alone[:4], '--version'], capture_output=True, text=True, check=True)
    assert done.stdout.startswith('cdb-video ')


def test_several_processes_get_one_thread_each_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    assert steps.environment(None, 2)['OMP_NUM_THREADS'] == '1'
    assert 'OMP_NUM_THREADS' not in steps.environment(None, 1)
    assert steps.environment('1,2', 1)['CUDA_VISIBLE_DEVICES'] == '1,2'
    assert steps.environment(None, 1, threads=3)['OMP_NUM_THREADS'] == '3'
    monkeypatch.setenv('OMP_NUM_THREADS', '5')
    assert steps.environment(None, 2, threads=3)['OMP_NUM_THREADS'] == '5'


def test_alone_it_prints_into_a_file_where_that_is_asked_for(tmp_path, capfd):
    run_all([fold(tmp_path, 'a', SHOW)], Machine([], to_files=True))
    assert capfd.readouterr().out == ''
    assert (tmp_path / 'a/output.txt').read_text() == 'None\n'
