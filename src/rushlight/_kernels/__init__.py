"""NumPy kernels that are not ufuncs: arrays in, arrays out, no tensors and no graph."""
