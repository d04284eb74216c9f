"""Tests of the source itself: the language of formulas, the layers of modules."""
