"""The parts of all estimators: parameters stored as they are, pickles, clones in searches."""

from __future__ import annotations

from inspect import signature
from typing import Any

from sklearn.base import BaseEstimator

from .searches import search_here


class Stored(BaseEstimator):
    """The base of estimators whose constructors only store their arguments."""

    _search: str | None

    def _store(self, parameters: dict[str, Any]) -> None:
        """Store the arguments of the constructor as they are."""
        others = ("self", "__class__")
        self.__dict__.update({name: v for name, v in parameters.items() if name not in others})

    def __setstate__(self, state: dict[str, Any]) -> None:
        defaults = signature(type(self).__init__).parameters.values()  # new ones, in an old pickle
        super().__setstate__(
            {one.name: one.default for one in defaults if one.default is not one.empty} | state
        )

    def __sklearn_clone__(self) -> Any:
        clone = super().__sklearn_clone__()
        search = search_here() or getattr(self, "_search", None)
        if search is not None:  # this one too, which a search may clone again
            self._search = clone._search = search
        return clone
