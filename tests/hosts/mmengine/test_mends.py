import importlib.metadata
import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import mmengine.runner.checkpoint
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from cdb_video import torch_compat
from cdb_video.hosts.mmaction import mends as mmaction_mends
from cdb_video.hosts.mmengine import mends
from tests.support.marks import needs_compile

needs_strict_torch = pytest.mark.skipif(
    tuple(int(part) for part in torch.__version__.split('.')[:2]) < (2, 6),
    reason='torch < 2.6 loads everything',
)


@pytest.fixture
def unmended():
    """A process in which no class was allowed yet; what was allowed comes back afterwards."""
    if not hasattr(torch.serialization, 'get_safe_globals'):
        pytest.skip('this torch has no list of allowed classes')
    allowed = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(allowed)


@pytest.fixture
def mmaction_folder(tmp_path, monkeypatch):
    """A folder that passes for mmaction's, in a process that has not imported it."""
    folder = tmp_path / 'mmaction'
    (folder / 'models' / 'localizers').mkdir(parents=True)
    monkeypatch.setattr(mmaction_mends, '_mmaction_folder', lambda: folder)
    for name in (mmaction_mends.DRN_MODULE, f'{mmaction_mends.DRN_MODULE}.drn', 'importlib_metadata'):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


def run_python(code, *, folder):
    """Run code in a fresh interpreter that finds this checkout; return what it printed."""
    root = str(Path(mends.__file__).parents[3])
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path.insert(0, {root!r})\n{code}'],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_missing_drn_folder_gets_a_stub_once(mmaction_folder):
    assert mmaction_mends.stub_missing_drn()
    assert f'{mmaction_mends.DRN_MODULE}.drn' in sys.modules
    assert not mmaction_mends.stub_missing_drn()


def test_a_drn_folder_on_disk_is_left_alone(mmaction_folder):
    (mmaction_folder / 'models' / 'localizers' / 'drn').mkdir()
    assert not mmaction_mends.stub_missing_drn()
    assert mmaction_mends.DRN_MODULE not in sys.modules


def test_an_mmaction_without_localizers_is_left_alone(mmaction_folder):
    (mmaction_folder / 'models' / 'localizers').rmdir()
    assert not mmaction_mends.stub_missing_drn()


def test_nothing_is_stubbed_where_mmaction_is_absent(mmaction_folder, monkeypatch):
    monkeypatch.setattr(mmaction_mends, '_mmaction_folder', lambda: None)
    monkeypatch.setattr(mmaction_mends.importlib.util, 'find_spec', lambda name: None)
    assert not mmaction_mends.stub_missing_drn()
    assert not mmaction_mends.stub_importlib_metadata()


def test_the_folder_of_an_absent_mmaction_is_none(monkeypatch):
    monkeypatch.delitem(sys.modules, 'mmaction', raising=False)
    monkeypatch.setattr(mmaction_mends.importlib.util, 'find_spec', lambda name: None)
    assert mmaction_mends._mmaction_folder() is None


def test_the_folder_of_mmaction_is_found_without_importing_it(monkeypatch):
    pytest.importorskip('mmaction')
    monkeypatch.delitem(sys.modules, 'mmaction')
    assert (mmaction_mends._mmaction_folder() / 'models').is_dir()
    assert 'mmaction' not in sys.modules


def test_mmaction_models_import_and_a_stubbed_drn_says_why_it_cannot_be_built():
    pytest.importorskip('mmaction')
    mmaction_mends.stub_missing_drn()
    import mmaction.models
    from mmaction.registry import MODELS

    if (Path(mmaction.models.__file__).parent / 'localizers' / 'drn').is_dir():
        pytest.skip('this MMAction2 has DRN')
    with pytest.raises(NotImplementedError, match='issues/2714'):
        MODELS.build({'type': 'DRN'})


def test_the_stub_has_no_other_names(mmaction_folder):
    mmaction_mends.stub_missing_drn()
    with pytest.raises(AttributeError, match='BMN'):
        _ = sys.modules[f'{mmaction_mends.DRN_MODULE}.drn'].BMN


def test_the_standard_library_stands_in_for_importlib_metadata(mmaction_folder, monkeypatch):
    monkeypatch.setattr(mmaction_mends.importlib.util, 'find_spec', lambda name: None)
    assert mmaction_mends.stub_importlib_metadata()
    assert sys.modules['importlib_metadata'] is importlib.metadata
    assert not mmaction_mends.stub_importlib_metadata()


def test_an_installed_importlib_metadata_is_left_alone(mmaction_folder, monkeypatch):
    monkeypatch.setattr(mmaction_mends.importlib.util, 'find_spec', lambda name: object())
    assert not mmaction_mends.stub_importlib_metadata()
    assert 'importlib_metadata' not in sys.modules


def dump(value):
    file = io.BytesIO()
    torch.save(value, file)
    file.seek(0)
    return file


@needs_strict_torch
def test_torch_refuses_a_history_before_the_mend_and_loads_it_after(unmended):
    file = dump(HistoryBuffer([1.0, 2.0], [1, 1]))
    with pytest.raises(Exception, match='Weights only load failed'):
        torch.load(file)
    assert mends.allow_mmengine_checkpoints()
    file.seek(0)
    assert torch.load(file).mean() == 1.5


def test_a_second_call_allows_nothing_more(unmended):
    mends.allow_mmengine_checkpoints()
    allowed = set(torch.serialization.get_safe_globals())
    assert not mends.allow_mmengine_checkpoints()
    assert set(torch.serialization.get_safe_globals()) == allowed


def test_a_torch_that_loads_everything_is_left_alone(unmended, monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.5.1+cu121')
    assert not mends.allow_mmengine_checkpoints()
    assert torch.serialization.get_safe_globals() == []


def test_an_mmengine_that_decides_itself_is_left_alone(unmended, monkeypatch):
    def load_from_local(filename, map_location):
        return torch.load(filename, map_location=map_location, weights_only=False)

    monkeypatch.setattr(mmengine.runner.checkpoint, 'load_from_local', load_from_local)
    assert not mends.allow_mmengine_checkpoints()
    assert torch.serialization.get_safe_globals() == []


@needs_strict_torch
def test_the_list_of_the_fork_keeps_only_what_is_not_served_here(unmended, monkeypatch):
    core = np._core if hasattr(np, '_core') else np.core

    def get_torch_safe_globals():
        numpy = [core.multiarray._reconstruct, np.ndarray, np.dtype, core.multiarray.scalar, type(np.dtype('f8'))]
        return [slice, getattr, *numpy, HistoryBuffer]

    def load_from_local(filename, map_location):
        with torch.serialization.safe_globals(mmengine.runner.checkpoint.get_torch_safe_globals()):
            return torch.load(filename, map_location=map_location)

    monkeypatch.setattr(mmengine.runner.checkpoint, 'get_torch_safe_globals', get_torch_safe_globals, raising=False)
    monkeypatch.setattr(mmengine.runner.checkpoint, 'load_from_local', load_from_local)
    assert mends.allow_mmengine_checkpoints()
    mends._narrow_list_of_fork()
    assert mmengine.runner.checkpoint.get_torch_safe_globals() == [slice]
    loaded = mmengine.runner.checkpoint.load_from_local(dump(HistoryBuffer([1.0, 2.0], [1, 1])), 'cpu')
    assert loaded.mean() == 1.5


def test_an_mmengine_that_allows_its_classes_itself_is_left_alone(unmended):
    core = np._core if hasattr(np, '_core') else np.core
    everything = [HistoryBuffer, getattr, np.dtype, np.ndarray, core.multiarray.scalar]
    everything += [type(np.dtype(code)) for code in ('f8', 'i8')]
    everything += [core.multiarray._reconstruct]
    torch.serialization.add_safe_globals(everything)
    assert not mends.allow_mmengine_checkpoints()
    assert set(torch.serialization.get_safe_globals()) == set(everything)


def test_a_function_stays_as_it_is_where_torch_has_no_compiler(monkeypatch):
    monkeypatch.delattr(torch, 'compiler', raising=False)
    assert torch_compat.leave_uncompiled(len) is len


@pytest.mark.uncovered
@needs_compile
@pytest.mark.parametrize('has_lazy_mark', [True, False])
def test_the_compiler_does_not_look_into_a_function_that_is_to_be_left_alone(has_lazy_mark, monkeypatch):
    if not has_lazy_mark:
        monkeypatch.delattr(torch, '_disable_dynamo', raising=False)
    seen = []

    def backend(graph, _inputs):
        seen.extend(node.target for node in graph.graph.nodes)
        return graph.forward

    hidden = torch_compat.leave_uncompiled(lambda x: torch.sin(x))
    compiled = torch.compile(lambda x: hidden(torch.cos(x)), backend=backend)
    torch.testing.assert_close(compiled(torch.ones(2)), torch.sin(torch.cos(torch.ones(2))))
    assert torch.cos in seen
    assert torch.sin not in seen


TRAIN_AND_RESUME = """
import os, torch
torch_load = torch.load
import cdb_video
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.testing.runner_test_case import RunnerTestCase
case = RunnerTestCase()
case.setUp()
cfg = case.epoch_based_cfg
cfg.work_dir = 'run'
cfg.train_dataloader.num_workers = cfg.val_dataloader.num_workers = 0
saving = dict(type='CheckpointHook', interval=1, save_best='acc', rule='greater')
cfg.default_hooks = dict(checkpoint=saving)
for epochs, resume in ((1, False), (2, True)):
    cfg.train_cfg.max_epochs, cfg.resume, cfg.experiment_name = epochs, resume, f'epochs{epochs}'
    runner = Runner.from_cfg(cfg)
    runner.train()
print(runner.epoch, len(runner.message_hub.get_scalar('train/loss').data[0]), runner.iter)
print(runner.message_hub.get_info('best_score', None) is not None)
checkpoint = torch.load('run/epoch_2.pth')
print(type(checkpoint['message_hub']['log_scalars']['train/loss']).__name__)
assert torch.load is torch_load
assert not [name for name in os.environ if 'WEIGHTS_ONLY' in name]
"""


def test_a_real_run_resumes_from_its_checkpoint_with_its_logged_history(tmp_path):
    printed = run_python(TRAIN_AND_RESUME, folder=tmp_path).split()
    epochs, logged, iterations, best, kind = printed[-5:]
    assert best == 'True'
    assert epochs == '2'
    assert logged == iterations  # the history of the first epoch came back with the checkpoint
    assert kind == 'HistoryBuffer'


class Packing:
    """As PackActionInputs of mmaction2 is made."""

    def __init__(self, collect_keys=None, meta_keys=('img_shape',), algorithm_keys=()):
        self.meta_keys = meta_keys
        self.algorithm_keys = algorithm_keys


@pytest.mark.parametrize(
    ('options', 'keys'),
    [
        ({}, ('img_shape', 'frame_dir', 'filename', 'total_frames')),
        ({'meta_keys': ()}, ('frame_dir', 'filename', 'total_frames')),
        ({'meta_keys': ['filename', 'a']}, ('filename', 'a', 'frame_dir', 'total_frames')),
        ({'algorithm_keys': ('total_frames',)}, ('img_shape', 'frame_dir', 'filename')),
    ],
)
def test_names_of_clips_are_kept_beside_the_keys_that_are_asked_for(mmaction_folder, monkeypatch, options, keys):
    module = ModuleType(mmaction_mends.PACKING_MODULE)
    module.PackActionInputs = type('PackActionInputs', (Packing,), {'__init__': Packing.__init__})
    monkeypatch.setitem(sys.modules, mmaction_mends.PACKING_MODULE, module)
    assert mmaction_mends.keep_clip_names()
    assert not mmaction_mends.keep_clip_names()
    assert module.PackActionInputs(**options).meta_keys == keys
    assert Packing(**options).meta_keys == options.get('meta_keys', ('img_shape',))


def test_no_names_are_kept_where_mmaction_is_absent(monkeypatch):
    monkeypatch.setattr(mmaction_mends, '_mmaction_folder', lambda: None)
    assert not mmaction_mends.keep_clip_names()
