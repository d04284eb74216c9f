"""Rewrites known.txt: every present difference, with what differs as its reason.

    RUSHLIGHT_TORCH_PYTHON=... PYTHONPATH=src python tests/differential/differential_known.py

The list is what remains to be done or was found not worth doing; it may only shrink. Read what it
adds before committing it. Prints the number of comparisons, for count.txt.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import test_differential as suite  # noqa: E402


def main() -> None:
    lines = [suite.HEADER]
    total = 0
    for group in suite.GROUPS:
        with tempfile.TemporaryDirectory() as folder:
            found, count = suite.differences(group, Path(folder))
        total += count
        print(f"{group}: {len(found)} of {count} differ")
        for key, wrong in found.items():
            reason = " ".join(wrong[0].split())[:150]
            lines.append(f"{group}\t{suite.one_line(key)}\t{reason}")
    (HERE / "known.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{total} comparisons")


if __name__ == "__main__":
    main()
