"""Passes over graphs: each takes a graph and leaves it computing the same with less."""
