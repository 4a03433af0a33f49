"""The stand-in for two operators of a torchvision that does not fit torch, in Pythons of their own."""

import os
import subprocess
import sys

import pytest

from tests.support.torchvision_stub import STUB

ASK = """
import sys
assert 'torch' not in sys.modules  # nothing is imported before torchvision is asked for
import torch
had = hasattr(torch.ops.torchvision, 'nms')
try:
    import torchvision
    from torchvision import transforms
except RuntimeError as error:
    print('misfit:', error)
else:
    print(had, torchvision.extension._has_ops(), hasattr(torch.ops.torchvision, 'qnms'))
    print(transforms.functional.resize(torch.zeros(3, 4, 4), [2, 2]).shape)
"""


def ask(**environment):
    kept = {name: value for name, value in os.environ.items() if name != 'PYTHONPATH'}
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', ASK], env=kept | environment, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


def test_with_the_stand_in_torchvision_is_imported_and_its_transforms_work():
    flags, shape = ask(PYTHONPATH=str(STUB))
    assert flags in ('False False True', 'False True True')
    assert shape == 'torch.Size([3, 2, 2])'


def test_a_torchvision_that_fits_is_left_as_it_is_and_another_fails_without_it():
    (first, *_) = ask()
    if first.startswith('misfit:'):
        assert 'operator torchvision::' in first
        assert ask(PYTHONPATH=str(STUB))[0] == 'False False True'
    elif (
        first == 'False False False'
    ):  # one that works without its compiled part, which setup_env.sh may have put there
        assert ask()[1] == ask(PYTHONPATH=str(STUB))[1]
    else:
        assert ask(PYTHONPATH=str(STUB)) == ask()


def test_a_host_that_torchvision_breaks_costs_nobody_the_package():
    if not ask()[0].startswith('misfit:'):
        pytest.skip('torchvision fits torch here')
    code = 'import cdb_video; cdb_video.CDBLoss(); import sys; print("torchvision" in sys.modules)'
    kept = {**os.environ, 'PYTHONPATH': os.pathsep.join(path for path in sys.path if path and 'misfit' not in path)}
    done = subprocess.run([sys.executable, '-c', code], env=kept, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, 'False'), done.stderr
