"""The table of operations, one file for each family; every row is in `rushlight._core.OPS`."""
