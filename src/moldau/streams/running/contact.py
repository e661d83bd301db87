"""Do the brokers still answer? librdkafka would tell of each attempt, twenty lines a second. It is
asked beside the worker's own thread, which may be waiting for them itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from moldau.streams.app import App
from moldau.streams.running.first_contact import NO_ANSWER, plain

EVERY_S = 3.0
ASK_S = 3.0
# The program's own are for the clients that do its work, and called in the worker's thread.
_OTHERS = {"error_cb", "stats_cb", "throttle_cb", "statistics.interval.ms"}
MISSED = 2  # in a row: one may be of a machine that slept meanwhile


class Contact:
    """Of one worker. `say` is told once that nobody answers, and once that somebody does again."""

    def __init__(self, app: App, say: Callable[[str], None]) -> None:
        self._app = app
        self._say = say
        self._reason = ""
        self._missed = 0
        settings = {name: one for name, one in app.client_settings.items() if name not in _OTHERS}
        self._admin = AdminClient({**settings, "error_cb": self._failed})
        self._is_over = threading.Event()

    @contextmanager
    def followed(self) -> Iterator[None]:
        threading.Thread(target=self._follow, name="contact", daemon=True).start()
        try:
            yield
        finally:
            self._is_over.set()

    def look(self) -> None:
        """Asks, and waits for the answer."""
        is_answered = self._is_answered()
        if self._is_over.is_set():
            return
        if is_answered:
            if self._missed >= MISSED:
                self._say(f"{self._app.id}: {self._app.bootstrap_servers} answers again")
            self._missed, self._reason = 0, ""
            return
        self._missed += 1
        if self._missed == MISSED:
            self._say(
                f"{self._app.id}: no broker answers at {self._app.bootstrap_servers}"
                f"{self._reason}: it goes on trying"
            )

    def _follow(self) -> None:
        while not self._is_over.wait(EVERY_S):
            self.look()
            self._admin.poll(0)

    def _is_answered(self) -> bool:
        return self._does_answer(
            lambda: self._admin.describe_cluster(request_timeout=ASK_S).result()
        ) or self._does_answer(lambda: self._admin.list_topics(timeout=ASK_S))

    def _does_answer(self, ask: Callable[[], object]) -> bool:
        """The first question, which is the smaller one, goes to one broker, as long as that is
        taken for the controller; the other to whichever is there."""
        try:
            ask()
        except KafkaException as error:
            self._admin.poll(0)
            return error.args[0].code() not in NO_ANSWER
        return True

    def _failed(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._reason = f" ({plain(error.str())})"
