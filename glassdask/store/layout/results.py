"""The group `results`: what the report says, as numbers; a line of its table is a `quantity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

OWN = "each that of `unit`"
TIME = "sigma sqrt(m/epsilon)"
TEMPERATURE = "epsilon/kB"

#: Text coordinates: what each says.
TEXTS = {
    "quantity": "what is measured, as in the table of the report",
    "kind": "which of the calculations of the report it is from",
    "indicator": "indicator that it is about; empty: none",
    "other": "indicator that this one is correlated with; empty: none",
    "state": "class of the snapshots: liquid or glass; empty: neither",
    "unit": "unit of the value and of what is in the same unit",
    "paper": "what the paper states; empty: nothing",
    "remark": "settings and reasons, which are not numbers; empty: none",
}
#: Variables along `quantity`: unit, and what each says. NaN: not known, or of no meaning there.
NUMBERS = {
    "value": (OWN, "what this campaign gives"),
    "spread": (OWN, "standard deviation over samples or configurations"),
    "standard_error": (OWN, "standard error of the value"),
    "low": (OWN, "lower end of the 95 % interval"),
    "high": (OWN, "upper end of the 95 % interval"),
    "chance": (OWN, "what chance alone gives"),
    "count": ("1", "samples, snapshots or configurations that it is over; 0: of no meaning"),
    "networks_spread": (OWN, "standard deviation over networks of what each gives"),
    "total": ("1", "of how many: trajectories, configurations, temperatures, values of a maximum"),
    "right": ("1", "snapshots that are classified rightly"),
    "only_network": ("1", "snapshots that the network alone classifies rightly"),
    "only_linear": ("1", "snapshots that the linear model alone classifies rightly"),
    "p_value": ("1", "of the test: McNemar's for accuracies, two lines against one for T*"),
    "left_out": ("1", "counted snapshots without Gamma, or with the same one everywhere"),
    "delta": ("sigma", "delta(t) there"),
    "temperature": (TEMPERATURE, "temperature there"),
    "time": (TIME, "time there"),
    "ceiling": ("1", "root of the reliability of Delta there"),
    "over_ceiling": ("1", "correlation over this ceiling"),
    "lowest": ("1", "most negative correlation with 1 - Delta"),
    "lowest_delta": ("sigma", "delta(t) where that is"),
    "apart_at_delta": ("1", "how far C of two temperatures is apart at equal delta, rms"),
    "apart_at_time": ("1", "how far C of two temperatures is apart at equal time, rms"),
    "over_onset": ("1", "temperature there over T* of the model"),
    "over_paper": ("1", "value over that of the paper"),
    "largest_cell": ("1", "largest Voronoi cell over the mean of its species"),
    "window_low": (TEMPERATURE, "lower end of the window in which T* is looked for"),
    "window_high": (TEMPERATURE, "upper end of this window"),
    "lowest_in_window": (TEMPERATURE, "lowest T* as the window is drawn in"),
    "highest_in_window": (TEMPERATURE, "highest T* as the window is drawn in"),
    "slope_below": ("kB", "slope of e(T) below T*"),
    "slope_above": ("kB", "slope of e(T) above T*"),
    "parabola": ("1", "residual of a parabola over that of two lines"),
    "ensembles": ("1", "starts times temperatures"),
    "fewest": ("1", "trajectories of the ensemble that has fewest"),
    "most": ("1", "trajectories of the ensemble that has most"),
    "early": ("1", "configurations that relax before the first recorded time"),
    "cage_relative": (OWN, "the same, of displacements relative to the cage"),
    "peak_height": ("1", "chi_4 at its peak"),
    "peak_time": (TIME, "time of this peak"),
    "peak_of_one_start": ("1", "1: this chi_4 is that of one start, 0: of all trajectories"),
}


def results(rows: Sequence[Mapping[str, Any]], attributes: Mapping[str, Any]) -> xr.Dataset:
    """The group from its rows.

    Parameters
    ----------
    rows : sequence of mapping
        By the names of `TEXTS` and `NUMBERS`; what a row leaves out is empty or NaN. `of_network`
        is what each network gives, (network,), NaN where it gives nothing.
    attributes : mapping
        Of the group.

    Returns
    -------
    Dataset
        (quantity,), and `of_network` (quantity, network) where there are several networks.

    Raises
    ------
    KeyError
        For a name that neither table has.
    """
    for row in rows:
        if unknown := set(row) - {*TEXTS, *NUMBERS, "of_network"}:
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
    each = [row.get("of_network", ()) for row in rows]
    if networks := max(map(len, each), default=0):
        nothing = [np.nan] * networks
        values = np.array([one if len(one) else nothing for one in each])
        about = {"units": OWN, "long_name": "what each network gives; NaN: nothing"}
        variables["of_network"] = (("quantity", "network"), values, about)
        about = {"units": "1", "long_name": "network, of a seed of its own"}
        coordinates["network"] = ("network", np.arange(networks), about)
    return xr.Dataset(variables, coordinates, dict(attributes))
