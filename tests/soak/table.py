"""The report of a soak, as Markdown: its figures by the hour, what grew, what was done."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.soak.run import Round, Soak
from tests.soak.samples import FIGURES, STORE, Sample, lives
from tests.soak.slope import Slope, slope

KINDS = ("lost", "doubled", "inverted", "overlapping")
OTHERS = ("phantom", "stale", "crossed", "unbalanced")
PROCESSES = ("engine", "worker", "supervisor")
SHORT_H = 2.0
LEGEND = (
    "Each process shows MiB, descriptors and threads, in the middle of their samples, and the most"
    " MiB.\n"
)
HEAD = (
    *("Store", "Until", "Acknowledged", "Refused", "No answer", "Faults", "Lost", "Doubled"),
    *("Inverted", "Overlapping", "Others", "Engine", "Worker", "Supervisor", "Store MiB"),
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much may grow in an hour, and still count as flat: MiB, descriptors, threads of each
    process; MiB of the store. ``warm_up_h``: of a process, and of the store, what does not
    count. ``told_h``: lives that were watched for less must have grown by as much as it allows."""

    mib: float = 4.0
    descriptors: float = 1.0
    threads: float = 1.0
    store_mib: float = 20.0
    warm_up_h: float = 0.7
    store_warm_up_h: float = 1.25
    told_h: float = 1.0

    def of(self, who: str, figure: str) -> float:
        """The one that holds for a figure."""
        if who == STORE:
            return self.store_mib
        return {"MiB": self.mib, "descriptors": self.descriptors, "threads": self.threads}[figure]


@dataclass(frozen=True, slots=True)
class Growth:
    """One figure of one kind of process over all of its lives."""

    who: str
    figure: str
    bound: float
    told_h: float
    slope: Slope | None

    @property
    def verdict(self) -> str:
        """``flat``, ``grows`` or ``not told``."""
        return self.slope.verdict(self.bound, self.told_h) if self.slope else "not told"


def growths(samples: Sequence[Sample], bounds: Bounds) -> list[Growth]:
    """Of every process's figures, and of the store."""
    wanted = [(who, figure) for who in PROCESSES for figure in FIGURES] + [(STORE, "MiB")]
    found = []
    for who, figure in wanted:
        warm_up_h = bounds.store_warm_up_h if who == STORE else bounds.warm_up_h
        points = lives(samples, who, figure, warm_up_h=warm_up_h)
        found.append(Growth(who, figure, bounds.of(who, figure), bounds.told_h, slope(points)))
    return found


def passed(soaks: Sequence[Soak], bounds: Bounds) -> bool:
    """Nothing was violated and nothing grows."""
    return not any(
        any(one.found for one in soak.rounds)
        or any(growth.verdict == "grows" for growth in growths(soak.samples, bounds))
        for soak in soaks
    )


def report(soaks: Sequence[Soak], bounds: Bounds, head: str) -> str:
    """The whole of it."""
    parts = [
        f"# Soak\n\n{head}\n",
        LEGEND,
        _markdown(HEAD, [line for soak in soaks for line in _lines(soak)]),
        "## Does anything grow?\n",
        "Growth of an hour within lives of one process, with what chance allows at 95 %.\n",
        _markdown(
            ("Store", "Who", "What", "Lives", "Samples", "Growth", "Between", "Bound", "Verdict"),
            [_growth(soak, one) for soak in soaks for one in growths(soak.samples, bounds)],
        ),
        "## What was done\n",
        _markdown(("Store", "Act", "Times"), [line for soak in soaks for line in _acts(soak)]),
    ]
    details = [f"- {soak.place.name}: {text}" for soak in soaks for text in _details(soak)]
    if details:
        parts += ["## What was found\n", "\n".join(details) + "\n"]
    return "\n".join(parts)


def _lines(soak: Soak) -> Iterator[list[str]]:
    """One for each hour; of a short soak, one for each round."""
    if not soak.rounds:
        return
    whole_h = soak.rounds[-1].ended_h
    groups: dict[int, list[Round]] = {}
    for number, one in enumerate(soak.rounds):
        groups.setdefault(int(one.began_h) if whole_h > SHORT_H else number, []).append(one)
    for rounds in groups.values():
        yield _line(soak, rounds)


def _line(soak: Soak, rounds: Sequence[Round]) -> list[str]:
    began_h, ended_h = rounds[0].began_h, rounds[-1].ended_h
    within = [sample for sample in soak.samples if began_h <= sample.at_h < ended_h]
    told = sum((one.outcomes for one in rounds), Counter())
    found = sum((one.found for one in rounds), Counter())
    until = f"{int(ended_h)}:{int(ended_h * 60) % 60:02}"
    weather = f" ({rounds[0].weather})" if len(rounds) == 1 else ""
    return [
        soak.place.name,
        until + weather,
        *(f"{told[outcome]:,}" for outcome in ("ok", "fail", "unknown")),
        f"{sum(one.acts.total() for one in rounds):,}",
        *(f"{found[kind]}" for kind in KINDS),
        f"{sum(found[kind] for kind in OTHERS)}",
        *(_held(within, who) for who in PROCESSES),
        _middle(within, STORE, "MiB"),
    ]


def _held(samples: Sequence[Sample], who: str) -> str:
    most = max((s.figures["MiB"] for s in samples if s.who == who), default=0.0)
    return " / ".join([*(_middle(samples, who, figure) for figure in FIGURES), f"{most:.0f}"])


def _middle(samples: Sequence[Sample], who: str, figure: str) -> str:
    values = [sample.figures[figure] for sample in samples if sample.who == who]
    return f"{statistics.median(values):.0f}" if values else "-"


def _growth(soak: Soak, one: Growth) -> list[str]:
    if one.slope is None:
        return [soak.place.name, one.who, one.figure, "0", "0", "-", "-", f"{one.bound:g}", "-"]
    return [
        soak.place.name,
        one.who,
        one.figure,
        f"{one.slope.lives}",
        f"{one.slope.samples:,}",
        f"{one.slope.per_hour:+.2f}",
        f"{one.slope.least:+.2f} to {one.slope.most:+.2f}",
        f"{one.bound:g}",
        one.verdict,
    ]


def _acts(soak: Soak) -> Iterator[list[str]]:
    done = sum((one.acts for one in soak.rounds), Counter())
    for name, times in sorted(done.items()):
        yield [soak.place.name, name, f"{times:,}"]


def _details(soak: Soak) -> Iterator[str]:
    for number, one in enumerate(soak.rounds, 1):
        for text in one.details:
            yield f"round {number}: {text}"


def _markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rule = ["---"] * len(head)
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, rule, *lines))
