"""The cost of a clip to networks: parameters, multiply-adds and memory that the backward pass needs.

    python -m benchmarks.training.model_cost [CONFIG ...]

Counted, not timed: the networks of the configs run on tensors without content, so neither a GPU nor data is needed.
Without names: SlowFast, I3D and the reference recipe of configs/egtea.

Multiply-adds are those of convolutions and linear layers, as in the zoos' "FLOPs"; the memory is that of the
tensors which autograd keeps, in float32, each storage once, without the parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)
from benchmarks.harness.results import (
    REPOSITORY,
    add_common_arguments,
    command_parser,
    markdown_table,
    write_results,
)

CONFIGS = ('slowfast_ce', 'i3d_ce', 'reference_ce')


def cost(config: Config, frames: int, size: int) -> dict[str, float]:
    """Cost of one clip of (3, frames, size, size).

    Returns:
        'parameters' in millions, 'gmac' = 1e9 multiply-adds forward, 'kept_gb' = 1e9 bytes kept for backward.
    """
    from mmaction.registry import MODELS

    with torch.device('meta'):
        model = MODELS.build(config.model).train()
        clip = torch.empty(1, 3, frames, size, size)
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.setdefault(tensor.untyped_storage()._cdata, tensor)
        return tensor

    counter = FlopCounterMode(display=False)
    with counter, torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        scores = model.cls_head(model.backbone(clip))
        scores.sum()
    kept_bytes = sum(tensor.untyped_storage().nbytes() for key, tensor in kept.items() if key not in own)
    return {
        'parameters': sum(parameter.numel() for parameter in model.parameters()) / 1e6,
        'gmac': counter.get_total_flops() / 2e9,
        'kept_gb': kept_bytes / 1e9,
    }


def clip_shape(config: Config) -> tuple[int, int]:
    """Frames and pixels a side of a training clip, read from the pipeline; a decoder may do steps by itself."""
    steps = [step for one in config.train_dataloader.dataset.pipeline for step in [one, *(one.get('fused') or ())]]
    frames = next(step.clip_len for step in steps if 'clip_len' in step)
    size = [step.scale for step in steps if step.type == 'Resize'][-1][0]
    return frames, size


def table(found: dict[str, dict[str, float]]) -> str:
    """A row a config."""
    rows = [
        [
            path,
            f'{one["frames"]} x {one["size"]} x {one["size"]}',
            f'{one["parameters"]:.1f}',
            f'{one["gmac"]:.1f}',
            f'{one["kept_gb"]:.2f}',
        ]
        for path, one in found.items()
    ]
    header = ['config', 'clip', 'parameters (M)', 'forward (GMAC)', 'kept for backward (GB, float32)']
    return markdown_table(header, rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see the module docstring."""
    parser = command_parser(__spec__, __doc__)
    parser.add_argument('configs', nargs='*', default=[f'configs/egtea/{name}.py' for name in CONFIGS])
    add_common_arguments(parser)
    args = parser.parse_args(argv)
    from mmaction.utils import register_all_modules  # late: --help need not wait for it

    register_all_modules(init_default_scope=True)
    found = {}
    for path in args.configs:
        config = Config.fromfile(REPOSITORY / path)
        frames, size = clip_shape(config)
        found[path] = {'frames': frames, 'size': size, **cost(config, frames, size)}
    write_results('model_cost', args, f'# The cost of a clip to networks\n\n{table(found)}', found)
    return 0


if __name__ == '__main__':
    sys.exit(main())
