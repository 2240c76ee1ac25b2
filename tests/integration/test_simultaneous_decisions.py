"""Two radiologists press their key in the same moment, on both databases."""

import threading

from archive.database import Archive
from archive.records import StudyUid
from tests.web import a_client, report_study

STUDY = "/api/v1/studies/1.2.3.1"
PAIRS = 6


def test_one_of_two_simultaneous_decisions_is_kept_and_the_other_is_told_whose(
    any_archive: Archive,
) -> None:
    people = {"Ito Ken": "ito", "Lee Ken": "lee"}
    clients = {name: a_client(any_archive, login=login) for name, login in people.items()}
    for study in range(1, PAIRS + 1):
        report_study(any_archive, study)
        address = STUDY.replace("3.1", f"3.{study}")
        revision = clients["Ito Ken"].get(address).headers["etag"]
        together = threading.Barrier(2)
        answers: dict[str, tuple[int, str]] = {}

        def decide(
            name: str,
            address: str = address,
            revision: str = revision,
            together: threading.Barrier = together,
            answers: dict[str, tuple[int, str]] = answers,
        ) -> None:
            verdict = {"verdict": "ACCEPT", "image_visible_milliseconds": 900}
            if name == "Lee Ken":
                verdict |= {"verdict": "REJECT", "reason": "READING_DIFFERS"}
            together.wait()
            response = clients[name].post(
                f"{address}/reviews", json=verdict, headers={"if-match": revision}
            )
            answers[name] = (response.status_code, response.text)

        threads = [threading.Thread(target=decide, args=(name,)) for name in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        [kept] = any_archive.repository.reviews_of(StudyUid(f"1.2.3.{study}"))
        winner = "Ito Ken" if kept.reviewer.login == "ito" else "Lee Ken"
        [loser] = set(people) - {winner}
        assert answers[winner][0] == 201
        assert answers[loser][0] in (409, 412), answers
        assert winner in answers[loser][1]
