import sys
from pathlib import Path

EXAMPLES = Path(__file__).parents[3] / "examples"

sys.path[:0] = [str(EXAMPLES / "digits"), str(EXAMPLES / "forecast")]
