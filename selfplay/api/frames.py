"""Tables for pandas, which is optional: rows as dicts become a DataFrame where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selfplay.errors import UserError

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[dict[str, Any]]) -> pandas.DataFrame:
    """A DataFrame with a row for each dict. Raises UserError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise UserError(
            "a DataFrame needs pandas: install it (pip install pandas), or use the list of dicts."
        ) from None
    return pandas.DataFrame(list(rows))
