"""One Java process that ends with us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.apache_kafka.jars import class_path, home, made

_LOG4J = """rootLogger.level={level}
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.target={target}
appender.c.layout.type=PatternLayout
appender.c.layout.pattern=[%d] %p %m (%c)%n
"""
# Kafka's scripts give a tool at most 256 MB.
# A tool lives for a second: the quick compiler and the simple collector halve that.
TOOL_FLAGS = ("-Xmx256M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def broker_flags(heap: str = "1G") -> list[str]:
    """As Kafka's scripts: all of the heap at once."""
    return [f"-Xms{heap}", f"-Xmx{heap}", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"]


def java_command(main: str, flags: Sequence[str], *, log_level: str, log_to: str) -> list[str]:
    """`java` up to the main class. `log_to`: SYSTEM_OUT or SYSTEM_ERR."""
    text = _LOG4J.format(level=log_level, target=log_to)
    config = made(
        home() / f"log4j2-{log_level}-{log_to}.properties", lambda path: _write(path, text)
    )
    return [
        "java",
        *flags,
        *_sharing(),
        f"-Dlog4j2.configurationFile={config}",
        "-cp",
        class_path(),
        main,
    ]


def archive_flag(into: Path) -> str:
    """Makes a JVM leave the classes that it loaded in `into` when it ends by itself."""
    return f"-XX:ArchiveClassesAtExit={into}"


def archive() -> Path:
    """The classes as the first broker left them: later starts take half the time."""
    return home() / f"classes-{Path(class_path().split(os.pathsep)[-1]).stem}.jsa"


def _sharing() -> list[str]:
    # The warnings are about an archive that does not fit this JVM: then it does without.
    return ["-Xshare:auto", "-Xlog:disable", "-Xlog:all=error:stderr"] + (
        [f"-XX:SharedArchiveFile={archive()}"] if archive().exists() else []
    )


def _write(path: Path, text: str) -> None:
    path.write_text(text)


class Java(subprocess.Popen[Any]):
    """A JVM running `main` that is gone when this process is, however that ends."""

    _tether = -1  # our end of a pipe, which nobody else holds: see tests/java/Tethered.java

    def __init__(
        self,
        main: str,
        args: Sequence[str],
        flags: Sequence[str] = TOOL_FLAGS,
        *,
        log_level: str = "WARN",
        log_to: str = "SYSTEM_ERR",
        **options: Any,
    ) -> None:
        command = java_command("Tethered", flags, log_level=log_level, log_to=log_to)
        theirs, self._tether = os.pipe()
        try:
            super().__init__([*command, str(theirs), main, *args], pass_fds=(theirs,), **options)
        finally:
            os.close(theirs)

    def __exit__(self, *exc: Any) -> None:
        """Kills what still runs, then closes the pipes and waits, as Popen does."""
        if self.poll() is None:
            self.kill()
        super().__exit__(*exc)

    def __del__(self, *args: Any) -> None:
        if self._tether != -1:
            os.close(self._tether)
        super().__del__(*args)
