"""The train and test commands of the hosts for `cdb-video` and tools/: their options, on GPUs and, with gloo, on CPUs.

The scope of a config says whose commands these are: MMAction2's, mmpretrain's for images, or mmdet's for detectors.
``mim train`` and ``mim test`` run the hosts' own commands. With ``--launcher pytorch`` these end in
``torch.cuda.set_device`` on a machine without GPU, and they take ``--resume`` at its word where there is
nothing to resume. Here the host's command line and merging of options are used as they are, and what it
lacks is done before the Runner is built.
"""

from __future__ import annotations

import atexit
import datetime
import importlib.util
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from mmengine import dump
from mmengine.config import Config
from mmengine.dist import init_dist, is_distributed, is_main_process
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.utils.dl_utils import set_multi_processing
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from cdb_video.classifier.two_stage import FIRST_STAGE
from cdb_video.launch.config import (
    check_lengths,
    check_work_dir,
    import_plugin,
    merge_arguments,
    parse_arguments,
    read_config,
)
from cdb_video.launch.detection import finish_detection_config
from cdb_video.launch.failure_note import leaves_note
from cdb_video.launch.scope import DETECTION_SCOPE, IMAGES_SCOPE, VIDEO_SCOPE, finish_image_config, named_scope
from cdb_video.processes import check_all_see, from_main, together
from cdb_video_files.checkpoint_files import check_checkpoint_file
from cdb_video_files.noted_paths import lies_in, namesake_in

_HOSTS = {
    VIDEO_SCOPE: ('mmaction2 1.2.0', 'mmaction'),
    IMAGES_SCOPE: ('mmpretrain 1.2.0', 'images'),
    DETECTION_SCOPE: ('mmdet 3.3.0', 'detection'),
}
"""Scope and package of a host -> its distribution, and our extra that brings it."""
_FINISH = {IMAGES_SCOPE: finish_image_config, DETECTION_SCOPE: finish_detection_config}
_NAME_ONE = 'Name a checkpoint that is there'
_MOST_NAMED = 5


@leaves_note
def train() -> None:
    """Train the config of the command line, which is that of the tools/train.py of its host.

    ``--resume`` without a path goes on from the newest checkpoint of the work directory; where there is
    none yet, training starts, and the pretrained weights of `load_from` are kept: mmengine drops them.
    """
    scope = named_scope()
    host = _host_tool('train', scope)
    args = parse_arguments(host, 'train' if scope in _FINISH else None)
    # The work directory is known once all is merged.
    find_newest = args.resume == 'auto'
    if find_newest:
        args.resume = None
    config = merge_arguments(host, read_config(args.config), args)
    if scope in _FINISH:
        _FINISH[scope](config, args)
    check_lengths(config)
    check_work_dir(config.work_dir)
    import_plugin(config)
    prepare_processes(config, args.launcher)
    if find_newest or (config.get('resume') and config.get('load_from') is None):
        resume_newest(config)
    if config.get('resume'):
        _check_checkpoint(config.get('load_from'), '--resume')
    else:
        is_second = any(hook.get('type') == 'SecondStageHook' for hook in config.get('custom_hooks') or ())
        _check_checkpoint(config.get('load_from'), 'load_from', FIRST_STAGE if is_second else _NAME_ONE)
    _build(config).train()


def resume_newest(config: Config) -> None:
    """Set the config to go on from the newest checkpoint of its work directory, if there is one.

    The main process looks for it, and all take the same.
    """
    newest = from_main(lambda: newest_checkpoint(Path(config.work_dir)))
    config.resume = newest is not None
    if newest is not None:
        config.load_from = newest
    elif is_main_process():
        print_log(f'--resume: there is no checkpoint in {config.work_dir} yet, so training starts', logger='current')


@leaves_note
def test() -> None:
    """Test the config and checkpoint of the command line, which is that of the tools/test.py of its host."""
    scope = named_scope()
    host = _host_tool('test', scope)
    args = parse_arguments(host, 'test' if scope in _FINISH else None)
    config = merge_arguments(host, read_config(args.config), args)
    if args.cfg_options is not None:
        config.merge_from_dict(args.cfg_options)
    if scope in _FINISH:
        _FINISH[scope](config, args)
    config.work_dir = args.work_dir or config.get('work_dir') or f'./work_dirs/{Path(args.config).stem}'
    check_work_dir(config.work_dir)
    config.launcher = args.launcher
    config.load_from = args.checkpoint
    import_plugin(config)
    prepare_processes(config, args.launcher)
    _check_checkpoint(config.load_from, 'checkpoint')
    if is_distributed():
        _collect_dumps_without_a_folder(config)
    results = _build(config).test()
    if getattr(args, 'out_item', None) == 'metrics' and is_main_process():
        dump(results, args.out)


def _check_checkpoint(path: str | None, purpose: str, remedy: str = _NAME_ONE) -> None:
    """See that a checkpoint is there in every process, and is one, as far as its beginning and end tell."""
    check_all_see(path, purpose, f'{remedy}{_beside(path)}')
    if path is not None:
        together(lambda: check_checkpoint_file(path, purpose))


def _beside(path: str | None) -> str:
    """The checkpoints in the folder of one that is not there, to choose from; '' = none are."""
    found = [] if path is None or '://' in path else sorted(Path(path).expanduser().parent.glob('*.pth'))
    more = f' and {len(found) - _MOST_NAMED} more' if len(found) > _MOST_NAMED else ''
    return (
        f': in {found[0].parent} there are {", ".join(one.name for one in found[:_MOST_NAMED])}{more}' if found else ''
    )


def prepare_processes(config: Config, launcher: str) -> None:
    """Start the group of processes, as the Runner would, and with gloo where there is no GPU.

    So that the processes can agree on what to resume from before the Runner is built; the Runner uses the group.

    Args:
        config: Without a GPU its model_wrapper_cfg is set to one without devices, unless it has one.
        launcher: 'none', 'pytorch' or 'slurm'; of 'mpi' on CPUs there is no support.

    Raises:
        ValueError: If the launcher cannot be served without a GPU.
        RuntimeError: If the environment variables of the launcher are missing.
    """
    if launcher == 'none' or is_distributed():
        return
    if torch.cuda.is_available():
        # The strategy of another runner may start the group in a way of its own.
        if 'runner_type' not in config:
            env = config.get('env_cfg', {})
            # Before init_dist, which would choose another way to start the workers of the loaders.
            set_multi_processing(**env.get('mp_cfg', {}), distributed=True)
            init_dist(launcher, **env.get('dist_cfg', {}), **_store_after_restart())
        return
    if launcher == 'slurm':
        _take_names_from_slurm()
    elif launcher != 'pytorch':
        raise ValueError(f'--launcher {launcher}: without a GPU it must be none, pytorch or slurm')
    missing = [
        name for name in ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT') if name not in os.environ
    ]
    if missing:
        raise RuntimeError(
            f'--launcher {launcher}: the environment lacks {", ".join(missing)}; start with tools/dist_train.sh, '
            'tools/dist_test.sh or torchrun'
        )
    seconds = config.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    options = _store_after_restart()
    if seconds is not None:
        options['timeout'] = datetime.timedelta(seconds=seconds)
    torch.distributed.init_process_group('gloo', **options)
    if config.get('model_wrapper_cfg') is None:
        config.model_wrapper_cfg = {
            'type': 'MMDistributedDataParallel',
            'device_ids': None,
            'broadcast_buffers': False,
            'find_unused_parameters': config.get('find_unused_parameters', False),
        }


def end_process() -> None:
    """End a process of several that has done its work; one that is alone returns.

    The threads of gloo go on while the interpreter and the C++ objects are taken down, and now and then abort such a
    process, and torchrun then counts all of the work as failed. So a process of a gloo group ends at once, after
    threads that are no daemons and what was registered to be done at the end. Other groups are left in order.
    """
    if not torch.distributed.is_initialized():
        return
    if torch.distributed.get_backend() != 'gloo':
        torch.distributed.destroy_process_group()
        return
    # As the interpreter begins its own end. To join the threads would not do: those of an executor wait for this call.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def _store_after_restart() -> dict[str, Any]:
    """Where the processes find each other after torchrun has restarted them; nothing at the first start.

    torchrun keeps its store over restarts, and with it the addresses of the processes that are gone: whoever is
    early would take these. So each restart gets a part of the store of its own.
    """
    restart = int(os.environ.get('TORCHELASTIC_RESTART_COUNT', '0'))
    if restart == 0 or os.environ.get('TORCHELASTIC_USE_AGENT_STORE') != 'True':
        return {}
    store, rank, world_size = next(rendezvous('env://'))
    return {'store': PrefixStore(f'restart_{restart}', store), 'rank': rank, 'world_size': world_size}


def _collect_dumps_without_a_folder(config: Config) -> None:
    """Let dumped predictions go through the process group: by default they need a folder that all machines share."""
    metrics = config.get('test_evaluator')
    for metric in metrics if isinstance(metrics, list | tuple) else [metrics]:
        if isinstance(metric, dict) and metric.get('type') == 'DumpResults' and metric.get('collect_dir') is None:
            metric['collect_device'] = 'gpu'  # means the process group, gloo's too


def _take_names_from_slurm() -> None:
    """Translate Slurm's names for processes into torch's, as mmengine does for GPUs."""
    for theirs, ours in (('SLURM_PROCID', 'RANK'), ('SLURM_NTASKS', 'WORLD_SIZE'), ('SLURM_LOCALID', 'LOCAL_RANK')):
        if theirs not in os.environ:
            raise RuntimeError(f'--launcher slurm: the environment lacks {theirs}; start with srun')
        os.environ[ours] = os.environ[theirs]
    os.environ.setdefault('MASTER_PORT', '29500')
    if 'MASTER_ADDR' not in os.environ:
        command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
        hosts = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        os.environ['MASTER_ADDR'] = hosts[0]


def newest_checkpoint(work_dir: Path) -> str | None:
    """What to resume from: the file that ``last_checkpoint`` names, else the last of epoch_*.pth or iter_*.pth.

    mmengine writes ``last_checkpoint`` in place, so a kill can leave it empty. It names a whole path. The folder's own
    file of that name is taken instead if the named one is gone, or lies in another work directory, which has a
    ``last_checkpoint`` of its own: then this folder was moved or copied. What lies elsewhere, as by `out_dir`, holds.
    """
    note = work_dir / 'last_checkpoint'
    if note.is_file():
        named = note.read_text(encoding='utf-8').strip()
        if not lies_in(named, [work_dir]) and not _is_kept_elsewhere(Path(named)):
            named = namesake_in(named, [work_dir]) or named
        # A checkpoint can be a folder (DeepSpeed's), but not any: a note that was cut off may name one above it.
        whole = Path(named).is_file() or (Path(named).is_dir() and Path(named).name.startswith(('epoch_', 'iter_')))
        if named and whole:
            return named
    for kind in ('epoch', 'iter'):
        numbers = [int(n) for path in work_dir.glob(f'{kind}_*.pth') if (n := path.stem.split('_')[1]).isdecimal()]
        if numbers:
            return str(work_dir / f'{kind}_{max(numbers)}.pth')
    return None


def _is_kept_elsewhere(path: Path) -> bool:
    """Whether a file is there, and in no work directory."""
    return path.exists() and not (path.parent / 'last_checkpoint').is_file()


def _host_tool(name: str, scope: str) -> ModuleType:
    """The command `name` of the host with that scope, as it lies in the installed package for mim."""
    host, extra = _HOSTS[scope]
    spec = importlib.util.find_spec(scope)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{host.split()[0]} is not installed: pip install 'cdb-video[{extra}]'")
    path = Path(next(iter(spec.submodule_search_locations)), '.mim', 'tools', f'{name}.py')
    tool_spec = importlib.util.spec_from_file_location(f'{scope}_tool_{name}', path)
    if tool_spec is None or tool_spec.loader is None or not path.is_file():
        raise ImportError(f'{path} is missing: install {host} from a wheel, or with `mim install`')
    module = importlib.util.module_from_spec(tool_spec)
    tool_spec.loader.exec_module(module)
    return module


def _build(config: Config) -> Any:
    """The Runner, or what `runner_type` names."""
    if 'runner_type' not in config:
        return Runner.from_cfg(config)
    from mmengine.registry import RUNNERS

    return RUNNERS.build(config)
