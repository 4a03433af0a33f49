"""MMAction2: its datasets, frame sampling and decoding, with what cdb_video adds."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from cdb_video.difficulty.formulas import IntVector
from cdb_video.hosts.host import Host

_PACKAGE = 'hosts.mmaction'


class MMAction(Host):
    """MMAction2; where it cannot be imported, stand-ins are registered in place of the classes."""

    name = 'mmaction2'
    package = 'mmaction'
    remedy = 'Install mmaction2 1.2.0 with mmcv >= 2.0, < 2.2'
    classes: Mapping[str, tuple[str, str]] = {
        'ClipFrames': (f'{_PACKAGE}.clip_frames', 'TRANSFORMS'),
        'FrameListDataset': (f'{_PACKAGE}.datasets', 'DATASETS'),
        'VideoListDataset': (f'{_PACKAGE}.datasets', 'DATASETS'),
        'PackDecode': (f'{_PACKAGE}.decode', 'TRANSFORMS'),
        'VideoInit': (f'{_PACKAGE}.decode', 'TRANSFORMS'),
        'VideoDecode': (f'{_PACKAGE}.decode', 'TRANSFORMS'),
    }

    def mends(self) -> list[str]:
        """Stand in for what MMAction2 1.2.0 came without; keep names of clips; mend its tools and its heads."""
        from cdb_video.hosts.mmaction import mends

        all_mends = (
            mends.stub_missing_drn,
            mends.stub_importlib_metadata,
            mends.keep_clip_names,
            mends.keep_fused_in_inferencer,
            mends.read_videos_in_inference,
            mends.take_bfloat16_scores,
        )
        return [mend.__name__ for mend in all_mends if mend()]

    def refuse(self, model: Any, train_set: Any, val_set: Any) -> None:
        """Refuse several views of a clip where its heads give them no label, or no common score; and mistaken steps."""
        from cdb_video.hosts.mmaction import refusals

        refusals.refuse_training_views(model, train_set)
        for dataset in (train_set, val_set):
            refusals.refuse_mistaken_steps(model, dataset)
        if val_set is not None:
            refusals.refuse_unaveraged_views(model)

    def refuse_scores(self, model: Any) -> None:
        """Refuse heads that average scores."""
        from cdb_video.hosts.mmaction import refusals

        refusals.refuse_scores(model)

    def results_of(self, metric: Any, *, has_one_score: bool) -> Mapping[str, Any] | None:
        """The results of AccMetric and ConfusionMatrix."""
        if 'mmaction.evaluation' not in sys.modules:  # then it is none of them
            return None
        from cdb_video.hosts.mmaction.evaluation import results_of

        return results_of(metric, has_one_score=has_one_score)

    def labels(self, dataset: Any) -> IntVector | None:
        """The labels in the entries that RawframeDataset and VideoDataset keep; both leave them as they are."""
        theirs = sys.modules.get('mmaction.datasets')
        if theirs is None:  # then it is none of them
            return None
        from cdb_video.data.labels import gives_what_it_keeps, kept_labels

        known = gives_what_it_keeps(dataset, theirs.RawframeDataset, theirs.VideoDataset)
        return kept_labels(dataset) if known else None

    def sample_path(self, info: Mapping[str, Any]) -> str | None:
        """The video, or the folder of frames."""
        return info.get('filename', info.get('frame_dir'))


HOST = MMAction()
