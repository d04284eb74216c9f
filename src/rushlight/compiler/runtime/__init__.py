"""Text made into machine code that runs: compiling, caching, threads."""
