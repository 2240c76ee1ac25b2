from dicom_node.traffic import Traffic


def test_associations_are_counted_until_they_leave() -> None:
    traffic = Traffic()
    traffic.enter(1)
    traffic.enter(2)
    traffic.leave(1)
    traffic.leave(1)
    assert traffic.count == 1


def test_an_answer_is_owed_from_request_to_sent() -> None:
    traffic = Traffic()
    traffic.begin(1)
    assert traffic.owes_answer(1)
    traffic.end(1)
    assert not traffic.owes_answer(1)


def test_associations_that_died_without_a_word_are_forgotten() -> None:
    traffic = Traffic()
    traffic.enter(1)
    traffic.enter(2)
    traffic.begin(2)
    traffic.keep_only({1})
    assert traffic.count == 1
    assert not traffic.owes_answer(2)


def test_a_stopping_node_says_so() -> None:
    traffic = Traffic()
    assert not traffic.is_stopping
    traffic.stop()
    assert traffic.is_stopping
