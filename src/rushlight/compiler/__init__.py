"""Recording of training steps, the ground on which compiled steps will stand.

`record` runs a step for real and writes down what it did as equations (`record.py`); a program of
equations can be replayed with other arguments (`program.py`). What may be replayed and when is
defined by the project's capture contract (docs/architecture.md, "Capture").
"""
