from pathlib import Path

import pytest

from archive.records import ReportKind
from config.destinations import StowDestination
from config.settings import SettingsInvalid, load_settings


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site.yaml"


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert (settings.node.ae_title, settings.node.port) == ("HILUM", 11112)
    assert (settings.api.host, settings.api.port) == ("127.0.0.1", 8000)
    assert settings.archive.root == Path("./var")
    assert settings.node.accept_unknown_peers is False


def test_the_site_file_wins_over_defaults_and_the_environment_over_both(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.write_text("node: {port: 104, ae_title: CHEST}\n")
    monkeypatch.setenv("HILUM_NODE__PORT", "105")
    settings = load_settings(site)
    assert (settings.node.port, settings.node.ae_title) == (105, "CHEST")


def test_a_secret_file_holds_one_value(tmp_path: Path) -> None:
    (tmp_path / "archive__database_url").write_text("postgresql://u:p@db/hilum\n")
    settings = load_settings(secrets_folder=tmp_path)
    assert settings.archive.database_url == "postgresql://u:p@db/hilum"


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("nodes: {}", "nodes"),
        ("node: {prot: 104}", "node.prot"),
        ("node: {port: 70000}", "node.port"),
        ("node: {ae_title: SEVENTEEN_LETTERS}", "node.ae_title"),
        ("destinations: [{name: pacs, ae_title: A, host: h}]", "destinations.0.port"),
        ("destinations: {pacs: {ae_title: A, host: h}}", "destinations.0.port"),
        ("node: {tls: {certificate: c.pem}}", "node.tls.key"),
        (
            "node: {tls: {certificate: c, key: k, client_certificate: required}}",
            "belong together",
        ),
        ("node: {tls: {certificate: c, key: k, client_ca_certificates: a}}", "belong together"),
        ("destinations: {pacs: 104}", "destinations.0"),
        ("destinations: {web: {kind: telex}}", "destinations.0"),
        ("destinations: {web: {kind: stow, url: 'ftp://h'}}", "destinations.0.url"),
        ("destinations: {web: {kind: stow, url: 'https://u:p@h'}}", "destinations.0.url"),
        (
            "destinations: {web: {kind: stow, url: 'http://pacs/rs', bearer_token_file: t}}",
            "https only",
        ),
        (
            "destinations: {web: {kind: stow, url: 'https://pacs/rs', username: u}}",
            "belong together",
        ),
        (
            "destinations: {web: {kind: stow, url: 'https://p/rs', tls: {certificate: c.pem}}}",
            "belong together",
        ),
        ("archive: {database_url: 'mysql://x'}", "archive.database_url"),
        ("report: {langauge: es-ES}", "report.langauge"),
        ("report: {language: fr-FR}", "report.language"),
        ("report: {heat_map: perhaps}", "report.heat_map"),
        ("report: {institution_name: 'North\\South'}", "report.institution_name"),
        (f"report: {{institution_name: {'H' * 65}}}", "report.institution_name"),
        ("report: {procedure_code: {value: 36643-5, scheme: LN}}", "report.procedure_code.meaning"),
        (
            "report: {procedure_code: {value: SEVENTEEN_LETTERS, scheme: LN, meaning: Chest}}",
            "report.procedure_code.value",
        ),
        ("node: [", "not YAML"),
        ("just text", "sections"),
    ],
)
def test_what_is_wrong_is_named_with_its_file_and_key(site: Path, content: str, named: str) -> None:
    site.write_text(content)
    with pytest.raises(SettingsInvalid) as caught:
        load_settings(site)
    assert named in str(caught.value)
    assert str(site) in str(caught.value)


@pytest.mark.parametrize("variable", ["HILUM_NODE__PROT", "HILUM_NODES__PORT", "HILUM_PORT"])
def test_an_unknown_variable_stops_start_up(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsInvalid, match="environment"):
        load_settings()


def test_two_destinations_of_one_name_are_refused(site: Path) -> None:
    site.write_text(
        "destinations:\n"
        "  - {name: pacs, ae_title: A, host: h, port: 104}\n"
        "  - {name: pacs, ae_title: B, host: h, port: 105}\n"
    )
    with pytest.raises(SettingsInvalid, match="twice"):
        load_settings(site)


def test_destinations_are_named_by_key_or_in_a_list_and_dimse_unless_they_say_otherwise(
    site: Path,
) -> None:
    site.write_text("destinations: [{name: pacs, ae_title: A, host: h, port: 104}]")
    listed = load_settings(site).destinations
    site.write_text("destinations: [{name: pacs, kind: dicom, ae_title: A, host: h, port: 104}]")
    assert load_settings(site).destinations == listed
    site.write_text(
        "destinations:\n"
        "  pacs: {ae_title: A, host: h, port: 104}\n"
        "  web: {kind: stow, url: 'https://pacs.example/dicom-web', bearer_token_file: token}\n"
    )
    pacs, web = load_settings(site).destinations
    assert (pacs,) == listed
    assert isinstance(web, StowDestination)
    assert (web.name, web.address) == ("web", "https://pacs.example/dicom-web")


def test_a_further_ae_title_must_be_one(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("node: {further_ae_titles: [HILUM2, SEVENTEEN-LETTERS]}")
    with pytest.raises(SettingsInvalid, match=r"node\.further_ae_titles"):
        load_settings(file)


def test_reports_are_strict_and_english_with_a_heat_map_unless_a_site_says_otherwise() -> None:
    report = load_settings().report
    assert (report.language, report.institution_name, report.procedure_code) == ("en-US", "", None)
    assert (report.heat_map, report.segmentation, report.presentation_state) == (True, False, False)
    assert report.rejection_note is False


def test_a_site_says_how_its_reports_speak(site: Path) -> None:
    site.write_text(
        "report:\n"
        "  language: es-ES\n"
        "  institution_name: Hospital General\n"
        "  procedure_code: {value: 36643-5, scheme: LN, meaning: XR Chest 2 Views}\n"
        "  segmentation: true\n"
    )
    report = load_settings(site).report
    assert (report.language, report.institution_name) == ("es-ES", "Hospital General")
    assert report.procedure_code is not None
    assert report.procedure_code.value == "36643-5"
    assert (report.heat_map, report.segmentation) == (True, True)


def test_the_procedure_code_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "{value: 36643-5, scheme: LN, meaning: XR Chest 2 Views}"
    monkeypatch.setenv("HILUM_REPORT__PROCEDURE_CODE", code)
    named = load_settings().report.procedure_code
    assert named is not None
    assert (named.value, named.scheme, named.meaning) == ("36643-5", "LN", "XR Chest 2 Views")
    monkeypatch.setenv("HILUM_REPORT__PROCEDURE_CODE", "null")
    assert load_settings().report.procedure_code is None
    monkeypatch.setenv("HILUM_REPORT__PROCEDURE_CODE", "36643-5")
    with pytest.raises(SettingsInvalid, match=r"environment: report\.procedure_code"):
        load_settings()


def test_who_is_told_in_another_language_is_told_documents_and_nothing_else(site: Path) -> None:
    site.write_text(
        "destinations:\n"
        "  ris: {kind: hl7v2, host: engine.example, port: 2575}\n"
        "  ehr: {kind: fhir, url: 'https://fhir.example/r5'}\n"
    )
    for destination in load_settings(site).destinations:
        taken = [kind for kind in ReportKind if destination.takes(kind)]
        assert taken == [ReportKind.AI_RESULT, ReportKind.REVIEW]


@pytest.mark.parametrize(
    ("destination", "named"),
    [
        ("{kind: fhir, url: 'http://fhir.example/r5'}", "https only"),
        ("{kind: fhir, url: 'https://u:p@fhir.example'}", "url"),
        ("{kind: hl7v2, host: h, port: 2575, sending_facility: 'a|b'}", "sending_facility"),
        ("{kind: hl7v2, host: h, port: 2575, character_set: EBCDIC}", "character_set"),
    ],
)
def test_a_destination_that_would_leak_or_garble_is_refused(
    site: Path, destination: str, named: str
) -> None:
    site.write_text(f"destinations: {{it: {destination}}}")
    with pytest.raises(SettingsInvalid, match=named):
        load_settings(site)


@pytest.mark.parametrize(
    ("syslog", "named"),
    [
        ("{host: audit.example, transport: udp}", "patients' IDs travel over tls only"),
        ("{host: audit.example, transport: beep}", "syslog.transport"),
        ("{host: audit.example, tls: {key: /k.pem}}", "certificate and key belong together"),
    ],
)
def test_an_audit_server_that_would_tell_others_of_patients_is_refused(
    site: Path, syslog: str, named: str
) -> None:
    site.write_text(f"syslog: {syslog}")
    with pytest.raises(SettingsInvalid, match=named):
        load_settings(site)


def test_an_audit_server_is_off_and_may_be_named_by_the_environment(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not load_settings().syslog.is_on
    site.write_text("syslog: {host: audit.example, transport: udp, patient_ids: false}")
    assert load_settings(site).syslog.address == "audit.example:6514 UDP"
    monkeypatch.setenv("HILUM_SYSLOG__HOST", "audit.example")
    monkeypatch.setenv("HILUM_SYSLOG__TLS", "{ca_certificates: /ca.pem}")
    assert load_settings().syslog.tls.ca_certificates == Path("/ca.pem")
