"""What is shared, and on which terms. Days are days of the camera's clock."""

from typing import Any, cast

from django import forms

from devices.models import Device
from orgs.forms import DayField, ServiceForm
from sharing.models import LinkKind, Sampling, ShareLink, SharingPolicy
from sharing.models.links import LONGEST_DELAY_HOURS
from sharing.services.links import LONGEST_PASSWORD, MOST_VIEWS, SHORTEST_PASSWORD, Never, default_days
from sharing.spans import span_of_days

KINDS = [
    (LinkKind.DEVICE, "All its pictures, also those to come"),
    (LinkKind.RANGE, "Those of a span of days"),
    (LinkKind.LATEST, "Always the latest one"),
]


class TermsForm(ServiceForm):
    """The terms of a link. ``never`` is only there where the organization lets links live for ever."""

    expires_in_days = forms.IntegerField(label="Days until it ends", min_value=1)
    never = forms.BooleanField(label="It never ends by itself", required=False)
    password = forms.CharField(
        required=False,
        min_length=SHORTEST_PASSWORD,
        max_length=LONGEST_PASSWORD,
        strip=False,
        help_text="Empty: whoever has the link may look. Tell it by another way than the link.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    max_views = forms.IntegerField(
        label="Most views",
        min_value=1,
        max_value=MOST_VIEWS,
        required=False,
        help_text="Visits of twelve hours each. Empty: no limit.",
    )
    delay_hours = forms.IntegerField(
        label="Delay in hours",
        min_value=0,
        max_value=LONGEST_DELAY_HOURS,
        required=False,
        help_text="Only pictures older than this are shown. Empty: no delay.",
    )
    sampling = forms.ChoiceField(label="Pictures", choices=Sampling.choices, initial=Sampling.ALL)
    download_allowed = forms.BooleanField(label="Let visitors download the originals", required=False)
    verdict_hidden = forms.BooleanField(label="Hide verdicts and reasons", required=False)
    picture_in_preview = forms.BooleanField(
        label="Show a picture in previews of messengers; not with a password or a limit of views", required=False
    )
    embed_origins = forms.CharField(
        label="Sites that may embed it",
        required=False,
        help_text="One on each line, like https://www.example.org. Empty: none.",
        widget=forms.Textarea(attrs={"rows": 2, "spellcheck": "false"}),
    )
    note = forms.CharField(
        required=False,
        max_length=200,
        help_text="What it is for; only members see it.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, policy: SharingPolicy, **options: Any) -> None:
        options["initial"] = {"expires_in_days": default_days(policy), **options.get("initial", {})}
        super().__init__(data, **options)
        days = cast(forms.IntegerField, self.fields["expires_in_days"])
        if policy.longest_days is None:
            days.required = False
            days.help_text = "Counted from now."
        else:
            del self.fields["never"]
            # Again with all its validators: the largest number is one of them, and in the browser's field too.
            self.fields["expires_in_days"] = forms.IntegerField(
                label=days.label,
                min_value=1,
                max_value=policy.longest_days,
                help_text=f"Counted from now; at most {policy.longest_days}.",
            )

    def clean_delay_hours(self) -> int:
        return self.cleaned_data["delay_hours"] or 0

    def clean_embed_origins(self) -> list[str]:
        return str(self.cleaned_data["embed_origins"]).split()

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("embed_origins") and given.get("password"):
            self.add_error("embed_origins", "A link with a password cannot be embedded.")
        return given

    def terms(self) -> dict[str, Any]:
        """Return what is said of the link but for its password, as the services take it."""
        given = self.cleaned_data
        names = ("max_views", "delay_hours", "download_allowed", "picture_in_preview", "note")
        return {
            "expires_in_days": Never if given.get("never") else given["expires_in_days"],
            # Of one picture it is not asked.
            "sampling": given.get("sampling", Sampling.ALL),
            "verdict_shown": not given["verdict_hidden"],
            "embed_origins": given["embed_origins"],
            **{name: given[name] for name in names},
        }


class ShareForm(TermsForm):
    """A new link to what a camera takes, or to one picture, of which only the terms are asked."""

    kind = forms.ChoiceField(
        label="What they see", choices=KINDS, initial=LinkKind.DEVICE, widget=forms.RadioSelect
    )
    range_from = DayField(label="First day", required=False)
    range_until = DayField(label="Last day", required=False)

    def __init__(self, data: Any = None, *, device: Device, is_one_picture: bool, **options: Any) -> None:
        super().__init__(data, **options)
        self.device = device
        if is_one_picture:
            for name in ("kind", "range_from", "range_until", "sampling"):
                del self.fields[name]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if not self.errors and not given.get("never") and given["expires_in_days"] is None:
            self.add_error("expires_in_days", "Say after how many days it ends, or that it never does.")
        if given.get("kind") == LinkKind.RANGE:
            for name, which in (("range_from", "first"), ("range_until", "last")):
                if not given.get(name) and name not in self.errors:
                    self.add_error(name, f"Choose the {which} day.")
        return given

    def shown(self) -> dict[str, Any]:
        """Return which pictures of the camera are shared, as the services take it."""
        kind = LinkKind(self.cleaned_data["kind"])
        if kind != LinkKind.RANGE:
            return {"kind": kind}
        first, last = self.cleaned_data["range_from"], self.cleaned_data["range_until"]
        since, until = span_of_days(self.device, first, last)
        return {"kind": kind, "range_from": since, "range_until": until}


class ChangeForm(TermsForm):
    """Other terms of a link that is there. Its end and its password stay unless something is said of them."""

    password_removed = forms.BooleanField(label="Ask for no password any more", required=False)

    def __init__(self, data: Any = None, *, link: ShareLink, **options: Any) -> None:
        super().__init__(data, initial=_initial(link), **options)
        days = self.fields["expires_in_days"]
        days.required, days.label = False, "Days until it ends, from now"
        days.help_text = f"{days.help_text} Empty: its end stays as it is."
        self.fields["password"].label = "Another password" if link.password_hash else "Password"
        if link.password_hash:
            self.fields["password"].help_text = "Empty: it stays. A new one shuts out who had the old."
        else:
            del self.fields["password_removed"]
        if link.kind == LinkKind.CAPTURE:
            del self.fields["sampling"]

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        if given.get("password") and given.get("password_removed"):
            self.add_error("password", "Give another password, or ask for none.")
        return given

    def new_password(self) -> str | None:
        """Return what the service takes: None leaves the password as it is."""
        given = self.cleaned_data
        return "" if given.get("password_removed") else given["password"] or None


def _initial(link: ShareLink) -> dict[str, Any]:
    names = ("max_views", "sampling", "download_allowed", "picture_in_preview", "note")
    return {
        "expires_in_days": None,
        "delay_hours": link.delay_hours or None,
        "verdict_hidden": not link.verdict_shown,
        "embed_origins": "\n".join(link.embed_origins),
        **{name: getattr(link, name) for name in names},
    }
