"""`flowmatik doctor`: is everything there that a run needs, and if not, how to mend it."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
