"""Mends for faults of MMAction2 1.2.0.

Each mend looks for its fault and does nothing where the host is sound; each can be applied again.

* It was published without ``mmaction/models/localizers/drn``, which its own package imports
  (https://github.com/open-mmlab/mmaction2/issues/2714).
* It imports ``importlib_metadata`` without declaring it.
* Its PackActionInputs drops the name of a clip unless `meta_keys` asks for it, so dumps of `mim test` do not say whose
  scores they hold, and reports cannot name the clips that were misclassified.
* Its inferencer knows transforms by name, and loses what a decoder of another name fuses;
  ``inference_recognizer`` reads videos with pipelines of videos alone.
* Its heads turn the scores of a training step into a NumPy array, which has no bfloat16: AmpOptimWrapper with
  ``dtype='bfloat16'`` fails in the first step.

What fails before this package is imported cannot be mended here: ``import mmaction`` refuses mmcv >= 2.2.
``tools/setup_env.sh`` checks for that.
"""

import functools
import importlib.metadata
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from cdb_video.hosts.mmaction.pipelines import composed_by_input, inferencer_steps
from cdb_video.watched_imports import when_imported

DRN_MODULE = 'mmaction.models.localizers.drn'
PACKING_MODULE = 'mmaction.datasets.transforms.formatting'
NAME_KEYS = ('frame_dir', 'filename', 'total_frames')
"""What tells a clip, in the samples of all datasets of MMAction2 and ours."""


def _mmaction_folder() -> Path | None:
    """Return the folder of mmaction without importing it, or None where there is none."""
    loaded = sys.modules.get('mmaction')
    spec = loaded.__spec__ if loaded else importlib.util.find_spec('mmaction')
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def stub_missing_drn() -> bool:
    """Stand in for ``mmaction.models.localizers.drn`` where MMAction2 came without it.

    The folder is looked for on disk: ``find_spec`` of a submodule imports its parents, which is
    the import that fails, and leaves half of MMAction2's classes registered.

    Returns:
        Whether the stub was put in place.
    """
    folder = _mmaction_folder()
    if folder is None or DRN_MODULE in sys.modules:
        return False
    localizers = folder / 'models' / 'localizers'
    if not localizers.is_dir() or (localizers / 'drn').is_dir():
        return False

    package = ModuleType(DRN_MODULE, 'Stand-in for a folder that MMAction2 came without.')
    package.__path__ = []
    module = ModuleType(f'{DRN_MODULE}.drn', 'Stand-in for a file that MMAction2 came without.')
    module.__getattr__ = _make_drn  # type: ignore[method-assign]
    package.drn = module  # type: ignore[attr-defined]
    sys.modules[DRN_MODULE] = package
    sys.modules[f'{DRN_MODULE}.drn'] = module
    return True


def _make_drn(name: str) -> type:
    """Make and register the stand-in for the class, at the moment MMAction2 imports it."""
    if name != 'DRN':
        raise AttributeError(name)
    from mmaction.registry import MODELS

    drn = type(name, (), {'__init__': _refuse_drn, '__module__': f'{DRN_MODULE}.drn'})
    MODELS.register_module(module=drn, force=True)
    return drn


def _refuse_drn(self: object, *args: object, **kwargs: object) -> NoReturn:
    raise NotImplementedError(
        'DRN cannot be built: the installed MMAction2 came without mmaction/models/localizers/drn '
        '(https://github.com/open-mmlab/mmaction2/issues/2714). Install MMAction2 from source to '
        'use DRN.'
    )


def stub_importlib_metadata() -> bool:
    """Let the standard library stand in for an absent ``importlib_metadata``.

    MMAction2 takes ``distribution`` and ``PackageNotFoundError`` from it, and both have the
    standard library's meaning there.

    Returns:
        Whether the standard library's module was put in place.
    """
    name = 'importlib_metadata'
    if name in sys.modules or importlib.util.find_spec(name) or _mmaction_folder() is None:
        return False
    sys.modules[name] = importlib.metadata
    return True


def keep_clip_names() -> bool:
    """Let PackActionInputs hand on the names of clips, whatever `meta_keys` it is given.

    MMAction2 is not imported for it. What is packed for the model stays as it is.

    Returns:
        Whether names would have been dropped.
    """
    return _mmaction_folder() is not None and when_imported(PACKING_MODULE, _keep_names)


def _keep_names(module: ModuleType) -> bool:
    """Add `NAME_KEYS` to the keys of each PackActionInputs that is made; in workers, too, which get it ready-made."""
    packing = module.PackActionInputs
    create = packing.__init__
    if hasattr(create, '__wrapped__'):
        return False

    @functools.wraps(create)
    def create_with_names(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        taken = {*self.meta_keys, *self.algorithm_keys}
        self.meta_keys = (*self.meta_keys, *(key for key in NAME_KEYS if key not in taken))

    packing.__init__ = create_with_names
    return True


def keep_fused_in_inferencer() -> bool:
    """Let ``MMAction2Inferencer`` keep what stands in `fused`, and take one view whatever samples the frames.

    It replaces each transform with 'Decode' in its name by one of its own, before that transform runs, and counts views
    of SampleFrames alone. Configs without a transform of cdb_video are left to it.

    Returns:
        Whether the inferencer has the fault.
    """
    if "'Decode' in" not in _host_text('apis/inferencers/actionrecog_inferencer.py'):
        return False
    when_imported('mmaction.apis.inferencers.actionrecog_inferencer', _mend_inferencer)
    return True


def _mend_inferencer(module: Any) -> bool:
    theirs = module.ActionRecogInferencer._init_pipeline
    if hasattr(theirs, '__wrapped__'):
        return False

    @functools.wraps(theirs)
    def init_pipeline(self: Any, cfg: Any) -> Any:
        steps = inferencer_steps(cfg, self.input_format)
        if steps is None:
            return theirs(self, cfg)
        first = {'type': 'InferencerPackInput', 'input_format': self.input_format, **self.pack_cfg}
        return module.Compose([first, *steps])

    module.ActionRecogInferencer._init_pipeline = init_pipeline
    return True


def read_videos_in_inference() -> bool:
    """Let ``inference_recognizer`` read a video with a config that was trained on packs or frames.

    It gives the path of a video to the config's test pipeline, whatever that reads; the sampler then misses
    'total_frames'.

    Returns:
        Whether ``inference_recognizer`` has the fault.
    """
    if 'Compose(test_pipeline_cfg)' not in _host_text('apis/inference.py'):
        return False
    when_imported('mmaction.apis.inference', _mend_inference)
    return True


def _mend_inference(module: Any) -> bool:
    theirs = module.Compose
    if hasattr(theirs, '__wrapped__'):
        return False

    # Its own name in that module, so that those who have imported the function before have it too.
    @functools.wraps(theirs, updated=())
    def compose(steps: Any) -> Any:
        return composed_by_input(theirs, steps)

    module.Compose = compose
    return True


def take_bfloat16_scores() -> bool:
    """Let the heads take scores in bfloat16: they go on in float32, in which autocast computes a loss anyway.

    Heads with a `loss_by_feat` of their own, such as OmniHead, are left as they are.

    Returns:
        Whether the heads have the fault.
    """
    if 'cls_scores.detach().cpu().numpy()' not in _host_text('models/heads/base.py'):
        return False
    when_imported('mmaction.models.heads.base', _mend_heads)
    return True


def _mend_heads(module: Any) -> bool:
    import torch  # late: mmaction has imported it by now

    theirs = module.BaseHead.loss_by_feat
    if hasattr(theirs, '__wrapped__'):
        return False

    @functools.wraps(theirs)
    def loss_by_feat(self: Any, cls_scores: torch.Tensor, data_samples: Any) -> Any:
        scores = cls_scores.float() if cls_scores.dtype == torch.bfloat16 else cls_scores
        return theirs(self, scores, data_samples)

    module.BaseHead.loss_by_feat = loss_by_feat
    return True


def _host_text(name: str) -> str:
    """A module of MMAction2 as it stands on disk; empty where there is none."""
    folder = _mmaction_folder()
    path = None if folder is None else folder / name
    return path.read_text(encoding='utf-8') if path is not None and path.is_file() else ''
