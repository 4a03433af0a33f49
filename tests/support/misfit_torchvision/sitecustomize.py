"""For tests only: lets a torchvision be imported whose compiled part does not fit this torch.

Such a pair, a build for CUDA beside a torch for CPUs for instance, fails at `import torchvision`, since that registers
fake kernels for two operators which its compiled part would have declared. Once they are declared, its Python part
imports and works: mmpretrain needs the transforms alone. `torchvision.ops.nms` still refuses, and says why. A
torchvision that fits is left as it is.

With the folder of this file on PYTHONPATH every Python that is started acts so, and imports nothing until torchvision
is asked for.
"""

import importlib.machinery
import sys

OPERATORS = ('nms', 'qnms')
"""The operators of torchvision that its import asks for, all of one schema."""
SCHEMA = '(Tensor dets, Tensor scores, float iou_threshold) -> Tensor'
_libraries = []  # kept: letting go of one removes its operators


def declare_operators():
    """Declare what an unfit torchvision lacks; whether there was anything to declare."""
    import torch

    if not _libraries and not _loads_its_compiled_part(torch):
        _libraries.append(torch.library.Library('torchvision', 'FRAGMENT'))
        for name in OPERATORS:
            if not hasattr(torch.ops.torchvision, name):  # another copy of this module was there first
                _libraries[0].define(f'{name}{SCHEMA}')
    return bool(_libraries)


def _loads_its_compiled_part(torch):
    """Whether torchvision has its operators; asked of the file, as its package cannot be imported yet."""
    package = importlib.machinery.PathFinder.find_spec('torchvision')
    file = importlib.machinery.PathFinder.find_spec('_C', package.submodule_search_locations)
    if file is None:
        return False
    try:
        torch.ops.load_library(file.origin)
    except OSError:  # a library that it is linked to is missing, or has other symbols
        return False
    return hasattr(torch.ops.torchvision, OPERATORS[0])


class _BeforeTorchvision:
    """Stands before the finders of modules, finds none, and acts when torchvision is looked for."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == 'torchvision':
            sys.meta_path.remove(cls)
            if importlib.machinery.PathFinder.find_spec(name) is not None:
                declare_operators()


if 'torchvision' not in sys.modules:
    sys.meta_path.insert(0, _BeforeTorchvision)
