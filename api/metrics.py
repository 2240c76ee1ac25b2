"""Prometheus figures read from the archive at each scrape; counts and ages, no patient data."""

from collections.abc import Iterator

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from archive.database import Archive
from archive.errors import ArchiveUnavailable
from archive.review_records import Review
from config.settings import Settings

_log = structlog.get_logger()


def waiting_histogram(registry: CollectorRegistry) -> Histogram:
    """Return the histogram in which the waits of readers are counted."""
    return Histogram(
        "hilum_reader_waited_seconds",
        "How long a reader waited for an image.",
        ["what"],
        buckets=(0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0),
        registry=registry,
    )


class EffortMeters:
    """What decisions cost their readers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        counts = (0, 1, 2, 3, 4, 5, 7, 10, 20, 50, 100)
        self._keys = Histogram(
            "hilum_review_keys",
            "Keys that a reader pressed for a decision.",
            ["verdict"],
            buckets=counts,
            registry=registry,
        )
        self._clicks = Histogram(
            "hilum_review_clicks",
            "Presses of a mouse button, a finger or a pen for a decision.",
            ["verdict"],
            buckets=counts,
            registry=registry,
        )
        self._heat_maps = Counter(
            "hilum_review_heat_maps",
            "Decisions with a heat map, by whether it was opened.",
            ["opened"],
            registry=registry,
        )

    def count(self, review: Review) -> None:
        """Count one decision; what its page did not tell is left out."""
        if review.key_count is not None:
            self._keys.labels(review.verdict).observe(review.key_count)
        if review.click_count is not None:
            self._clicks.labels(review.verdict).observe(review.click_count)
        if review.is_heat_map_opened is not None:
            self._heat_maps.labels("yes" if review.is_heat_map_opened else "no").inc()


class ArchiveCollector(Collector):
    """Asks the archive when it is scraped; any number of web processes give the same figures."""

    def __init__(self, archive: Archive, settings: Settings) -> None:
        self._archive = archive
        self._settings = settings

    def describe(self) -> list[Metric]:
        """Return nothing, so that registering does not read the archive."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the figures; only `hilum_archive_up` 0 where the archive does not answer."""
        up = GaugeMetricFamily("hilum_archive_up", "1 where the archive answered this scrape.")
        try:
            found = [
                *self._queues(),
                *self._worklist(),
                *self._counts(),
                self._rejections(),
                *self._audit_export(),
                *self._beats(),
                self._disk(),
            ]
        except ArchiveUnavailable as error:
            _log.warning("archive does not answer", error=type(error).__name__)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        yield from found

    def _queues(self) -> list[Metric]:
        depth = GaugeMetricFamily(
            "hilum_queue_depth", "Studies or deliveries that wait at a stage.", labels=["stage"]
        )
        age = GaugeMetricFamily(
            "hilum_queue_oldest_age_seconds",
            "How long the oldest at a stage has waited.",
            labels=["stage"],
        )
        for queue in self._archive.repository.queue_depths():
            depth.add_metric([queue.stage], queue.count)
            age.add_metric([queue.stage], queue.oldest_age_seconds)
        return [depth, age]

    def _worklist(self) -> list[Metric]:
        unread = GaugeMetricFamily(
            "hilum_worklist_unread", "Studies that nobody has read, by band.", labels=["band"]
        )
        wait = GaugeMetricFamily(
            "hilum_worklist_longest_wait_seconds",
            "How long the first unread study of a band has waited for a reader.",
            labels=["band"],
        )
        mean = GaugeMetricFamily(
            "hilum_worklist_mean_wait_seconds",
            "How long the unread studies of a band have waited for a reader, on average.",
            labels=["band"],
        )
        cap_seconds = self._settings.review.waiting_cap_minutes * 60
        depths = self._archive.repository.worklist_depths(waiting_cap_seconds=cap_seconds)
        for depth in depths:
            unread.add_metric([depth.band], depth.count)
            wait.add_metric([depth.band], depth.longest_wait_seconds)
            mean.add_metric([depth.band], depth.mean_wait_seconds)
        return [unread, wait, mean]

    def _counts(self) -> list[Metric]:
        studies = GaugeMetricFamily(
            "hilum_studies", "Studies in the archive by state.", labels=["state"]
        )
        deliveries = GaugeMetricFamily(
            "hilum_deliveries",
            "Deliveries in the archive by state and destination.",
            labels=["state", "destination"],
        )
        for state, count in self._archive.repository.study_counts().items():
            studies.add_metric([state], count)
        for (destination, status), count in self._archive.repository.delivery_counts().items():
            deliveries.add_metric([status, destination], count)
        return [studies, deliveries]

    def _rejections(self) -> Metric:
        rejected = CounterMetricFamily(
            "hilum_associations_rejected",
            "Associations and connections that the DICOM port turned away.",
            labels=["reason"],
        )
        for reason, count in self._archive.repository.rejection_counts().items():
            rejected.add_metric([reason], count)
        return rejected

    def _audit_export(self) -> list[Metric]:
        """Return how far the audit trail got, where it is sent anywhere."""
        if not self._settings.syslog.is_on:
            return []
        waiting = GaugeMetricFamily(
            "hilum_audit_lines_waiting", "Lines that the audit server has not got yet."
        )
        age = GaugeMetricFamily(
            "hilum_audit_oldest_waiting_seconds", "How long the oldest of them has waited."
        )
        up = GaugeMetricFamily(
            "hilum_audit_server_up", "0 where the audit server took nothing the last time."
        )
        standing = self._archive.repository.audit_export_standing()
        waiting.add_metric([], standing.waiting)
        age.add_metric([], standing.oldest_waiting_seconds)
        up.add_metric([], 0 if standing.fault else 1)
        return [waiting, age, up]

    def _beats(self) -> list[Metric]:
        age = GaugeMetricFamily(
            "hilum_process_beat_age_seconds",
            "How long ago a process last said that it can work.",
            labels=["kind", "process"],
        )
        for beat in self._archive.repository.beats():
            age.add_metric([beat.kind, beat.name], beat.age_seconds)
        return [age]

    def _disk(self) -> Metric:
        free = GaugeMetricFamily(
            "hilum_disk_free_bytes", "Bytes that the file store may still write."
        )
        free.add_metric([], self._archive.files.free_bytes())
        return free
