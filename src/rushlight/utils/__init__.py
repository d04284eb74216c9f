"""Tools around training: loading data, hooks."""
