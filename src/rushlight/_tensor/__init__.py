"""The Tensor class as users see it: methods, indexing and printing."""
