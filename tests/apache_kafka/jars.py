"""Where Apache Kafka comes from: Maven Central, by the machine's `mvn`, into `.cache/`.

Everything is made under a temporary name by whoever holds the lock and then renamed, so that
several test processes may ask at once.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

VERSION = "4.3.1"
JAVA_SOURCES = Path(__file__).parents[1] / "java"
CACHE = Path(__file__).parents[2] / ".cache"

# log4j-slf4j-impl is the binding for slf4j 1.7, which Kafka 4.3 uses (log4j-slf4j2-impl stays
# silent); 2.24.3 is the log4j that the jars were built with.
Artifact = tuple[str, str, str]
"""Group, name and version."""
_ARTIFACTS: list[Artifact] = [
    ("org.apache.kafka", "kafka_2.13", VERSION),
    ("org.apache.kafka", "kafka-tools", VERSION),
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"),
    ("org.apache.logging.log4j", "log4j-core", "2.24.3"),
]
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>moldau</groupId><artifactId>{name}</artifactId><version>1</version>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""


class Missing(Exception):
    """Apache Kafka cannot be had on this machine; the text says why, in one line."""


@functools.cache
def java_missing() -> str | None:
    """Why there is no Apache Kafka here, in one line, or None. Fetches the jars if need be."""
    try:
        class_path()
    except Missing as error:
        return str(error)
    return None


def home() -> Path:
    """The cache's folder for this version and this list of artifacts."""
    return _home("apache-kafka", _ARTIFACTS)


def _home(name: str, artifacts: Sequence[Artifact]) -> Path:
    return CACHE / f"{name}-{VERSION}-{_short_hash(_pom(name, artifacts).encode())}"


def _pom(name: str, artifacts: Sequence[Artifact]) -> str:
    lines = (
        f"    <dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{version}</version></dependency>"
        for group, artifact, version in artifacts
    )
    return _POM.format(name=name, dependencies="\n".join(lines))


def made(target: Path, make: Callable[[Path], object]) -> Path:
    """`target`, made once: `make(path)` fills a temporary path, which is then renamed."""
    if target.exists():
        return target
    with _lock(target):
        if not target.exists():
            unfinished = target.with_name(f".{os.getpid()}.{target.name}")
            make(unfinished)
            unfinished.rename(target)
    return target


@functools.cache
def class_path() -> str:
    """Kafka's jars, and one of our own made from tests/java. Raises Missing."""
    return class_path_of("apache-kafka", _ARTIFACTS, sorted(JAVA_SOURCES.glob("*.java")), "tests")


def class_path_of(
    name: str, artifacts: Sequence[Artifact], sources: Sequence[Path], jar: str
) -> str:
    """These artifacts and what they need, and a jar of our own made from the sources. Raises
    Missing."""
    for program in ("java", "javac"):
        if shutil.which(program) is None:
            raise Missing(f"no Apache Kafka: there is no `{program}` on the PATH")
    folder = _home(name, artifacts)
    pom = _pom(name, artifacts)
    jars = sorted(made(folder / "libs", lambda libs: _fetch(libs, pom)).glob("*.jar"))
    version = _short_hash(b"".join(path.read_bytes() for path in sources))
    ours = made(folder / f"{jar}-{version}.jar", lambda path: _compile(path, sources, jars))
    return os.pathsep.join(map(str, [*jars, ours]))


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    """One lock for each target, because making one may need another."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:8]


def _fetch(libs: Path, text: str) -> None:
    if shutil.which("mvn") is None:
        raise Missing("no Apache Kafka: there is no `mvn` on the PATH to fetch it with")
    pom = libs.with_name("pom.xml")
    pom.write_text(text)
    copy = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={libs}"]
    run = subprocess.run(
        ["mvn", "-B", "-q", "-f", str(pom), *copy], capture_output=True, text=True, check=False
    )
    if run.returncode:
        shutil.rmtree(libs, ignore_errors=True)
        lines = (run.stdout + run.stderr).splitlines()
        reason = next((line for line in lines if "ERROR" in line), "mvn failed without a word")
        raise Missing(f"no Apache Kafka: {reason[:300]}")


def _compile(target: Path, sources: Sequence[Path], jars: Sequence[Path]) -> None:
    """One jar, not a folder: class-data sharing takes no folders in the class path."""
    classes = target.with_suffix(".classes")
    command = ["javac", "-nowarn", "-d", str(classes), "-cp", os.pathsep.join(map(str, jars))]
    run = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(f"{sources[0].parent} does not compile:\n{run.stderr}")
    shutil.make_archive(str(target), "zip", classes)
    target.with_name(target.name + ".zip").rename(target)
    shutil.rmtree(classes)
