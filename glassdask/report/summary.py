"""The main results in six to eight rows, for the terminal and the top of the page."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import xarray as xr

from glassdask.base.attributes import texts
from glassdask.base.terminal import plain
from glassdask.campaign import Campaign
from glassdask.report import missing, paper, style
from glassdask.report.accuracy import INPUTS
from glassdask.report.data import FEW
from glassdask.report.lines import NOT_LEARNT, SIGNIFICANT, Line, lines, number, wrapped
from glassdask.report.notes_of_motion import ENOUGH, SMALL_DELTA
from glassdask.store import layout

#: Columns of the terminal that the rows fit, and the widths of question and paper.
WIDTH, QUESTION, PAPER = 80, 30, 8
_HERE = WIDTH - QUESTION - PAPER - 4
#: Largest number of cautions; all notes are in the whole table.
CAUTIONS = 6

Found = dict[tuple[str, str, str], Line]


@dataclass(frozen=True)
class Answer:
    """One row of the summary.

    Attributes
    ----------
    question : str
        What is asked, such as "glasses classified correctly".
    here : list of str
        What this campaign found, with 95 % intervals; or why there is no number.
    paper : str
        Value in the paper; empty if it states none.
    """

    question: str
    here: list[str] = field(default_factory=list)
    paper: str = ""


def answers(results: xr.Dataset, campaign: Campaign) -> list[Answer]:
    """Six to eight rows: work, accuracy, Gamma and indicators, later motion, cautions.

    One more with [correlate] supervised.

    Parameters
    ----------
    results : Dataset
        The group `results`.
    campaign : Campaign
    """
    found = {(one.kind, one.indicator, one.state): one for one in lines(results)}
    pairs = {
        (one.indicator, one.other, one.state): one
        for one in lines(results)
        if one.kind == "correlation"
    }
    lacking = texts(results.attrs["missing"])
    rows = [_work(found, results, campaign)]
    if "network" in lacking:
        rows += [Answer("networks", ["none trained"]), Answer("Γ", ["none: it needs a network"])]
    else:
        rows += [_accuracy(found, state) for state in ("glass", "liquid")]
    if results.attrs["learnt"]:
        rows += [_with_gamma(pairs, name) for name in ("voronoi_volume", "tong_tanaka")]
    else:
        if "network" not in lacking:
            rows.append(Answer("Γ", [f"none: {NOT_LEARNT}"]))
        rows.append(_order_and_volume(pairs, "glass" if "glass" not in lacking else "liquid"))
    rows += _motion(found, "ensemble" in lacking, bool(results.attrs["learnt"]))
    cautions = _cautions(found, results)[:CAUTIONS]
    return [*rows, Answer("caution", cautions or ["none"])]


def _work(found: Found, results: xr.Dataset, campaign: Campaign) -> Answer:
    """Finished runs and trajectories."""
    done, total = results.attrs["runs"], campaign.file.quench.runs
    text = f"{done} of {total} {'configurations' if campaign.imported else 'quenches'}"
    moved = found.get(("trajectories", "", ""))
    if moved is not None:
        text += f", {moved.value:.0f} of {moved.total:.0f} trajectories"
    return Answer("finished", [text])


def _accuracy(found: Found, state: str) -> Answer:
    line = found["accuracy", "", state]
    several = "glasses" if state == "glass" else "liquids"
    here = f"{_with_interval(line)}, {line.right:.0f} of {line.count}" if line.count else ""
    return Answer(f"{several} classified correctly", [here or "no test snapshot"], line.paper)


def _with_interval(line: Line) -> str:
    """A value and its 95 % interval; nothing in its place if there is none."""
    text = number(line.value, ".2f")
    if math.isfinite(line.low) and math.isfinite(line.high):
        return f"{text} [{number(line.low, '.2f')}, {number(line.high, '.2f')}]"
    return f"{text} [no interval]"


def _by_chance(line: Line) -> str:
    return ", as by chance" if line.p_value >= SIGNIFICANT else ""


def _with_gamma(pairs: Found, name: str) -> Answer:
    """Correlation of Gamma in glasses with one of the paper's indicators."""
    question = f"C(Γ, {style.signed(name, style.LETTERS)}), {style.NAMES[name]}"
    line = pairs.get(("gradcam", name, "glass"))
    return _correlation(question, line, f"{style.NAMES[name]} was not computed")


def _order_and_volume(pairs: Found, state: str) -> Answer:
    """Correlation of the two indicators of the paper, which needs no network."""
    line = pairs.get(("tong_tanaka", "voronoi_volume", state))
    return _correlation(f"C(1 − Θ, Υ), {state}", line, "Θ or Υ was not computed")


def _correlation(question: str, line: Line | None, why_missing: str) -> Answer:
    if line is None:
        return Answer(question, [f"none: {why_missing}"])
    here = _with_interval(line) + _by_chance(line) if line.count else "none: no test snapshot"
    return Answer(question, [here], line.paper)


def _motion(found: Found, without: bool, learnt: bool) -> list[Answer]:
    """How well the structure predicts the later motion, and whether Gamma is better."""
    question = "C(Γ, 1 − Δ), later immobility"
    if without:
        return [Answer("later motion", ["not measured: no trajectories"])]
    gamma = found.get(("largest", "gradcam", ""))
    ridge = [_supervised(one) for key, one in found.items() if key[0] == "supervised"]
    if learnt and gamma is not None:
        better = [_advantage(one) for key, one in found.items() if key[0] == "advantage"]
        return [_prediction(question, gamma), *better, *ridge]
    others = [one for key, one in found.items() if key[0] == "largest" and key[1] != "gradcam"]
    known = [one for one in others if math.isfinite(one.value)]
    if not known:
        return [Answer("later motion", ["none: no finished trajectory"])]
    best = max(known, key=lambda one: abs(one.value))
    letter = style.signed(best.indicator, style.LETTERS)
    return [_prediction(f"C({letter}, 1 − Δ), later immobility", best), *ridge]


def _prediction(question: str, line: Line) -> Answer:
    if not math.isfinite(line.value):
        return Answer(question, ["none: no glass with Γ and motion"], line.paper)
    where = _by_chance(line) or f" at δ = {line.delta:.2g} σ"
    return Answer(question, [_with_interval(line) + where], line.paper)


def _advantage(line: Line) -> Answer:
    """Whether Gamma predicts the motion better than the best indicator without a network."""
    question = f"better than {style.NAMES[line.other]}?"
    if not math.isfinite(line.value):
        return Answer(question, ["not known: no common glass"])
    return Answer(question, [f"{verdict(line)}, difference {_with_interval(line)}"])


def _supervised(line: Line) -> Answer:
    """How much of the motion structure can predict, and which part of that an indicator has."""
    here = _with_interval(line)
    if line.share > 0:
        letter = style.signed(line.indicator, style.LETTERS)
        here += f"; {letter} has {number(line.share, '.2f')} of it"
    return Answer("C(ridge, 1 − Δ), supervised", [here])


def verdict(line: Line) -> str:
    """Whether a difference is above 0, below 0, or neither."""
    if line.low > 0:
        return "yes"
    return "no" if line.high < 0 else "not shown"


def _cautions(found: Found, results: xr.Dataset) -> list[str]:
    """What limits the numbers above, the most important first."""
    said = []
    rate, cavities = found["cooling_rate", "", ""], found.get(("cavities", "", ""))
    if cavities is not None:
        said.append(f"cavities in {cavities.value:.0f} of {cavities.count} glasses")
    if rate.over_paper > 1.5:
        said.append(f"cooled {rate.over_paper:,.0f} times as fast as in the paper")
    said += _about_networks(found, results)
    gamma = found.get(("largest", "gradcam", ""))
    largest = [one for key, one in found.items() if key[0] == "largest" and one.total > 0]
    if largest:
        most = max(largest, key=lambda one: one.count)
        if most.count < FEW:
            several = "s" * (most.count != 1)
            said.append(f"motion of {most.count} start{several}: interval over replicas only")
        said.append(f"C with 1 − Δ is the largest of {most.total:.0f} values")
    if gamma is not None and gamma.delta < SMALL_DELTA:
        said.append(f"motion within the cage (δ = {gamma.delta:.2g} σ)")
    short = [one for key, one in found.items() if key[0] == "equilibration"]
    if any(not (one.value >= ENOUGH and one.cage_relative >= ENOUGH) for one in short):
        said.append(f"starts equilibrated for less than {ENOUGH} relaxation times")
    return said


def _about_networks(found: Found, results: xr.Dataset) -> list[str]:
    """Whether the task is too easy, and how far the maps of several networks agree."""
    if not results.attrs["learnt"]:
        return []
    said = []
    for name, words in INPUTS.items():
        both = [found.get(("linear_model", name, state)) for state in layout.STATES]
        known = [one for one in both if one and one.count]
        if len(known) == len(both) and all(one.only_network <= one.only_linear for one in known):
            right, count = sum(one.right for one in known), sum(one.count for one in known)
            said.append(f"a linear model on {words} is as good, {right:.0f} of {count}")
            break  # one shows that the task is easy
    agreed = found.get(("agreement", "gradcam", "glass"))
    if agreed is None:
        said.append("one network: another one gives another Γ")
    elif agreed.count:
        said.append(f"Γ of two networks agree to {_with_interval(agreed)}")
    return said


def title(campaign: Campaign) -> str:
    """Name, model and size of the campaign, beside the size in the paper."""
    model = campaign.model
    size = f"N = {campaign.file.system.particles:,d}"
    if paper.numbers(model).largest:
        size += f" (the paper: {paper.PARTICLES:,d})"
    return f"{campaign.file.campaign.name}: {model.name} in {model.dimension}D, {size}"


def as_text(results: xr.Dataset, campaign: Campaign) -> list[str]:
    """The rows as lines of at most `WIDTH` characters."""
    found = wrapped(plain(title(campaign)), WIDTH)
    found += ["", f"{'':{QUESTION}}  {'here [95 % interval]':{_HERE}}  {'paper':>{PAPER}}"]
    for row in answers(results, campaign):
        found += _wrapped(row)
    xi = results.attrs["coarse_graining_length"]
    about = (
        f"C: Pearson correlation over the particles, coarse-grained over {xi:g} σ; mean over the "
        "test snapshots, or over the starts of the trajectories. "
    )
    if results.attrs["learnt"]:
        about += f"Γ: {layout.gamma_name(campaign)}. "
    return [*found, "", *wrapped(about, WIDTH)]


def _wrapped(row: Answer) -> list[str]:
    """One row as lines; text goes on in the column of the paper if that is empty."""
    wide = _HERE if row.paper else _HERE + PAPER + 2
    left = wrapped(plain(row.question), QUESTION)
    middle = [line for text in row.here for line in wrapped(plain(text), wide)]
    found = []
    for k in range(max(len(left), len(middle))):
        question, here = (part[k] if k < len(part) else "" for part in (left, middle))
        stated = row.paper if k == 0 else ""
        found.append(f"{question:{QUESTION}}  {here:{_HERE}}  {stated:>{PAPER}}".rstrip())
    return found


def show(results: xr.Dataset, campaign: Campaign) -> None:
    """Print the rows, what is missing, and how to see the whole table."""
    for line in [*as_text(results, campaign), *missing.sentences(results, campaign)]:
        print(line)
    print(f"All numbers with notes: glassdask report {campaign.typed} --table")
