"""How many threads a step gets: whatever was quicker when both were last measured.

Two threads are slower than one for small steps, and much slower while other programs use the
machine. The step is timed over windows; now and then another number of threads is tried for one
window, the less often the more often it lost.
"""

from __future__ import annotations

#: A window, in seconds.
WINDOW = 10e-3
#: The most windows between two trials.
PATIENCE = 128
#: How much quicker another number of threads must be.
GAIN = 0.97


class Controller:
    """Decides from measured times.

    Attributes:
        levels: the numbers of threads there are to choose from.
        level: the position of the one to be used now.
    """

    __slots__ = ("_hold", "_held", "_known", "_settle", "_trial", "_up", "level", "levels")

    def __init__(self, most: int) -> None:
        self.levels = [1]
        while self.levels[-1] * 2 <= most:
            self.levels.append(self.levels[-1] * 2)
        if self.levels[-1] != most:
            self.levels.append(most)
        self.level = len(self.levels) - 1
        self._hold = 1  # windows until the next trial
        self._held = 0
        self._known = 0.0  # seconds of a step at the level that is held
        self._trial = -1  # the level to which a lost trial returns
        self._settle = 2  # windows that are not counted
        self._up = False

    @property
    def threads(self) -> int:
        return self.levels[self.level]

    def window(self, seconds: float) -> float:
        """A window has passed at this many seconds per step; how long the next one should be."""
        if len(self.levels) == 1:
            return WINDOW
        if self._settle:
            self._settle -= 1
            return 0.0 if self._settle else WINDOW
        if self._trial >= 0:
            won = seconds < self._known * GAIN
            if won:
                self._hold, self._known = 1, seconds
            else:
                self.level = self._trial
                self._hold = min(2 * self._hold, PATIENCE)
            self._trial = -1
            self._held = 0
            return self._switch() if not won else WINDOW
        if self._known and seconds > 1.5 * self._known:
            self._hold = 1  # something has changed
        self._known = seconds
        self._held += 1
        if self._held >= self._hold:
            self._trial = self.level
            self._up = not self._up
            step = 1 if self._up else -1
            if not 0 <= self.level + step < len(self.levels):
                step = -step
            self.level += step
            return self._switch()
        return WINDOW

    def _switch(self) -> float:
        """The first steps after a switch find cold caches and sleeping workers."""
        self._settle = 4
        return 0.0
