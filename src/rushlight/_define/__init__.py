"""One row per op: schema strings, argument binding, and the templates that render wrappers."""
