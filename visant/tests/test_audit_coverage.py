"""Every service that changes access leaves an entry in the audit. A service nobody thought about fails here: it
belongs into ``audit_scenarios.py``, or with its reason into ``NOT_ACCESS``."""

import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings

from orgs.models import AuditEntry
from orgs.wording import ACTIONS_OF, SENTENCES
from visant.tests.audit_scenarios import AUDITED, World

APPS = ("orgs", "devices", "captures", "sharing")
ALSO_SERVICES = {"captures/evaluation/teaching.py"}
# The services that leave no entry, each with its reason.
NOT_ACCESS = {
    "captures.evaluation.services.claim_next": "a worker's part: takes a picture under a lease",
    "captures.evaluation.services.evaluate_claimed": "a worker's part: judges a picture",
    "captures.evaluation.services.evaluate_next": "a worker's part: judges a picture",
    "captures.evaluation.services.judge": "a worker's part: judges a picture",
    "captures.evaluation.services.record_outcomes": "a worker's part: keeps the verdict",
    "captures.evaluation.services.retry_failed": "has pictures judged again",
    "captures.evaluation.services.retry_over_limit": "has pictures judged again",
    "captures.evaluation.teaching.is_reference": "reads",
    "captures.evaluation.teaching.label_capture": "says what a picture is; who said it stands on the picture",
    "captures.retention.deleting.delete_due": "does what a rule says, whose change is audited",
    "captures.retention.deleting.forget_deleted": "forgets what was deleted long ago",
    "captures.retention.deleting.refuse_held": "refuses; writes nothing",
    "captures.retention.policies.check_rule": "refuses; writes nothing",
    "captures.direct.services.begin_upload": "notes what a camera is about to hand in",
    "captures.direct.services.complete_upload": "takes a picture in",
    "captures.direct.services.form_of": "signs",
    "captures.direct.services.sweep_uploads": "forgets what cameras have begun",
    "captures.services.find_first": "reads",
    "captures.services.has_bytes": "reads",
    "captures.services.is_name_of_picture": "reads",
    "captures.leaving.services.close_lost_exports": "says of a file that is gone that it is",
    "captures.leaving.services.is_export_waiting": "reads",
    "captures.leaving.services.make_next_export": "a worker's part: makes what was asked for",
    "captures.leaving.services.open_export": "reads what fetch_export noted",
    "captures.leaving.services.remove_expired_exports": "forgets files that are over",
    "captures.services.newest_of_each": "reads",
    "captures.services.settle_moment": "reads",
    "captures.services.store_capture": "takes a picture in",
    "devices.services.keys.authenticate_device": "notes that a key was used; that stands in its row",
    "devices.services.commands.acknowledge_command": "notes what a camera did",
    "devices.services.commands.ask_for_picture": "asks for a picture; who did stands in the command's row",
    "devices.services.commands.find_command": "reads",
    "devices.services.commands.prune_commands": "forgets what was over long ago",
    "devices.services.configuration_version.bump_configuration": "a part of a change, which is audited",
    "devices.services.desired_configuration.desired_configuration": "reads",
    "devices.services.reported_configuration.differences_of": "reads",
    "devices.services.reported_configuration.is_in_sync": "reads",
    "devices.services.reported_configuration.report_configuration": "notes what a camera says it does",
    "devices.services.desired_configuration.settings_of": "reads",
    "devices.services.reported_configuration.note_fetched": "notes that a camera asked",
    "devices.services.reported_configuration.note_differences": "a part of a change, and of what a camera says",
    "devices.services.heartbeats.note_heartbeat": "notes how a camera is",
    "devices.services.keys.end_row": "a part of what ends a key, which is audited",
    "devices.services.keys.get_key": "reads",
    "devices.services.keys.make_row": "a part of what makes a key, which is audited",
    "devices.services.reminders.remind_of_expiring_keys": "tells owners of keys, which stay as they are",
    "devices.services.rotation.deliver": "notes that a camera was told its key, whose making is audited",
    "devices.services.rotation.forget_undeliverable": "forgets what nobody can fetch any more",
    "devices.services.rotation.waiting_for": "reads",
    "devices.services.commands.close_command": "notes what a camera did",
    "devices.services.commands.fail_command": "notes what became of a camera's picture",
    "devices.services.keys.unused_successors": "reads",
    "devices.services.sightings.note_listening": "notes that a camera is there",
    "devices.services.sightings.note_version": "notes which software a camera runs",
    "devices.services.progress.close": "a part of what closes commands",
    "devices.services.progress.close_again": "a part of what closes commands",
    "devices.services.progress.mark_sent": "notes that cameras were told",
    "devices.services.commands.expire_commands": "notes that a command's time is up",
    "devices.services.commands.queue_command": "asks for a picture; who did stands in the command's row",
    "devices.services.commands.take_commands": "notes that a camera was told",
    "devices.services.keys.refuse_out_of_service": "refuses; writes nothing",
    "devices.services.keys.why_over_quota": "reads",
    "devices.services.units.read_serial": "reads",
    "devices.services.listening.recent_configurations": "reads",
    "devices.services.listening.collect_news": "reads",
    "devices.services.listening.note_told": "notes that cameras were told, and that they are there",
    "devices.services.listening.open_commands": "reads",
    "devices.services.devices.keep_external_id": "notes a name; what opens the camera is its key",
    "devices.services.devices.keep_former_id": "the same",
    "devices.services.devices.take_slot": "refuses, and locks",
    "devices.services.installations.find_installation": "reads",
    "devices.services.installations.install": "writes a row; who calls it says what was done to the camera",
    "devices.services.installations.installation_of": "reads",
    "devices.services.labels.read_label": "reads",
    "devices.services.lifecycle.refuse_retired": "refuses; writes nothing",
    "devices.services.units.claim_digests": "reads",
    "devices.services.units.is_code_of": "reads",
    "devices.services.units.make_units": "units are no organization's: they stand in the admin's log",
    "devices.services.units.renew_code": "the same",
    "devices.services.units.revoke_code": "the same",
    "devices.services.conditions.note_deliveries": "notes how cameras are",
    "devices.services.conditions.note_usability": "notes how a camera is",
    "devices.services.firing.fire_due_schedules": "tells cameras of runs; that stands in the commands",
    "devices.services.schedules.follow_time_zones": "follows the organization's zone, whose change is audited",
    "devices.services.schedules.get_schedule": "reads",
    "devices.services.schedules.make_rule": "checks; writes nothing",
    "devices.services.schedules.move_to_zone": "follows the camera's zone, whose change is audited",
    "devices.services.schedules.newest_rule": "reads",
    "devices.services.schedules.next_runs": "reads",
    "devices.services.sightings.listens": "reads",
    "devices.services.sightings.note_sightings": "notes that cameras are there",
    "orgs.services.accounts.check_second_factor": "uses up a code; the login that follows changes nobody's rights",
    "orgs.services.accounts.has_second_factor": "reads",
    "orgs.services.accounts.use_second_factor": "the same as check_second_factor, and says which it was",
    "orgs.services.addresses.ask_for_address": "notes a wish; what follows from it is email.changed",
    "orgs.services.addresses.forget_claims": "takes wishes back; nobody's rights change",
    "orgs.services.addresses.is_taken": "reads",
    "orgs.services.addresses.vouch_for_address": "lets rows follow the login, whose change is audited",
    "orgs.services.deletions.claim_deletion": "a job's part: begins what was asked for",
    "orgs.services.deletions.deletion_of": "reads",
    "orgs.services.deletions.make_deletion": "a part of asking; a command leaves the receipt",
    "orgs.services.invitations.as_camera_ids": "reads",
    "orgs.services.invitations.described": "reads",
    "orgs.services.invitations.digest_of": "reads",
    "orgs.services.invitations.find_invitation": "reads",
    "orgs.services.invitations.link_of": "reads",
    "orgs.services.invitations.refuse_closed": "refuses; writes nothing",
    "orgs.services.invitations.refuse_unacceptable": "refuses; writes nothing",
    "orgs.services.links.reset_key": "makes a text; handing it out is link_to_reset",
    "orgs.services.links.reset_link": "reads",
    "orgs.services.links.verification_link": "reads",
    "orgs.services.logins.forget_expired_logins": "forgets what opens nothing any more",
    "orgs.services.logins.log_in": "a login changes nobody's rights",
    "orgs.services.logins.log_out": "ends a login of one's own; nobody's rights change",
    "orgs.services.logins.refresh_login": "renews a login",
    "orgs.services.organizations.free_slug": "reads",
    "orgs.services.oversight.checked_reason": "refuses; writes nothing",
    "orgs.services.oversight.has_looked": "reads",
    "orgs.services.plans.canonical": "reads",
    "orgs.services.plans.count_deleted_bytes": "counts",
    "orgs.services.plans.count_evaluation": "counts",
    "orgs.services.plans.make_activation_code": "is no organization's: it stands in the admin's log",
    "orgs.services.plans.refuse_impossible": "refuses; writes nothing",
    "orgs.services.plans.revoke_activation_code": "the same",
    "orgs.services.plans.warn_owners": "tells owners of a limit, which stays as it is",
    "orgs.services.powers.as_it_is_now": "reads, and locks",
    "orgs.services.powers.refuse_larger_role": "refuses; writes nothing",
    "orgs.services.powers.refuse_longer": "refuses; writes nothing",
    "orgs.services.powers.refuse_no_admin": "refuses; writes nothing",
    "orgs.services.tokens.authenticate_token": "notes that a token was used; that stands in the token's row",
    "orgs.services.users.create_user": "an account alone may nothing; what it may comes with a membership",
    "orgs.services.users.find_user": "reads",
    "orgs.services.users.get_user": "reads",
    "orgs.services.users.give_password": "puts it on the row without saving; who saves is audited",
    "orgs.services.users.is_unproven": "reads",
    "orgs.services.validation.validate": "refuses; writes nothing",
    "sharing.services.ending.revoke_powerless": "takes links back, each of which is audited",
    "sharing.services.links.default_days": "reads",
    "sharing.services.links.draft_change": "nothing is saved",
    "sharing.services.links.draft_link": "nothing is saved",
    "sharing.services.reminders.remind_of_unopened": "mails; the links stay as they are",
    "sharing.services.forgetting.forget_visitors": "forgets who looked",
    "sharing.services.forgetting.forget_old": "forgets what visitors reported, and counts of days",
    "sharing.services.reports.open_reports": "counts",
    "sharing.services.reports.report_link": "tells the operator; the link stays as it is",
    "sharing.services.reports.settle_report": "the link stays as it is; it stands in the admin's log",
    "sharing.services.visits.check_visitor": "lets in who knows the password; wrong ones are counted",
    "sharing.services.visits.count_view": "counts",
    "sharing.services.visits.is_counted": "reads",
}


def is_of_services(path: Path) -> bool:
    """By its place, or because it writes to the audit itself."""
    inside = path.relative_to(settings.BASE_DIR)
    if {"tests", "migrations"} & set(inside.parts):
        return False
    by_place = path.name == "services.py" or path.parent.name == "services" or str(inside) in ALSO_SERVICES
    return by_place or "orgs.audit import" in path.read_text()


def modules_of_services() -> Iterator[ModuleType]:
    for app in APPS:
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if is_of_services(path):
                dotted = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
                yield importlib.import_module(dotted.removesuffix(".__init__"))


def services() -> set[str]:
    """The dotted name of every public function that a module of services defines."""
    return {
        f"{module.__name__}.{name}"
        for module in modules_of_services()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }


def test_of_every_service_it_is_said_whether_it_changes_access():
    unsaid = services() - set(AUDITED) - set(NOT_ACCESS)
    assert sorted(unsaid) == [], "add a scenario to AUDITED, or the reason to NOT_ACCESS"


def test_nothing_is_said_of_services_that_are_not_there():
    assert (set(AUDITED) | set(NOT_ACCESS)) - services() == set()
    assert set(AUDITED) & set(NOT_ACCESS) == set()


SECRET = re.compile(r"vis_[a-z]{3}_[a-z0-9]+_\w|[0-9a-f]{64}|argon2|bcrypt|md5\$", re.IGNORECASE)
NAMES_OF_SECRETS = {"password", "digest", "secret", "key", "token", "pepper_id"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("service", AUDITED)
def test_what_changes_access_is_in_the_audit(service):
    expected, scenario = AUDITED[service]
    call: Any = scenario(World())
    known = set(AuditEntry.unscoped.values_list("pk", flat=True))
    result = call()
    written = list(AuditEntry.unscoped.exclude(pk__in=known).order_by("pk"))
    assert [f"{entry.action} {entry.target_kind}" for entry in written] == list(expected)
    for entry in written:
        assert_names_who_and_what(entry, call.keywords)
        assert_holds_no_secret(entry, result)


def assert_names_who_and_what(entry: AuditEntry, keywords: dict[str, Any]) -> None:
    actor = keywords.get("acting_user") or getattr(keywords.get("acting_membership"), "user", None)
    if actor is not None:
        assert (entry.actor_kind, entry.actor_id) == ("user", actor.pk)
        assert actor.email in entry.actor_name
    assert entry.actor_name
    assert entry.target_id
    assert entry.target_name
    assert entry.before != entry.after or entry.before is None


def assert_holds_no_secret(entry: AuditEntry, result: object) -> None:
    fields = {**(entry.before or {}), **(entry.after or {})}
    assert set(fields) & NAMES_OF_SECRETS == set()
    text = json.dumps([entry.before, entry.after, entry.target_name, entry.reason])
    assert SECRET.search(text) is None
    # What a service shows once, it returns: a key's text, a link, the tokens of a login.
    parts = vars(result).values() if is_dataclass(result) else result if isinstance(result, tuple) else (result,)
    assert [part for part in parts if isinstance(part, str) and part in text] == []


def test_every_action_has_a_sentence_and_is_found_by_what_it_is_about():
    actions = {line.split()[0] for expected, _ in AUDITED.values() for line in expected}
    assert actions - set(SENTENCES) == set()
    words = {word for words in ACTIONS_OF.values() for word in words}
    assert {action.partition(".")[0] for action in SENTENCES} - words == set()
