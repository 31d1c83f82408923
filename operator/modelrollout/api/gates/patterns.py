"""Regular expressions in gates."""

from typing import Annotated

from pydantic import Field

from modelrollout.api.rules import RegularExpression

Regex = Annotated[str, Field(min_length=1, max_length=512), RegularExpression()]
