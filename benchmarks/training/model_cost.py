"""What one clip costs each network: parameters, multiply-adds and memory that the backward pass needs.

Counted, not timed: the networks of the configs run on tensors without content, so neither a GPU nor data is needed.

    python benchmarks/training/model_cost.py configs/egtea/slowfast_ce.py configs/egtea/i3d_ce.py configs/egtea/reference_ce.py

Multiply-adds are those of convolutions and linear layers, as in the zoos' "FLOPs"; the memory is that of the
tensors which autograd keeps, in float32, each storage once, without the parameters.
"""

import argparse

import torch
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import cdb_video  # noqa: F401  (mends the hosts before mmaction is imported)


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
    """Frames and pixels a side of a training clip, read from the pipeline."""
    steps = config.train_dataloader.dataset.pipeline
    frames = next(step.clip_len for step in steps if 'clip_len' in step)
    size = [step.scale for step in steps if step.type == 'Resize'][-1][0]
    return frames, size


def main() -> None:
    """Print a Markdown table."""
    from mmaction.utils import register_all_modules

    parser = argparse.ArgumentParser(description='Count what one clip costs each network.')
    parser.add_argument('configs', nargs='+')
    args = parser.parse_args()
    register_all_modules(init_default_scope=True)
    print('| config | clip | parameters (M) | forward (GMAC) | kept for backward (GB, float32) |')
    print('|---|---|---|---|---|')
    for path in args.configs:
        config = Config.fromfile(path)
        frames, size = clip_shape(config)
        found = cost(config, frames, size)
        numbers = f'{found["parameters"]:.1f} | {found["gmac"]:.1f} | {found["kept_gb"]:.2f}'
        print(f'| {path} | {frames} x {size} x {size} | {numbers} |')


if __name__ == '__main__':
    main()
