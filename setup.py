"""What pyproject.toml cannot say: a wheel takes configs, model index and data preparation into `cdb_video/.mim`.

There OpenMMLab's tools, `mim` and mmengine, look for those of a package. `cdb_video_files.configs.shipped` knows both
places, so that an installation that is editable needs no copy.
"""

import atexit
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ('model-index.yml', 'configs/**/*.yml', 'configs/**/*.py', 'data_prep/**/*.py')


class BuildWithShippedFiles(build_py):
    """Builds the packages, with the shipped files as data of `cdb_video`: for wheels, and for source distributions."""

    def _get_data_files(self) -> list[tuple[str, str, str, list[str]]]:
        """Package, folder of the source, folder of the build and files, for every package; what a wheel has."""
        return [*super()._get_data_files(), self._shipped()]

    def get_data_files_without_manifest(self) -> list[tuple[str, str, str, list[str]]]:
        """The same, as the list of a source distribution is made from it."""
        return [*super().get_data_files_without_manifest(), self._shipped()]

    def _shipped(self) -> tuple[str, str, str, list[str]]:
        files = sorted(path.as_posix() for pattern in SHIPPED for path in Path().glob(pattern))
        return 'cdb_video', '', f'{self.build_lib}/cdb_video/.mim', files


def options() -> dict[str, dict[str, Any]]:
    """Build outside of the tree: nothing is left there, and nothing old that lies there gets into a wheel."""
    folder = tempfile.mkdtemp(prefix='cdb_video_build_')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    is_sdist = 'sdist' in sys.argv  # its list of files must be of the tree
    return {'build': {'build_base': folder}} | ({} if is_sdist else {'egg_info': {'egg_base': folder}})


setup(cmdclass={'build_py': BuildWithShippedFiles}, options=options())
