from pathlib import Path

from config.settings import DEFAULTS_FILE, load_settings
from dicom_node.conformance import statement
from dicom_node.listener import supported_contexts
from dicom_node.sender import OFFERED_SOP_CLASSES
from dicom_node.statuses import StoreStatus

FILE = DEFAULTS_FILE.parent.parent / "docs" / "conformance.md"


def test_the_statement_in_the_repository_is_what_the_code_does() -> None:
    written = Path(FILE).read_text(encoding="utf-8")
    assert written == statement(load_settings()), (
        "write it anew: python -m dicom_node.conformance docs/conformance.md"
    )


def test_every_context_and_status_is_in_the_statement() -> None:
    text = statement(load_settings())
    for context in supported_contexts():
        assert f"`{context.abstract_syntax}`" in text
    for uid in OFFERED_SOP_CLASSES:
        assert f"`{uid}`" in text
    for status in StoreStatus:
        assert f"0x{status:04X}" in text
