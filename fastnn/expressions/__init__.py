"""Formulas, recorded once as expressions: code, NumPy, derivatives, text and data follow."""

from .expression import Expression, evaluate_all, formula_of, record, record_all

__all__ = ["Expression", "evaluate_all", "formula_of", "record", "record_all"]
