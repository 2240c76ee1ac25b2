"""What the rules decide is recorded with the study, and the queue follows it."""

from collections.abc import Sequence

from archive.database import Archive
from archive.records import ArrivedImage, RuleDecision, StudyState
from tests.builders.arrivals import an_arrival, an_outcome
from tests.integration.archive.test_receiving import STUDY, claim

RULES = "a" * 64


def queue(archive: Archive, decision: RuleDecision) -> int:
    return archive.repository.queue_complete_studies(
        quiet_period_seconds=0, cap_seconds=600, decide=lambda _images: decision
    )


def decision(**changes: object) -> RuleDecision:
    return RuleDecision(**{"rule": "limbs", "rules_sha256": RULES, **changes})  # type: ignore[arg-type]  # names of the record


def test_a_discarded_study_is_kept_with_its_rule_and_never_claimed(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1))
    assert queue(any_archive, decision(is_analysed=False, reason="discarded by rule limbs")) == 1
    study = repository.study(STUDY).study
    assert study.state is StudyState.KEPT
    assert (study.rule, study.rules_sha256) == ("limbs", RULES)
    assert study.reason == "discarded by rule limbs"
    assert claim(any_archive) == ()
    assert repository.study(STUDY).instances[0].file_key == an_arrival().file_key
    assert [one.study_uid for one in repository.studies(limit=5)[0]] == [STUDY]


def test_a_late_image_of_a_discarded_study_asks_the_rules_again(any_archive: Archive) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1))
    queue(any_archive, decision(is_analysed=False))
    repository.record_instance(an_arrival(instance=2))
    assert repository.study(STUDY).study.state is StudyState.RECEIVING
    queue(any_archive, decision(rule="chest"))
    assert repository.study(STUDY).study.state is StudyState.QUEUED
    assert repository.study(STUDY).study.rule == "chest"


def test_a_person_may_ask_for_a_discarded_study(any_archive: Archive) -> None:
    any_archive.repository.record_instance(an_arrival(instance=1))
    queue(any_archive, decision(is_analysed=False))
    any_archive.repository.request_analysis(STUDY)
    assert [held.study_uid for held in claim(any_archive)] == [STUDY]


def test_results_go_where_the_rule_says(any_archive: Archive) -> None:
    any_archive.repository.record_instance(an_arrival(instance=1))
    queue(any_archive, decision(destinations=("research",)))
    (held,) = claim(any_archive)
    any_archive.repository.finish_study(held, an_outcome(), destinations=["pacs", "research"])
    detail = any_archive.repository.study(STUDY)
    assert [one.destination for one in detail.deliveries] == ["research"]
    assert detail.study.destinations == ("research",)


def test_what_a_rule_or_the_order_calls_stat_is_claimed_first(any_archive: Archive) -> None:
    repository = any_archive.repository
    for study in range(1, 6):
        repository.record_instance(an_arrival(study=study, instance=1))
    repository.record_instance(an_arrival(study=6, instance=1, priority=2))
    queue(any_archive, decision())
    repository.record_instance(an_arrival(study=7, instance=1))
    queue(any_archive, decision(priority=2))
    claimed = [held.study_uid for held in claim(any_archive, limit=2)]
    assert claimed == ["1.2.3.6", "1.2.3.7"]


def test_a_rule_does_not_make_a_study_less_urgent_than_its_images(any_archive: Archive) -> None:
    any_archive.repository.record_instance(an_arrival(instance=1, priority=2))
    queue(any_archive, decision(priority=0))
    assert any_archive.repository.study(STUDY).study.priority == 2


def test_an_image_that_comes_while_the_rules_are_asked_waits_for_the_next_time(
    any_archive: Archive,
) -> None:
    repository = any_archive.repository
    repository.record_instance(an_arrival(instance=1))

    def decide(images: Sequence[ArrivedImage]) -> RuleDecision:
        assert [image.calling_ae_title for image in images] == ["MODALITY"]
        repository.record_instance(an_arrival(instance=2))
        return decision(is_analysed=False)

    count = repository.queue_complete_studies(
        quiet_period_seconds=0, cap_seconds=600, decide=decide
    )
    assert count == 0
    assert repository.study(STUDY).study.state is StudyState.RECEIVING


def test_each_node_says_by_which_rules_it_works(any_archive: Archive) -> None:
    repository = any_archive.repository
    assert repository.last_rule_reload() == 0
    repository.rules_loaded("one", rules_sha256=RULES, rule_count=3)
    repository.rules_not_loaded("one", fault="rules.yaml:3: when: is missing")
    [standing] = repository.rule_standings()
    assert (standing.rules_sha256, standing.rule_count) == (RULES, 3)
    assert standing.fault == "rules.yaml:3: when: is missing"
    assert repository.ask_rule_reload(asked_by="ann") == repository.last_rule_reload()
    repository.rules_loaded("one", rules_sha256="b" * 64, rule_count=1)
    assert [one.fault for one in repository.rule_standings()] == [""]
