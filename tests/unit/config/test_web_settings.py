"""Other machines are served over TLS or through a named proxy, or not at all."""

import pytest

from config.settings import SettingsInvalid, load_settings


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.7", "::", "hilum.example"])  # noqa: S104
def test_plain_http_to_other_machines_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HILUM_API__HOST", host)
    with pytest.raises(SettingsInvalid, match="TLS"):
        load_settings()
    monkeypatch.setenv("HILUM_API__TRUSTED_PROXIES", "127.0.0.1, 10.0.0.1")
    assert load_settings().api.trusted_proxies == ("127.0.0.1", "10.0.0.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_this_machine_may_be_served_in_plain(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("HILUM_API__HOST", host)
    assert load_settings().api.host == host


def test_a_certificate_without_its_key_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_API__TLS_CERTIFICATE", "server.pem")
    with pytest.raises(SettingsInvalid, match="belong together"):
        load_settings()


@pytest.mark.parametrize("proxy", ["*", "proxy.example", "10.0.0.1/8"])
def test_a_proxy_that_is_not_named_by_its_address_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HILUM_API__TRUSTED_PROXIES", proxy)
    with pytest.raises(SettingsInvalid, match="named by its address"):
        load_settings()
