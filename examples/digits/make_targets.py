"""Write requests for vegeta (its JSON format, one target a line) from the held-out images, and their true labels.

    make_targets.py --url http://ADDRESS --host digits.example --targets targets.jsonl --labels labels.jsonl
    vegeta attack -format=json -targets=targets.jsonl -rate=20 -duration=60s | vegeta encode > results.jsonl

Requests stay in the same shuffled order. Each has a URL of its own, `.../predict?row=N`, and vegeta repeats the URL
with every result, so `row` joins a result to its label.
"""

import argparse
import base64
import json
from collections.abc import Iterator
from pathlib import Path

from data import Samples, load_split


def targets(samples: Samples, url: str, host: str | None = None) -> Iterator[dict[str, object]]:
    """One vegeta target for each image. `host` is the name to ask for when `url` has the gateway's address."""
    headers = {"Content-Type": ["application/json"], **({"Host": [host]} if host else {})}
    for row, pixels in enumerate(samples.pixels):
        body = json.dumps({"pixels": pixels.astype(int).tolist()})
        yield {
            "method": "POST",
            "url": f"{url.rstrip('/')}/predict?row={row}",
            "body": base64.b64encode(body.encode()).decode(),
            "header": headers,
        }


def labels(samples: Samples) -> Iterator[dict[str, int]]:
    """The true digit of each row."""
    for row, digit in enumerate(samples.digits):
        yield {"row": row, "digit": int(digit)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--host")
    parser.add_argument("--targets", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    options = parser.parse_args()
    _, held_out = load_split()
    for path, records in (
        (options.targets, targets(held_out, options.url, options.host)),
        (options.labels, labels(held_out)),
    ):
        path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


if __name__ == "__main__":
    main()
