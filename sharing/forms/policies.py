from django import forms

from orgs.forms import ServiceForm
from orgs.models import Role
from sharing.models.policies import LONGEST_DAYS, MOST_DAYS


class PolicyForm(ServiceForm):
    """What an organization lets its members share."""

    enabled = forms.BooleanField(
        label="Links of this organization open",
        required=False,
        help_text="Off: none opens for anybody, until this is on again. Nothing is taken back.",
    )
    longest_days = forms.IntegerField(
        label="Longest life of a link, in days",
        min_value=1,
        max_value=MOST_DAYS,
        required=False,
        help_text=f"Usually {LONGEST_DAYS}. Empty: links that never end can be made, too.",
    )
    smallest_role = forms.ChoiceField(
        label="Who may share",
        choices=[(Role.MEMBER, "Members and admins"), (Role.ADMIN, "Admins")],
        help_text="Links of who may not share any more end at once.",
    )
    contact = forms.CharField(
        label="How outsiders reach you",
        max_length=200,
        required=False,
        help_text="An e-mail address or a telephone number; on public pages and on signs.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
