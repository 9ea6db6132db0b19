"""What is wrong with a value, in words for people."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, TypeAdapter, ValidationError

from newsletter.i18n.language import Language
from newsletter.validation import message_of

pytestmark = pytest.mark.unit


def _refuse(value: str) -> str:
    raise ValueError(f"{value} is no colour.")


def test_what_a_validator_says_is_told_without_the_name_of_its_exception() -> None:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Annotated[str, AfterValidator(_refuse)]).validate_python("loud")
    message = message_of(refused.value.errors()[0])
    assert message.in_language(Language.ENGLISH) == "The value is not accepted: loud is no colour."
