"""Names, labels and annotations, as Kubernetes has them (k8s.io/apimachinery/pkg/util/validation)."""

from typing import Annotated

import re2
from pydantic import Field

from modelrollout.api.rules import Matches, Rule, cel_string

LABEL = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"

_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_LONGEST_KEY = 253 + len("/") + 63
# Of the 256 KiB that all annotations of an object may have, in characters of up to four bytes.
_LONGEST_ANNOTATIONS = 48 * 1024


PREFIXED_NAME = f"{SUBDOMAIN}/{_NAME}"
QUALIFIED_NAME = f"({SUBDOMAIN}/)?{_NAME}"

LABEL_VALUE = Matches(
    f"({_NAME})?",
    "must be at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit",
    ratcheting=True,
)


def _keys(pattern: str) -> Rule:
    return Rule(
        cel=f"self.all(key, size(key) <= {_LONGEST_KEY} && key.matches({cel_string(f'^({pattern})$')}))",
        holds=lambda names: all(len(key) <= _LONGEST_KEY and re2.fullmatch(pattern, key) for key in names),
        message="must have keys of letters, digits, -, _ and ., at most 63 after an optional prefix like example.com/",
        ratcheting=True,
    )


LABEL_KEYS = _keys(QUALIFIED_NAME)
# Kubernetes looks at the keys of annotations in lower case.
ANNOTATION_KEYS = _keys(f"(?i:{QUALIFIED_NAME})")
_FITS_AN_OBJECT = Rule(
    cel=f"self.map(key, size(key) + size(self[key])).sum() <= {_LONGEST_ANNOTATIONS}",
    holds=lambda texts: sum(len(key) + len(text) for key, text in texts.items()) <= _LONGEST_ANNOTATIONS,
    message="must not hold more than 48 KiB together",
    ratcheting=True,
)

Labels = Annotated[dict[str, Annotated[str, Field(max_length=63), LABEL_VALUE]], Field(max_length=64), LABEL_KEYS]
"""Labels of an object."""

Annotations = Annotated[dict[str, str], Field(max_length=64), ANNOTATION_KEYS, _FITS_AN_OBJECT]
"""Annotations of an object."""
