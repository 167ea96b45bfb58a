"""What a person reads of a search, in a terminal or as JSON: studies, leaderboard, champion, outcome."""

from __future__ import annotations

import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tuner import wording
from tuner.errors import StudyError
from tuner.evaluate import Verdict
from tuner.home import Home, names
from tuner.ledger import Ledger
from tuner.shown import Shown, gone_on, shown_of
from tuner.study import load
from tuner.trial import Result, State, Value

if TYPE_CHECKING:
    from tuner.search import Outcome


def _console() -> Console:
    """The terminal; a pipe or a file is wide, as nobody looks at its width."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def print_search(shown: Shown, top: int, resume: str | None = None) -> None:
    """The leaderboard, and the champion with its scores; `resume` is the command that goes on with the search."""
    console = _console()
    search, ranked = shown.search, shown.ranked
    resume = resume or f"tuner search {search.label}"
    begun = time.strftime("%d %B %Y, %H:%M", time.localtime(search.created))
    console.print(f"[bold]{search.label}[/] {escape(shown.study.title)}", soft_wrap=True)
    console.print(
        f"begun {begun} · {search.data['name']}, {search.data['rows']} rows · {shown.done} of "
        f"{shown.budget} trials: {_states(shown)}",
        style="dim",
        soft_wrap=True,
    )
    if shown.owner is not None:
        console.print(_running(shown.owner), style="green", soft_wrap=True)
    if (best := shown.best_imported) is not None:
        told = f"trial {best.trial.number}, from {escape(best.program['from'])}"
        score = f"{shown.objective.metric} {wording.score(best.score)}"
        console.print(f"best imported: {score} ({told}), on other rows", style="dim", soft_wrap=True)
    if ranked:
        console.print()
        console.print(_leaderboard(shown, ranked[:top]))
        if shown.front:
            console.print(_front(shown), style="dim", soft_wrap=True)
        if len(ranked) > top:
            console.print(f"… {len(ranked) - top} more; --top {len(ranked)} shows all", style="dim")
        if shown.verdict is not None:
            console.print(f"★ the champion{', of the best mean with fresh seeds' if shown.fresh else ''}", style="dim")
    if failed := _failed(shown):
        console.print(failed, style="dim", markup=False, soft_wrap=True)
    console.print()
    if shown.verdict is not None:
        if shown.since:
            further = "" if shown.owner else f". Go on with: {resume}"
            console.print(f"{gone_on(shown)}{further}", style="yellow", soft_wrap=True)
            console.print()
        _print_verdict(console, shown.verdict)
        run = shown.runs.get(shown.verdict.champion, "not written yet")
        console.print(f"MLflow runs: champion {run}, search {search.run or 'not written yet'}", style="dim")
    elif shown.owner is not None:
        console.print("No champion yet: it is named when the search ends")
    else:
        console.print(f"No champion yet. Go on with: {resume}", soft_wrap=True)


def _front(shown: Shown) -> str:
    said = " and ".join(f"{aim.metric} ({aim.goal})" for aim in shown.objective.aims)
    trials = wording.count(len(shown.front), "trial")
    mark = "● and ★" if shown.champion in shown.front else "●"
    return f"{mark} the Pareto front of {said}: {trials} that no other betters in one without being worse in another"


def _failed(shown: Shown) -> str:
    """Of the first trial that failed why, and where more is to be read; nothing where none did."""
    failed = [result for result in shown.results if result.state is State.FAILED and result.error]
    if not failed:
        return ""
    first = min(failed, key=lambda result: result.trial.number)
    line, others = wording.last_line(first.error or ""), len(failed) - 1
    more = f" and {wording.count(others, 'other')}" if others else ""
    return f"trial {first.trial.number}{more} failed: {line}; tracebacks: tuner show {shown.search.label} --json"


def _states(shown: Shown) -> str:
    told = [f"{len(shown.imported)} imported"] if shown.imported else []
    return " · ".join(filter(None, [wording.states(shown.counts), *told])) or "none yet"


def _running(owner: Mapping[str, Any]) -> str:
    """`running since 12:03 (process 123)`, with the day and the machine where they are not those of here and now."""
    since = time.localtime(owner["since"])
    day = "" if time.strftime("%F", since) == time.strftime("%F") else time.strftime("%d %B, ", since)
    where = "" if owner["host"] == socket.gethostname() else f" on {owner['host']}"
    return f"running since {day}{time.strftime('%H:%M', since)} (process {owner['pid']}{where})"


def _leaderboard(shown: Shown, ranked: list[Result]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", justify="right", style="dim")
    table.add_column("trial", justify="right")
    for aim in shown.objective.aims:
        table.add_column(aim.metric, justify="right")
    fresh, front = shown.fresh, shown.front
    if fresh:
        table.add_column("fresh seeds", justify="right")
    table.add_column("epoch", justify="right")
    going_on = any(result.trial.parent is not None for result in ranked)
    if going_on:
        table.add_column("from", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("values", overflow="fold", ratio=1)
    names = [aim.metric for aim in shown.objective.aims]
    for place, result in enumerate(ranked, 1):
        champion = result.trial.number == shown.champion
        table.add_row(
            f"{'★ ' if champion else '● ' if result.trial.number in front else ''}{place}",
            str(result.trial.number),
            *(wording.objective(*each) for each in zip(names, (result.score, *result.further), strict=True)),
            *([wording.score(fresh[result.trial.number]) if result.trial.number in fresh else ""] if fresh else []),
            wording.epoch(result),
            *(["" if result.trial.parent is None else str(result.trial.parent)] if going_on else []),
            f"{result.seconds:.1f}",
            escape(wording.values(result.trial.values)),
            style="bold green" if champion else None,
        )
    return table


def _print_verdict(console: Console, verdict: Verdict) -> None:
    """The champion's values and what they are worth, beside the baselines."""
    console.print(f"[bold green]champion: trial {verdict.champion}[/]")
    _print_values(console, verdict.values)
    console.print()
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column(verdict.metric)
    rows.add_column("validation", justify="right")
    rows.add_column("test", justify="right")
    rows.add_column("")
    interval = f"95 % interval {wording.score(verdict.low)} to {wording.score(verdict.high)}"
    rows.add_row("champion", wording.score(verdict.score), wording.score(verdict.test), interval, style="bold")
    for baseline in verdict.baselines:
        beaten = "beaten by the champion" if baseline.beaten else "not beaten"
        rows.add_row(baseline.name, wording.score(baseline.validation), wording.score(baseline.test), beaten)
    console.print(rows)
    console.print()
    if verdict.fresh is not None:
        console.print(
            f"trained again with fresh seeds, the champion's mean on validation was {wording.score(verdict.fresh)}"
        )
    seen = "once" if verdict.looks == 1 else f"{verdict.looks} times"
    gap = f"gap between validation and test {wording.difference(verdict.gap)} (above 0: worse on the test)"
    console.print(f"{gap} · test rows seen {seen}", soft_wrap=True)
    for warning in verdict.warnings:
        console.print(f"[yellow]warning:[/] {escape(warning)}", soft_wrap=True)


def _print_values(console: Console, values: Mapping[str, Value]) -> None:
    """The network's own values on a line, and a column for each layer."""
    shared, layered = wording.by_layer(values)
    console.print(
        "  " + " · ".join(f"{name} {wording.parameter(name, each)}" for name, each in shared.items()), soft_wrap=True
    )
    if not layered:
        return
    layers = max(len(each) for each in layered.values())
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  layer", style="dim")
    for layer in range(layers):
        table.add_column(str(layer + 1), justify="right")
    for name, each in layered.items():
        table.add_row(f"  {name}", *map(wording.value, each))
    console.print(table)


_ENDS = {
    "done": "all trials are done",
    "time": "the time is up",
    "exhausted": "every combination of the space has been tried",
}


def print_outcome(outcome: Outcome, shown: Shown, resume: str) -> None:
    """What a search found and what to type next; `resume` is the command that goes on with one that was stopped."""
    console = _console()
    if outcome.verdict is None:
        console.print(f"{outcome.label} is stopped. Go on with: {resume}", soft_wrap=True)
        return
    console.print()
    console.print(f"[bold]{outcome.label}[/]: {_ENDS[outcome.ended]} ({wording.tally(shown.counts)})", soft_wrap=True)
    _print_verdict(console, outcome.verdict)
    console.print()
    console.print("next:")
    name = outcome.label.partition("@")[0]
    offers = {
        f"tuner show {name}": "the leaderboard",
        f"tuner report {name} -o {name}.html": "all of it as a page to hand on",
        "tuner ui": "browse every trial in MLflow",
        f"tuner export {name} -o model": "the champion as a Keras file that takes raw rows",
    }
    for command, what in offers.items():
        console.print(f"  {command:<{max(map(len, offers))}}  {what}", soft_wrap=True)


def outcome_json(outcome: Outcome, shown: Shown) -> dict[str, Any]:
    return {
        "search": outcome.label,
        "ended": outcome.ended,
        "trials": {state.value: count for state, count in shown.counts.items()},
        "verdict": outcome.verdict.to_json() if outcome.verdict else None,
    }


def search_json(shown: Shown) -> dict[str, Any]:
    """Everything that `tuner show` knows, every trial included, best first."""
    ranked, fresh, front = shown.ranked, shown.fresh, shown.front
    others = [*(result for result in shown.results if result not in ranked), *shown.imported]
    return {
        "search": shown.search.label,
        "title": shown.study.title,
        "data": dict(shown.search.data),
        "objective": {"metric": shown.objective.metric, "goal": shown.objective.goal, **_further(shown)},
        "run": shown.search.run,
        "running": dict(shown.owner) if shown.owner else None,
        "verdict": shown.verdict.to_json() if shown.verdict else None,
        "waiting": [trial.number for trial in shown.waiting],
        "trials": [
            {
                "number": result.trial.number,
                "champion": result.trial.number == shown.champion,
                "state": result.state.value,
                "score": result.score,
                **_of_several(shown, result, front),
                "fresh": fresh.get(result.trial.number),
                "retakes": [
                    {"seed": again.trial.seed, "state": again.state.value, "score": again.score}
                    for again in shown.retakes
                    if again.trial.number == result.trial.number
                ],
                "best_epoch": result.best_epoch,
                "epochs": len(result.history),
                **_going_on(result),
                "seconds": round(result.seconds, 3),
                "seed": None if result.imported else result.trial.seed,
                **({"imported": dict(result.program)} if result.imported else {}),
                "values": dict(result.trial.values),
                "error": wording.last_line(result.error) if result.error else None,
                **({"traceback": result.error} if result.error else {}),
                "run": shown.runs.get(result.trial.number),
            }
            for result in (*ranked, *others)
        ],
    }


def _going_on(result: Result) -> dict[str, int]:
    """Whose weights a trial went on from, and with which epoch; nothing where it began with weights of its own."""
    trial = result.trial
    return {} if trial.parent is None else {"parent": trial.parent, "first_epoch": trial.first_epoch}


def _further(shown: Shown) -> dict[str, Any]:
    aims = shown.objective.further
    return {"further": [{"metric": aim.metric, "goal": aim.goal} for aim in aims]} if aims else {}


def _of_several(shown: Shown, result: Result, front: set[int]) -> dict[str, Any]:
    """Where there are several objectives: what a trial has of each, and whether it is on the Pareto front."""
    if not shown.objective.further:
        return {}
    values = shown.objective.values(result)
    names = [aim.metric for aim in shown.objective.aims]
    return {
        "objectives": dict(zip(names, values, strict=True)) if values else None,
        "pareto": result.trial.number in front,
    }


@dataclass(frozen=True, slots=True)
class Overview:
    """A study in the list of studies."""

    name: str
    title: str
    data: str
    done: int
    total: int
    best: str
    searches: int
    problem: str | None = None


def overview(home: Home) -> list[Overview]:
    """Every study that there is a file for, and every one that was searched, by name."""
    ledger = Ledger.existing(home)
    searches = ledger.searches() if ledger else []
    newest = {search.study: search for search in searches}
    counts = [search.study for search in searches]
    files = names(home)
    rows = []
    for name in sorted({*files, *newest}):
        try:
            shown = shown_of(ledger, newest[name]) if ledger and name in newest else None
            study = load(files[name]) if name in files else shown.study if shown else None
        except StudyError as error:
            rows.append(Overview(name, "", "", 0, 0, "", 0, error.problems[0]))
            continue
        assert study is not None
        best = ""
        if shown and shown.ranked:
            best = f"{shown.objective.metric} {wording.score(shown.ranked[0].score)}"
        done = shown.done if shown else 0
        total = (shown.study if shown else study).search.trials
        data = shown.search.data["name"] if shown else study.data.source
        rows.append(Overview(name, study.title, data, done, total, best, counts.count(name)))
    return rows


def print_studies(rows: list[Overview]) -> None:
    console = _console()
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("study", "title", "data", "trials", "best"):
        table.add_column(name, no_wrap=name in ("study", "trials"), overflow="fold")
    for row in rows:
        if row.problem:
            table.add_row(row.name, "[red]cannot be read, see below[/]", "", "", "")
            continue
        trials = f"{row.done}/{row.total}" + (f", {row.searches} searches" if row.searches > 1 else "")
        table.add_row(f"[bold]{row.name}[/]", escape(row.title), escape(row.data), trials, row.best)
    console.print(table)
    for problem in [row.problem for row in rows if row.problem]:
        console.print(f"\n[red]{escape(problem)}[/]", soft_wrap=True)
    if not any(row.done for row in rows):
        console.print("\nbegin with: tuner search diabetes", style="dim")
