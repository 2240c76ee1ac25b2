import pytest

from dicom_node.statuses import DeliveryVerdict, delivery_verdict, words_for


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (0x0000, DeliveryVerdict.DELIVERED),
        (0xB000, DeliveryVerdict.DELIVERED_WITH_WARNING),
        (0xB006, DeliveryVerdict.DELIVERED_WITH_WARNING),
        (0xB007, DeliveryVerdict.DELIVERED_WITH_WARNING),
        (0x0111, DeliveryVerdict.DELIVERED_WITH_WARNING),
        (0xA700, DeliveryVerdict.PEER_IS_FULL),
        (0xA7FF, DeliveryVerdict.PEER_IS_FULL),
        (0x0110, DeliveryVerdict.TRY_AGAIN),
        (0x0122, DeliveryVerdict.TRY_AGAIN),
        (0x0124, DeliveryVerdict.TRY_AGAIN),
        (0x1234, DeliveryVerdict.TRY_AGAIN),
        (0xFFFF, DeliveryVerdict.TRY_AGAIN),
        (0x0A70, DeliveryVerdict.TRY_AGAIN),
        (0x00B0, DeliveryVerdict.TRY_AGAIN),
        (0xA900, DeliveryVerdict.REFUSED),
        (0xA9FF, DeliveryVerdict.REFUSED),
        (0xC000, DeliveryVerdict.REFUSED),
        (0xCFFF, DeliveryVerdict.REFUSED),
    ],
)
def test_an_answer_is_judged_as_the_standard_says(status: int, verdict: DeliveryVerdict) -> None:
    assert delivery_verdict(status) is verdict


def test_nothing_but_success_and_warnings_counts_as_delivered() -> None:
    delivered = {DeliveryVerdict.DELIVERED, DeliveryVerdict.DELIVERED_WITH_WARNING}
    taken = {status for status in range(0x10000) if delivery_verdict(status) in delivered}
    assert taken == {0x0000, 0x0001, 0x0107, 0x0111, 0x0116, *range(0xB000, 0xC000)}


def test_words_name_the_code_and_its_meaning() -> None:
    assert words_for(0xA700) == "0xA700 out of resources"
    assert words_for(0xA7AB) == "0xA7AB out of resources"
    assert words_for(0xB007) == "0xB007 accepted, data set does not match SOP class"
    assert words_for(0x0000) == "0x0000 success"
    assert words_for(0x9999) == "0x9999 unknown status"
