"""The group `results`: the numbers of the report; each line of its table is a `quantity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

OWN = "each that of `unit`"
TIME = "sigma sqrt(m/epsilon)"
TEMPERATURE = "epsilon/kB"

#: Text coordinates and their descriptions.
TEXTS = {
    "quantity": "what is measured, as in the table of the report",
    "kind": "calculation of the report",
    "indicator": "indicator of the quantity; empty: none",
    "other": "second indicator of a correlation; empty: none",
    "state": "class of the snapshots: liquid or glass; empty: neither",
    "unit": "unit of the value and of related variables",
    "paper": "value or statement in the paper; empty: none",
    "remark": "settings and reasons, as text; empty: none",
}
#: Variables along `quantity`: units and descriptions. NaN: unknown or not applicable.
NUMBERS = {
    "value": (OWN, "value in this campaign"),
    "spread": (OWN, "standard deviation over samples or configurations"),
    "standard_error": (OWN, "standard error of the value"),
    "low": (OWN, "lower end of the 95 % interval"),
    "high": (OWN, "upper end of the 95 % interval"),
    "chance": (OWN, "chance level: 95 % of the absolute values by chance lie below it"),
    "count": ("1", "number of samples, snapshots or configurations; 0: not applicable"),
    "networks_spread": (OWN, "standard deviation over networks"),
    "total": (
        "1",
        "total number of trajectories, configurations, temperatures, or values of a maximum",
    ),
    "right": ("1", "correctly classified snapshots"),
    "only_network": ("1", "snapshots that only the network classifies correctly"),
    "only_linear": ("1", "snapshots that only the linear model classifies correctly"),
    "p_value": (
        "1",
        "p-value: of chance for correlations, McNemar's test for accuracies, one line against two "
        "for T*",
    ),
    "left_out": ("1", "counted snapshots without Gamma, or with constant Gamma"),
    "delta": ("sigma", "delta(t) at this value"),
    "temperature": (TEMPERATURE, "temperature of this value"),
    "time": (TIME, "time of this value"),
    "ceiling": ("1", "square root of the reliability of Delta"),
    "over_ceiling": ("1", "correlation divided by the ceiling"),
    "share": ("1", "size of the indicator's correlation at the same place, divided by the value"),
    "lowest": ("1", "most negative correlation with 1 - Delta"),
    "lowest_delta": ("sigma", "delta(t) at the lowest correlation"),
    "apart_at_delta": ("1", "rms difference of C between temperatures at equal delta"),
    "apart_at_time": ("1", "rms difference of C between temperatures at equal time"),
    "over_onset": ("1", "temperature divided by T* of the model"),
    "over_paper": ("1", "value divided by that of the paper"),
    "largest_cell": ("1", "largest Voronoi cell divided by the mean of its species"),
    "window_low": (TEMPERATURE, "lower end of the temperature window for T*"),
    "window_high": (TEMPERATURE, "upper end of the temperature window for T*"),
    "lowest_in_window": (TEMPERATURE, "lowest T* for smaller windows"),
    "highest_in_window": (TEMPERATURE, "highest T* for smaller windows"),
    "slope_below": ("kB", "slope of e(T) below T*"),
    "slope_above": ("kB", "slope of e(T) above T*"),
    "parabola": ("1", "sum of squares of a parabola, relative to that of two lines"),
    "ensembles": ("1", "number of starts times temperatures"),
    "fewest": ("1", "smallest number of trajectories of an ensemble"),
    "most": ("1", "largest number of trajectories of an ensemble"),
    "early": ("1", "configurations that relax before the first recorded time"),
    "cage_relative": (OWN, "value for cage-relative displacements"),
    "peak_height": ("1", "chi_4 at its peak"),
    "peak_time": (TIME, "time of the peak"),
    "peak_of_one_start": ("1", "1: chi_4 of one start, 0: of all trajectories"),
}
#: Variables along `quantity` and `coarse_graining_length`, of correlations: the same for every xi.
OF_LADDER = {
    f"{name}_ladder": (
        NUMBERS[name][0], f"{NUMBERS[name][1].partition(':')[0]}, for each xi of the ladder"
    )
    for name in ("value", "spread", "standard_error", "chance", "p_value")
}  # fmt: skip


def results(
    rows: Sequence[Mapping[str, Any]],
    attributes: Mapping[str, Any],
    ladder: Sequence[float] = (),
) -> xr.Dataset:
    """The group from its rows.

    Parameters
    ----------
    rows : sequence of mapping
        With names in `TEXTS`, `NUMBERS` and `OF_LADDER`; missing ones become empty or NaN.
        `of_network` has the value of each network, (network,), or NaN.
    attributes : mapping
        Attributes of the group.
    ladder : sequence of float
        The xi of the variables in `OF_LADDER`, sigma.

    Returns
    -------
    Dataset
        (quantity,), and `of_network` (quantity, network) if there are several networks.

    Raises
    ------
    KeyError
        When a name is in none of these tables.
    """
    import xarray as xr

    for row in rows:
        if unknown := set(row) - {*TEXTS, *NUMBERS, *OF_LADDER, "of_network"}:
            raise KeyError(f"the group results has no {', '.join(sorted(unknown))}")
    coordinates: dict[str, Any] = {}
    for name, text in TEXTS.items():
        default = "1" if name == "unit" else ""
        values = np.array([row.get(name, default) for row in rows], dtype=np.dtypes.StringDType())
        coordinates[name] = ("quantity", values, {"units": "1", "long_name": text})
    variables: dict[str, Any] = {}
    for name, (units, text) in NUMBERS.items():
        missing, dtype = (0, np.int64) if name == "count" else (np.nan, np.float64)
        values = np.array([row.get(name, missing) for row in rows], dtype=dtype)
        variables[name] = ("quantity", values, {"units": units, "long_name": text})
    if ladder:
        nothing = [np.nan] * len(ladder)
        about = {"units": "sigma", "long_name": "coarse-graining length xi; 0: not coarse-grained"}
        coordinates["coarse_graining_length"] = ("coarse_graining_length", list(ladder), about)
        for name, (units, text) in OF_LADDER.items():
            values = np.array([row.get(name, nothing) for row in rows], dtype=float)
            about = {"units": units, "long_name": text}
            variables[name] = (("quantity", "coarse_graining_length"), values, about)
    each = [row.get("of_network", ()) for row in rows]
    if networks := max(map(len, each), default=0):
        nothing = [np.nan] * networks
        values = np.array([one if len(one) else nothing for one in each])
        about = {"units": OWN, "long_name": "value of each network; NaN: none"}
        variables["of_network"] = (("quantity", "network"), values, about)
        about = {"units": "1", "long_name": "network; each has its own seed"}
        coordinates["network"] = ("network", np.arange(networks), about)
    return xr.Dataset(variables, coordinates, dict(attributes))
