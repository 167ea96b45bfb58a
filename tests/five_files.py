"""Five files as people have them lying about: columns of all kinds, gaps marked in all ways, dates, ids."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROWS = 240


def _day(dice: random.Random, first: int, last: int) -> str:
    return f"{dice.randint(first, last)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"


def churn(dice: random.Random) -> Iterable[tuple[object, ...]]:
    """Who left: a text as the target, empty cells, an id of letters, and a column of amounts with a stray space."""
    yield ("customerID", "gender", "SeniorCitizen", "tenure", "Contract", "PaymentMethod", "MonthlyCharges",
           "TotalCharges", "Churn")  # fmt: skip
    for _ in range(ROWS):
        tenure, monthly = dice.randint(0, 72), round(dice.uniform(18, 119), 2)
        contract = dice.choice(("Month-to-month", "One year", "Two year"))
        leaves = dice.random() < (0.45 if contract == "Month-to-month" else 0.1)
        yield (
            f"{dice.randint(1000, 9999)}-{''.join(dice.choices('ABCDEFGHKLMNPRSTUVWXYZ', k=5))}",
            dice.choice(("Female", "Male")),
            dice.choice((0, 0, 0, 1)),
            tenure,
            contract,
            dice.choice(("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")),
            monthly,
            " " if tenure == 0 else round(monthly * tenure, 2),
            "Yes" if leaves else "No",
        )


def used_cars(dice: random.Random) -> Iterable[tuple[object, ...]]:
    """What they cost, as a spreadsheet of a German dealer has it: semicolons, commas in numbers, ? for a gap."""

    def comma(number: float, places: int) -> str:
        return f"{number:.{places}f}".replace(".", ",")

    yield "Nr", "Marke", "Kraftstoff", "Getriebe", "Erstzulassung", "km-Stand", "PS", "Verbrauch", "Unfall", "Preis"
    for number in range(1, ROWS + 1):
        year, km, power = dice.randint(2004, 2023), dice.randint(1000, 260_000), dice.choice((69, 90, 110, 150, 190))
        price = 1500 + 900 * (year - 2003) + 60 * power - km / 40 + dice.gauss(0, 900)
        yield (
            number,
            dice.choice(("VW", "Opel", "Škoda", "BMW", "Ford")),
            dice.choice(("Benzin", "Diesel", "Elektro", "?")),
            dice.choice(("Manuell", "Automatik")),
            f"{dice.randint(1, 28):02d}.{dice.randint(1, 12):02d}.{year}",
            km,
            power if dice.random() > 0.05 else "?",
            comma(dice.uniform(3.8, 11.5), 1),
            dice.choice(("ja", "nein", "nein", "nein")),
            comma(max(price, 400), 2),
        )


def hospital_stays(dice: random.Random) -> Iterable[tuple[object, ...]]:
    """Who came back within 30 days, which few do: several stays of a patient, codes, and 'unknown' for a gap."""
    yield ("encounter_id", "patient_id", "admitted", "age", "weight_kg", "sex", "admission_type", "diagnosis",
           "lab_glucose", "medications", "readmitted_30d")  # fmt: skip
    for number in range(ROWS):
        stays, age = dice.randint(0, 6), dice.randint(18, 94)
        yield (
            100_000 + 7 * number,
            dice.randint(2000, 2090),
            _day(dice, 2019, 2023),
            age,
            "unknown" if dice.random() < 0.2 else round(dice.gauss(78, 15), 1),
            dice.choice(("F", "M")),
            dice.choice((1, 2, 3, 5)),
            dice.choice(("I10", "E11", "J18", "S72", "N39", "unknown")),
            -999 if dice.random() < 0.1 else round(dice.gauss(118, 30)),
            stays + dice.randint(1, 12),
            int(dice.random() < 0.03 + 0.02 * stays),
        )


def sensor_readings(dice: random.Random) -> Iterable[tuple[object, ...]]:
    """What a machine did, minute by minute: times, -999 for a sensor that said nothing, one column that never moves."""
    yield "timestamp", "machine", "temp_C", "pressure_kPa", "vibration", "rpm", "firmware", "state"
    for minute in range(ROWS):
        state = dice.choices(("running", "idle", "fault"), (6, 3, 1))[0]
        hot, fast = {"running": (70, 1480), "idle": (32, 0), "fault": (91, 700)}[state]
        yield (
            f"2024-03-{1 + minute // 60:02d} {8 + minute // 60:02d}:{minute % 60:02d}:00",
            f"M{dice.randint(1, 4)}",
            -999 if dice.random() < 0.04 else round(dice.gauss(hot, 3), 2),
            "NaN" if dice.random() < 0.03 else round(dice.gauss(101.3, 1.5), 2),
            round(abs(dice.gauss(0.2, 0.1)) * (4 if state == "fault" else 1), 4),
            max(0, round(dice.gauss(fast, 20))),
            "2.1.7",
            state,
        )


def survey(dice: random.Random) -> Iterable[tuple[object, ...]]:
    """How content people are, from 1 to 5: answers on a scale, 99 for none, free text, and commas within quotes."""
    yield ("respondent", "submitted", "age_group", "country", "q1_price", "q2_quality", "q3_support", "visits",
           "income", "comment", "satisfaction")  # fmt: skip
    for number in range(1, ROWS + 1):
        answers = [99 if dice.random() < 0.06 else dice.randint(1, 5) for _ in range(3)]
        known = [each for each in answers if each != 99] or [3]
        yield (
            f"R{number:04d}",
            f"{dice.randint(1, 12)}/{dice.randint(1, 28)}/2023",
            dice.choice(("18-24", "25-34", "35-49", "50-64", "65+")),
            dice.choice(("Germany", "France", "Côte d'Ivoire", "Bosnia, Herzegovina", "n/a")),
            *answers,
            dice.randint(0, 40),
            "" if dice.random() < 0.3 else f"${dice.randint(12, 140)},{dice.randint(0, 999):03d}",
            dice.choice(("", "ok", "too expensive, sadly", "never again"))
            + f" {number if dice.random() < 0.7 else ''}",
            min(5, max(1, round(sum(known) / len(known) + dice.gauss(0, 0.5)))),
        )


FILES: Mapping[str, tuple[Callable[[random.Random], Iterable[tuple[object, ...]]], str]] = {
    "churn": (churn, ","),
    "used_cars": (used_cars, ";"),
    "hospital_stays": (hospital_stays, ","),
    "sensor_readings": (sensor_readings, ","),
    "survey": (survey, ","),
}


def write(name: str, folder: Path) -> Path:
    """One of them, the same every time."""
    import csv

    rows, delimiter = FILES[name]
    path = folder / f"{name}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows(random.Random(f"{name} of 2024")))
    return path
