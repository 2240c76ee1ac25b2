"""People who sign in, and what they decide."""

from archive.account_records import NewUser, Role, User
from archive.database import Archive
from archive.records import StudyUid
from archive.review_records import NewReview, ReviewReason, Verdict


def a_new_user(
    login: str = "ito", *roles: Role, password_hash: str | None = None, is_shared: bool = False
) -> NewUser:
    return NewUser(
        login=login,
        person_name=f"{login.capitalize()}^Ken^^Dr",
        roles=frozenset(roles or (Role.RADIOLOGIST,)),
        password_hash=password_hash,
        is_shared=is_shared,
        organisation="General Hospital",
    )


def a_radiologist(archive: Archive, login: str = "ito") -> User:
    return archive.repository.add_user(a_new_user(login))


def a_review(archive: Archive, user: User, study: int = 1, **changes: object) -> NewReview:
    """An acceptance of a study as it stands now."""
    study_uid = StudyUid(f"1.2.3.{study}")
    values: dict[str, object] = {
        "study_uid": study_uid,
        "expected_revision": archive.repository.study(study_uid).study.revision,
        "verdict": Verdict.ACCEPT,
        "presence": None,
        "reason": ReviewReason.NONE,
        "comment": "",
        "user_id": user.user_id,
        "image_visible_milliseconds": 1200,
        "blind_presence": None,
        "held_seconds": 10.0,
    }
    return NewReview(**(values | changes))  # type: ignore[arg-type]
