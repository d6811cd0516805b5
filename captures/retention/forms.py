from typing import Any

from django import forms

from captures.retention.rules import Rule
from orgs.forms import ServiceForm
from orgs.limits import GB
from orgs.models.organizations import LONGEST_RETENTION_DAYS

# Beyond is a slip of the finger.
MOST_GB = 10_000_000


class RetentionForm(ServiceForm):
    """What is kept. ``previewed`` holds what was shown last, so that nothing else is saved.

    ``with_limit``: it also says what all cameras keep at most.
    """

    days = forms.IntegerField(
        label="Days that pictures are kept",
        min_value=1,
        max_value=LONGEST_RETENTION_DAYS,
        required=False,
        help_text="Whole days before today, on the camera's clock. Empty: for ever.",
    )
    gigabytes = forms.DecimalField(
        label="Most gigabytes",
        max_value=MOST_GB,
        decimal_places=3,
        required=False,
        help_text="Beyond, the oldest pictures go. Empty: no limit.",
        widget=forms.NumberInput(attrs={"step": "any", "min": "0.001"}),
    )
    all_days = forms.IntegerField(
        label="Keep all pictures for so many days",
        min_value=1,
        max_value=LONGEST_RETENTION_DAYS,
        required=False,
        help_text="Afterwards fewer of them. Empty: all are kept, as long as the above says.",
    )
    hourly_days = forms.IntegerField(
        label="Then one an hour, for so many days",
        min_value=0,
        max_value=LONGEST_RETENTION_DAYS,
        required=False,
        help_text="And then one a day, the one nearest to noon.",
    )
    hold = forms.BooleanField(label="Delete nothing for now, whatever is said above", required=False)
    most_days = forms.IntegerField(
        label="Days that any camera keeps at most",
        min_value=1,
        max_value=LONGEST_RETENTION_DAYS,
        required=False,
        help_text="Also those with a rule of their own. Empty: no limit. Only owners change it.",
    )
    previewed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, with_limit: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        if not with_limit:
            del self.fields["most_days"]

    def clean_gigabytes(self) -> Any:
        given = self.cleaned_data["gigabytes"]
        if given is not None and given * GB < 1:
            raise forms.ValidationError("Choose more than nothing.")
        return given

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        thinned = given.get("all_days"), given.get("hourly_days")
        if None in thinned and thinned != (None, None) and not self.errors:
            missing = "all_days" if thinned[0] is None else "hourly_days"
            self.add_error(missing, "Thinning needs both numbers; without hours say 0.")
        return given

    def rule(self) -> Rule:
        given = self.cleaned_data
        size = given["gigabytes"]
        return Rule(
            days=given["days"],
            bytes=None if size is None else int(size * GB),
            all_days=given["all_days"],
            hourly_days=given["hourly_days"],
            hold=given["hold"],
        )

    def show_as_previewed(self, rule: Rule, most_days: int | None) -> None:
        """Let the page that shows the preview be the one that may save it."""
        self.initial["previewed"] = fingerprint(rule, most_days)
        if self.is_bound:
            self.data = {**dict(self.data.items()), "previewed": fingerprint(rule, most_days)}

    def is_previewed(self, most_days: int | None) -> bool:
        return bool(self.cleaned_data["previewed"] == fingerprint(self.rule(), most_days))


def initial_of(rule: Rule) -> dict[str, Any]:
    size = None if rule.bytes is None else f"{rule.bytes / GB:.3f}".rstrip("0").rstrip(".")
    return {
        "days": rule.days,
        "gigabytes": size,
        "all_days": rule.all_days,
        "hourly_days": rule.hourly_days,
        "hold": rule.hold,
    }


def fingerprint(rule: Rule, most_days: int | None) -> str:
    return f"{rule.days},{rule.bytes},{rule.all_days},{rule.hourly_days},{rule.hold},{most_days}"
