"""Equations made into LLVM text."""
