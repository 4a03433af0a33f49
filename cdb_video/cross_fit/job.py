"""A cross-fit from its config to the scores of all clips; whatever is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from cdb_video.cross_fit.clips import ListedClips, build_dataset, names_in, read_training_clips
from cdb_video.cross_fit.configs import (
    check_config,
    fold_config,
    remarks_on_schedules,
    trained_length,
    words_of,
)
from cdb_video.cross_fit.division.groups import clip_groups
from cdb_video.cross_fit.division.plan import PLAN_NAME, Plan, make_plan, read_plan, training_settings, write_plan
from cdb_video.cross_fit.folder import FoldFiles
from cdb_video.cross_fit.objects.images import ListedImages, read_training_images
from cdb_video.cross_fit.objects.results import ScoredObjects, check_object_dump
from cdb_video.cross_fit.objects.scoring import check_scored_image
from cdb_video.cross_fit.results import AnyScored, Scored, check_dump, check_nothing_seen
from cdb_video.cross_fit.weights import check_weights, read_checkpoint
from cdb_video.host_words import samples
from cdb_video.launch.commands import newest_checkpoint
from cdb_video.launch.config import import_plugin
from cdb_video.launch.settings import plain_config
from cdb_video.launch.steps import Runner, Step
from cdb_video.run.checkpoint_entry import CheckpointEntry
from cdb_video.run.clip_lists import ClipList
from cdb_video.run.fingerprints import digest_of
from cdb_video_files.atomic import temporary_name, write_atomically
from cdb_video_files.video.errors import ClipError

_ANEW = 'name another folder by --work-dir, or remove this one'


@dataclass(frozen=True)
class Division:
    """How the clips are divided and trained on.

    Attributes:
        num_folds: K >= 2.
        group: 'session', 'subject' or a file; None = by clips.
        seed: Of the division and of the trainings.
        processes: Of each training.
    """

    num_folds: int
    group: str | None
    seed: int
    processes: int


@dataclass(frozen=True, eq=False)
class Job:
    """A cross-fit that can begin.

    Attributes:
        config: Of the training.
        clips: The training list, or the images of a detector.
        plan: What is to be done.
        folder: Where all files go.
    """

    config: Config
    clips: ListedClips | ListedImages
    plan: Plan
    folder: Path

    @classmethod
    def of(cls, config: Config, name: str, folder: Path, division: Division) -> Job:
        """Check a config, read its list and divide the clips; nothing is written.

        Args:
            config: Of a training; unchanged.
            name: How the user calls it.
            folder: Where all files will go.
            division: How the clips are divided.

        Raises:
            ValueError: If the config cannot be cross-fitted, or the clips not be divided so.
            FileNotFoundError: If a file is missing.
        """
        config = plain_config(config)
        import_plugin(config)
        check_config(config, name)
        clips = read_training_images(config) if words_of(config).has_objects else read_training_clips(config)
        groups = None if division.group is None else clip_groups(clips.names, clips.listed, division.group, clips.path)
        # The lists and the seed are compared as such.
        settings = training_settings(fold_config(config, 'train', 'scored', 0))
        plan = make_plan(
            clips,
            settings | {'classes': digest_of(clips.class_names)},
            num_folds=division.num_folds,
            group=division.group,
            groups=groups,
            seed=division.seed,
            processes=division.processes,
        )
        return cls(config, clips, plan, folder)

    @property
    def files(self) -> list[FoldFiles]:
        """The files of every fold."""
        return [FoldFiles(self.folder, number + 1, self.clips.ending) for number in range(self.plan.num_folds)]

    def begin(self) -> list[str]:
        """Write plan, lists and configs, and see that the trainings and scorings can begin or go on.

        Returns:
            Sentences on what was found in the folder, and on what the user must know of the trainings.

        Raises:
            ValueError: If the folder holds another cross-fit, the trainings would start from weights that have seen the
                clips, or a part of the list cannot be read or scored.
        """
        found = self._check_folder()
        remarks = [*([] if found is None else [found]), *self.clips.remarks, *remarks_on_schedules(self.config)]
        remarks += check_weights(self.config, self.clips)
        write_plan(self.plan, self.folder)
        parts: dict[Path, list[int]] = {}
        for number, files in self._numbered:
            parts |= {files.train_list: self._places(number, scored=False), files.scored_list: self._places(number)}
        self.clips.write_parts(parts)
        for number, files in self._numbered:
            made = self._config(files)
            files.config.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(files.config, made.pretty_text.encode())
            for loader, path in (('train', files.train_list), ('test', files.scored_list)):
                dataset = build_dataset(made, made[f'{loader}_dataloader']['dataset'])
                self.clips.check_part(parts[path], dataset)
                if loader == 'test' and number == 0:
                    self._check_first(dataset, made)
        return remarks

    def steps(self, say: Callable[[str], None]) -> list[Callable[[Runner], None]]:
        """For every fold what trains its model and scores its clips; see `run_all`.

        Args:
            say: Tells the user what begins.
        """
        made = [self._config(files) for files in self.files]
        listed = [ClipList.of(build_dataset(one, one.train_dataloader['dataset'])) for one in made]
        return [partial(self._do, number, listed[number], say) for number in range(self.plan.num_folds)]

    def collect(self) -> AnyScored:
        """The scores of all folds, checked.

        Raises:
            ValueError: If a dump or a list is not what it was.
        """
        scored_parts = self._joined()
        trained: list[Sequence[str]] = []
        scored: list[Sequence[str]] = []
        for _, files in self._numbered:
            made = self._config(files)
            for loader, names in (('train', trained), ('test', scored)):
                dataset = build_dataset(made, made[f'{loader}_dataloader']['dataset'])
                names.append(names_in(dataset))
        check_nothing_seen(self.plan, trained, scored)
        return scored_parts

    def _joined(self) -> AnyScored:
        """What all folds scored, each dump checked."""
        clips, folds = self.clips, self.plan.folds
        if isinstance(clips, ListedImages):
            found = [check_object_dump(one.dump, clips, self._places(n), one.scored_list) for n, one in self._numbered]
            return ScoredObjects.joined(clips, folds, found)
        dumps = [check_dump(files.dump, clips, self._places(n), files.scored_list) for n, files in self._numbered]
        return Scored.joined(clips, folds, dumps)

    def _check_dump(self, path: Path, places: list[int], files: FoldFiles) -> None:
        if isinstance(self.clips, ListedImages):
            check_object_dump(path, self.clips, places, files.scored_list)
        else:
            check_dump(path, self.clips, places, files.scored_list)

    def _check_first(self, dataset: Any, config: Config) -> None:
        """Read a sample as it will be scored: a step that fails would end the scoring, after the training."""
        sample = _first_of(dataset)
        if isinstance(self.clips, ListedImages):
            check_scored_image(dataset, sample, config)

    @property
    def _numbered(self) -> list[tuple[int, FoldFiles]]:
        return list(enumerate(self.files))

    def _places(self, fold: int, scored: bool = True) -> list[int]:
        """Where the clips that a fold scores, or that its model is trained on, stand in the list."""
        chosen = self.plan.folds == fold
        places: list[int] = np.flatnonzero(chosen if scored else ~chosen).tolist()
        return places

    def _config(self, files: FoldFiles) -> Config:
        trained, scored = (str(path.absolute()) for path in (files.train_list, files.scored_list))
        return fold_config(self.config, trained, scored, self.plan.seed)

    def _check_folder(self) -> str | None:
        path = self.folder / PLAN_NAME
        if not path.exists():
            ours = ('.lock', temporary_name(path).name)  # the second where the first plan was being written
            others = [one.name for one in self.folder.iterdir() if one.name not in ours]
            if others:
                raise ValueError(f'{self.folder} holds other files ({others[0]}, ...) and no {PLAN_NAME}: {_ANEW}')
            return None
        differences = self.plan.differences(earlier := read_plan(path))
        begun = any(FoldFiles(self.folder, fold + 1).is_begun for fold in range(earlier.num_folds))
        if not differences:
            return f'going on with {self.folder}'
        if begun:
            raise ValueError(
                f'{self.folder} holds a cross-fit that differs in {"; ".join(differences)}: {_ANEW}, or give the '
                'command that began it'
            )
        return f'{self.folder} held a cross-fit that had trained nothing yet; it begins anew'

    def _do(self, number: int, listed: ClipList, say: Callable[[str], None], runner: Runner) -> None:
        files = self.files[number]
        places, name = self._places(number), f'fold {number + 1} of {self.plan.num_folds}'
        if files.dump.exists():
            self._check_dump(files.dump, places, files)
            say(f'{name}: done already')
            return
        if self._trained(files) is None:
            begins = f'{name}: training on {len(self.clips) - len(places)} {samples()}'
            words = ['train', str(files.config), '--work-dir', str(files.work_dir), '--resume']
            runner.run(Step(f'the training of {name}', begins, words, files.output, say))
        checkpoint = self._trained(files)
        if checkpoint is None:
            raise ValueError(
                f'{name}: the training has ended, and left no checkpoint of its end in {files.work_dir}: let '
                'default_hooks.checkpoint save one, and give the same command again'
            )
        self._check_trained_on(checkpoint, listed, files)
        words = ['test', str(files.config), checkpoint, '--work-dir', str(files.work_dir)]
        words += ['--dump', str(files.unfinished_dump)]
        begins = f'{name}: scoring {len(places)} {samples()}'
        runner.run(Step(f'the scoring of {name}', begins, words, files.output, say))
        self._check_dump(files.unfinished_dump, places, files)
        files.unfinished_dump.replace(files.dump)

    def _trained(self, files: FoldFiles) -> str | None:
        """The checkpoint of the end of the training; None = there is none yet."""
        newest = newest_checkpoint(files.work_dir)
        unit, end = trained_length(self.config)
        return newest if newest is not None and getattr(_entry_of(newest), unit) == end else None

    def _check_trained_on(self, checkpoint: str, listed: ClipList, files: FoldFiles) -> None:
        """See that a model was trained on the list of its fold, by what its checkpoint says."""
        if _entry_of(checkpoint).lists.get('train') != listed:
            raise ValueError(
                f'{checkpoint} was not trained on {files.train_list}: the folder holds files of another cross-fit; '
                f'{_ANEW}'
            )


def _entry_of(checkpoint: str) -> CheckpointEntry:
    return CheckpointEntry.of(read_checkpoint(checkpoint))


def _first_of(dataset: Any) -> Any:
    try:
        return dataset[0]
    except ClipError:  # it says which file, and what to do
        raise
    except Exception as error:
        raise ValueError(
            f'the {samples()} of a fold could not be scored: {type(error).__name__}: {error}. Mend the pipeline of '
            'test_dataloader.dataset, which must read what train_dataloader.dataset lists'
        ) from error
