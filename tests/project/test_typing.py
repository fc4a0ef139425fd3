"""The types of the public interface: complete and correct."""

import inspect
import runpy
import typing

import pytest
from paths import HELPERS

import fastnn
from fastnn.train_options import Options

OWN = [value for name, value in vars(fastnn).items() if name in fastnn.__all__ and callable(value)]


def test_what_a_typed_program_is_told_is_true(tmp_path, monkeypatch):
    """`tests/project/test_wheel.py` checks it by mypy; here it runs, and its claims are tried."""
    claims = []

    def claim(value, kind):
        claims.append(kind)
        assert isinstance(value, list if typing.get_origin(kind) is list else kind)
        return value

    monkeypatch.setattr(typing, "assert_type", claim)
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(HELPERS / "typed_user.py"), run_name="__main__")
    assert len(claims) > 30


def test_options_are_the_arguments_of_train_many():
    """All but the data and what decides the type of the result, with the same types."""
    arguments = inspect.signature(fastnn.train_many).parameters
    kinds = {name: argument.annotation for name, argument in arguments.items()}
    for name in ("net", "X", "y", "keep", "out"):
        del kinds[name]
    assert {name: kind.__forward_arg__ for name, kind in Options.__annotations__.items()} == kinds


@pytest.mark.parametrize("public", OWN, ids=lambda value: value.__name__)
def test_public_signatures_have_types(public):
    """Where the type checker's strictness is relaxed for compiled code, too."""
    methods = [public]
    if isinstance(public, type):
        methods = [
            value.fget if isinstance(value, property) else value
            for name, value in inspect.getmembers(public)
            if not name.startswith("_")
            and (
                inspect.isfunction(value) or inspect.ismethod(value) or isinstance(value, property)
            )
        ]
        own = public.__init__
        if inspect.isfunction(own) and own.__module__.startswith("fastnn"):
            methods.append(own)
    for method in methods:
        signature = inspect.signature(method)
        assert signature.return_annotation is not inspect.Signature.empty or isinstance(
            method, type
        )
        for name, argument in signature.parameters.items():
            if name not in ("self", "cls"):
                assert argument.annotation is not inspect.Parameter.empty, f"{method}: {name}"
