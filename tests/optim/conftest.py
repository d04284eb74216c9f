"""Puts the shared cases of these tests where they can be imported."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
