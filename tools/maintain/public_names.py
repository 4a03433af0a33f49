"""What cdb_video registers by its public names, for the API pages: `cdb_video.CDBLoss`, wherever it is defined.

The face of cdb_video serves these names when they are asked for, which cannot be read from its source.
"""

from collections.abc import Iterator
from typing import Any

from griffe import Alias, Extension, Module, Object


class PublicNames(Extension):
    """Gives the face of cdb_video every name of the package that is free there and written as those of classes are."""

    def on_package(self, *, pkg: Module, **kwargs: Any) -> None:
        """Add the names, when the sources of a package have been read."""
        if pkg.path != 'cdb_video':
            return
        for found in list(_named_like_classes(pkg)):
            if found.name not in pkg.members:
                pkg.set_member(found.name, Alias(found.name, found))


def _named_like_classes(module: Module) -> Iterator[Object]:
    for inner in module.modules.values():
        if not inner.is_alias:
            made = (*inner.classes.values(), *inner.functions.values())  # a function may be registered as well
            yield from (found for found in made if not found.is_alias and found.name[0].isupper())
            yield from _named_like_classes(inner)
