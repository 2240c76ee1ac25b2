"""The same inputs make the same UID, others another."""

import re

from archive.records import ModelIdentity
from inference.report.uids import Kind, derive, of_model

MODEL = ModelIdentity(name="model", version="1", weights_sha256="f" * 64, preprocessing_version="1")
# PS3.5 Annex B.2: an UUID as an integer, no leading zero.
UUID_DERIVED = re.compile(r"2\.25\.[1-9]\d{0,38}")


def test_a_uid_is_an_uuid_under_the_root_that_needs_no_registration() -> None:
    uid = derive(Kind.AI_RESULT, "1.2.3")
    assert UUID_DERIVED.fullmatch(uid)
    assert int(uid.removeprefix("2.25.")) < 1 << 128


def test_the_same_parts_make_the_same_uid() -> None:
    assert derive(Kind.AI_RESULT, "1.2.3") == "2.25.172300432289989939935915877933383454242"


def test_kind_parts_and_their_borders_matter() -> None:
    made = {
        derive(Kind.AI_RESULT, "1.2", "3"),
        derive(Kind.AI_RESULT, "1.2", "4"),
        derive(Kind.AI_RESULT, "1.23"),
        derive(Kind.AI_RESULT, "3", "1.2"),
        derive(Kind.HEAT_MAP, "1.2", "3"),
    }
    assert len(made) == 5


def test_the_order_of_sources_does_not_matter() -> None:
    assert of_model(Kind.AI_RESULT, MODEL, ["1.2", "1.3"]) == of_model(
        Kind.AI_RESULT, MODEL, ["1.3", "1.2"]
    )
