"""Takes changed settings while the node goes on receiving: the other parts start again."""

from collections.abc import Callable

import structlog

from config.settings import Settings, SettingsInvalid

# The node takes them by itself (see `dicom_node.listener`).
_TAKEN_BY_THE_NODE = {"peers"}
# The node, which is not started again, works by these too: no part may be of another mind.
_OF_THE_NODE = {"archive", "logs", "node", "rules", "sources"}

_log = structlog.get_logger()


class Renewal:
    """The settings by which the parts of an installation work, and the way to newer ones.

    Parameters
    ----------
    settings
        By which they were started.
    reread
        Reads the settings again.
    check
        Looks at all that the settings name; returns what is wrong, or nothing.
    start_again
        Ends all parts but the node, one after the other, which then start again.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reread: Callable[[], Settings],
        check: Callable[[], str],
        start_again: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._reread = reread
        self._check = check
        self._start_again = start_again

    def take(self) -> None:
        """Take what changed since the last time; wrong settings change nothing. Safe to repeat."""
        try:
            new = self._reread()
        except SettingsInvalid as error:
            _log.error("new settings are wrong, the old ones stay", error=str(error))
            return
        changed = {
            section
            for section in Settings.model_fields
            if getattr(new, section) != getattr(self._settings, section)
        } - _TAKEN_BY_THE_NODE
        if not changed:
            return
        if changed & _OF_THE_NODE:
            sections = sorted(changed & _OF_THE_NODE)
            _log.error("these need a restart, the old settings stay", sections=sections)
            return
        fault = self._check()
        if fault:
            _log.error("new settings cannot be used, the old ones stay", error=fault)
            return
        self._settings = new
        _log.info("new settings, parts start again", sections=sorted(changed))
        self._start_again()
