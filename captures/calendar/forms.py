from datetime import date, timedelta
from typing import Any

from django import forms

from captures.calendar.reading import FIRST_DAY, MOST_DAYS


class DownloadFilter(forms.Form):
    """Which days are downloaded, both ends included."""

    to = forms.DateField(label="To", widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any = None, *, today: date) -> None:
        last = {"from": today - timedelta(days=30), "to": today}
        given = {name: value for name, value in (data or {}).items() if name in last and value}
        super().__init__({name: str(day) for name, day in last.items()} | given)
        begin = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
        self.fields = {"from": begin, **self.fields}

    def clean(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().clean() or {}
        first, last = fields.get("from"), fields.get("to")
        if first and last and not (first >= FIRST_DAY and 0 <= (last - first).days < MOST_DAYS):
            raise forms.ValidationError(f"Choose 1 to {MOST_DAYS} days, from the first to the last.")
        return fields
