"""The two walls between organizations: promises about code that is not written yet."""

import re

import pytest
from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, connection, models, transaction
from django.utils import timezone

from captures.calendar.models import CalendarDay, Rejection
from captures.direct.models import PendingUpload
from captures.evaluation.models import Definition, Evaluation, Label
from captures.models import Capture, DeletedCapture, IntegrityFinding, RetentionPolicy
from devices.models import (
    Command,
    Device,
    DeviceKey,
    DeviceStatus,
    Installation,
    Schedule,
    ScheduleRule,
    ServiceBreak,
)
from devices.services.commands import queue_command
from devices.services.installations import install
from devices.services.schedules import add_schedule
from devices.services.units import make_units
from orgs.ids import uuid7
from orgs.models import Organization
from orgs.tenancy import TenantModel
from sharing.models import LinkDay, LinkReport, LinkVisit, ShareLink
from tests.builders import (
    make_capture,
    make_definition,
    make_device,
    make_evaluation,
    make_label,
    make_link,
    make_org,
)

APPS = ("orgs", "devices", "captures", "sharing")
MAY_LOOK_ACROSS = {
    "orgs/access.py": "finds the memberships of a person, which tell the organization, and their invitations",
    "orgs/audit.py": "adds an entry to the audit of the organization it was given",
    "orgs/services/invitations.py": "finds whose invitation a token is; ends one it was given",
    "orgs/services/oversight.py": "reads an operator's own entries in the audit of an organization it was given",
    "orgs/services/organizations.py": "makes the membership of the owner of a new organization",
    "orgs/metering.py": "writes what the keys of all organizations were used for",
    "orgs/limits.py": "sums up what several organizations used, for the job that warns of limits",
    "orgs/services/plans.py": "counts evaluations for the organization it was given",
    "orgs/services/tokens.py": "finds whose token it is, which tells the organization; revokes one it was given",
    "devices/plans.py": "counts cameras, and what was told, of several organizations, for the job that warns",
    "devices/services/camera_settings.py": "writes the settings of a camera it was given",
    "devices/services/configuration_version.py": "counts a change of a camera it was given",
    "devices/services/desired_configuration.py": "reads the schedules of a camera it was given",
    "devices/services/reported_configuration.py": "writes what a camera it was given says",
    "devices/services/heartbeats.py": "writes the status of a camera it was given",
    "devices/services/reminders.py": "finds the keys of all organizations that are about to end",
    "devices/services/rotation.py": "replaces keys of a camera it was given; forgets texts for all organizations",
    "devices/services/commands.py": "reads and writes the commands of a camera it was given; expires those of all",
    "devices/services/devices.py": "writes rows it was given",
    "devices/services/claims.py": "reads a camera it was given; finds whose camera a unit serves, by its code",
    "devices/services/installations.py": "finds which camera a unit serves; writes rows it was given",
    "devices/services/lifecycle.py": "writes a camera it was given",
    "devices/services/keys.py": "finds whose key it is, which tells the organization; writes rows it was given",
    "devices/services/listening.py": "reads what there is for cameras it was given, as far as may be seen",
    "devices/health.py": "loads the schedules of cameras it was given",
    "devices/services/conditions.py": "writes how cameras are that it was given",
    "devices/services/schedules.py": "locks a camera it was given; lets all schedules follow time zones",
    "devices/services/firing.py": "fires the schedules of all organizations",
    "devices/services/sightings.py": "notes when cameras it was given were seen",
    "captures/demo/seeding.py": "finds the demo's owner, and writes rows of its organization",
    "captures/calendar/found.py": "reads what there is of cameras it was given",
    "captures/calendar/news.py": "finds what came in of all organizations",
    "captures/calendar/rejections.py": "notes what was refused to a camera it was given; forgets that of all",
    "captures/calendar/settling.py": "keeps the calendar of all organizations",
    "captures/evaluation/backlog.py": "how far workers are behind and what they found, of all organizations",
    "captures/derivatives.py": "looks whether a picture it was given is still there",
    "captures/direct/services.py": "sweeps what cameras of all organizations have begun",
    "captures/evaluation/seeing.py": "looks whether a camera it was given has a newer picture",
    "captures/services.py": "finds the first copy of a picture, by its camera",
    "captures/moving/writing.py": "writes rows of the organization it was given",
    "captures/storage/moving.py": "moves the files of all organizations",
    "captures/leaving/deleting.py": "deletes the rows of the organization it was given",
    "captures/leaving/exporting.py": "reads the evaluations of captures it was given",
    "captures/leaving/importing.py": "writes rows of the organization it was given",
    "captures/leaving/services.py": "workers make exports for all organizations, each within its own",
    "captures/upkeep.py": "sweeps the files of all organizations",
    "captures/integrity/admin.py": "tells operators how many pictures are wrong",
    "captures/integrity/checking.py": "looks over the pictures of all organizations",
    "captures/integrity/findings.py": "writes what was found of a picture it was given",
    "captures/integrity/troubles.py": "counts what was found, for operators",
    "captures/retention/deleting.py": "deletes pictures it was given; forgets old deletions of all organizations",
    "captures/retention/foreseeing.py": "workers count for all organizations; forgets what was foreseen for all",
    "captures/retention/keepers.py": "reads the label of a picture it was given",
    "captures/retention/policies.py": "writes the policy of a camera it was given",
    "captures/retention/pruning.py": "finds the organizations that have rules",
    "captures/retention/selection.py": "reads the pictures of cameras it was given",
    "captures/evaluation/services.py": "workers judge for all organizations; writes rows it was given",
    "captures/evaluation/tasks.py": "workers are woken for all organizations",
    "captures/evaluation/teaching.py": "writes the label of a capture it was given, locks a camera it was given",
    "sharing/access.py": "reads the policy of an organization it was given",
    "sharing/admin/links.py": "tells operators which links were reported",
    "sharing/days.py": "reads the days of a link it was given",
    "sharing/opening.py": "finds whose link a token is, which tells the organization",
    "sharing/services/forgetting.py": "forgets the visitors of all organizations",
    "sharing/services/ending.py": "finds the organizations that share something",
    "sharing/services/imports.py": "a token opens one link, whosever it is",
    "sharing/services/links.py": "writes a link it was given",
    "sharing/services/policies.py": "writes the policy of the organization it was given",
    "sharing/services/reminders.py": "finds whose links were never opened; writes the policy of one",
    "sharing/services/reports.py": "writes reports of a link it was given",
    "sharing/services/visits.py": "counts views of a link it was given",
    "visant/backup/files.py": "looks whether a row of a file is still there",
    "visant/backup/restoring.py": "puts all rows back",
    "visant/backup/tables.py": "reads and writes all rows",
    "visant/management/commands/demo.py": "an operator's command, before anybody is there",
}
# Who opens the second wall for all organizations, each place with its reason beside it in the code.
MAY_SEE_ALL = {
    "orgs/access.py": "whose member somebody is tells the organization",
    "orgs/metering.py": "a job counts for all organizations",
    "orgs/operators.py": "the admin",
    "orgs/policies.py": "a migration changes rows of all organizations",
    "orgs/scope.py": "where it is made",
    "orgs/services/accounts.py": "an account is no organization's; its changes are told to each",
    "orgs/services/invitations.py": "a link's token tells the organization",
    "orgs/services/logins.py": "a person names one of their organizations",
    "orgs/services/tokens.py": "a token tells the organization",
    "devices/plans.py": "a job warns all organizations",
    "devices/tasks.py": "jobs for all organizations",
    "devices/services/keys.py": "a key tells the organization",
    "devices/services/reminders.py": "a job tells all organizations of their keys",
    "devices/services/claims.py": "a unit's serial and code tell the organization",
    "devices/services/units.py": "an operator retires a unit, whoever has claimed it",
    "devices/streams/hub.py": "a process looks for all the cameras that listen to it",
    "captures/demo/seeding.py": "whether there is a demo is told by its owner's membership",
    "captures/calendar/rejections.py": "a job forgets old refusals of all organizations",
    "captures/calendar/settling.py": "a job keeps the calendar of all organizations",
    "captures/evaluation/backlog.py": "how far the workers are behind is no organization's",
    "captures/direct/services.py": "a job sweeps for all organizations",
    "captures/evaluation/services.py": "a worker claims for all organizations, and judges within one",
    "captures/evaluation/tasks.py": "a job wakes workers for all organizations",
    "captures/integrity/checking.py": "a job looks over the pictures of all organizations",
    "captures/integrity/findings.py": "an operator's command lists what was found",
    "captures/integrity/troubles.py": "an operator's command counts what was found",
    "captures/retention/deleting.py": "a job forgets old deletions of all organizations",
    "captures/retention/foreseeing.py": "a worker counts for all organizations, each within itself",
    "captures/retention/pruning.py": "a job finds the organizations it prunes, each within itself",
    "captures/storage/moving.py": "an operator moves the files of all organizations",
    "captures/upkeep.py": "a job sweeps for all organizations",
    "sharing/opening.py": "a token tells the organization",
    "sharing/services/forgetting.py": "a job forgets the visitors of all organizations",
    "sharing/services/ending.py": "a job finds the organizations whose links it ends, each within itself",
    "sharing/services/reminders.py": "a job finds the organizations whose members it tells",
    "sharing/services/imports.py": "a token opens one link, whosever it is",
    "sharing/management/commands/import_visant_db.py": "a command brings in several organizations",
    "captures/leaving/services.py": "a worker makes exports, and a job removes old ones, for all organizations",
    "visant/backup/making.py": "a backup is of all organizations",
    "visant/backup/restoring.py": "a restore is of all organizations",
    "visant/backup/verifying.py": "a backup is of all organizations",
    "visant/management/commands/demo.py": "a command, before anybody is there",
    "visant/management/commands/migrate.py": "a migration changes the rows of all organizations",
    "visant/schema/losses.py": "counts what rolling back would lose, in all organizations",
}
OPENS_ALL = re.compile(r"\b(?:across_organizations|enter_all)\(")
WITH_REASON = re.compile(r"\b(?:across_organizations|enter_all)\(\s*\"[^\"]{10,}\"\s*\)|def (?:across_|enter_all)")
# How it is told stands in these; nobody else speaks to the database about it.
TELLS = re.compile(r"visant\.scope|EVERYTHING|_scope\.set")
MAY_TELL = {"orgs/scope.py", "orgs/policies.py", "orgs/postgresql/base.py"}
WAYS_AROUND = re.compile(r"\.(unscoped|_default_manager|_base_manager)\b")


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def files_with(pattern: re.Pattern[str]) -> set[str]:
    return {
        str(path.relative_to(settings.BASE_DIR))
        for app in (*APPS, "visant")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if not {"tests", "migrations"} & set(path.parts) and pattern.search(path.read_text())
    }


def test_only_the_listed_files_look_across_organizations():
    assert files_with(WAYS_AROUND) == set(MAY_LOOK_ACROSS)


def test_only_the_listed_files_open_the_second_wall_and_each_says_why():
    assert files_with(OPENS_ALL) == set(MAY_SEE_ALL)
    for name in MAY_SEE_ALL:
        text = (settings.BASE_DIR / name).read_text()
        assert len(OPENS_ALL.findall(text)) <= len(WITH_REASON.findall(text)), name


def test_only_the_wall_itself_tells_the_database_what_may_be_seen():
    assert files_with(TELLS) == MAY_TELL


def test_a_tenant_model_has_no_objects():
    assert len(tenant_models()) >= 8
    assert [model for model in tenant_models() if hasattr(model, "objects")] == []
    assert {model._default_manager.name for model in tenant_models()} == {"unscoped"}


def test_every_row_that_points_at_an_organization_is_a_tenants():
    pointing = [
        model
        for label in APPS
        for model in apps.get_app_config(label).get_models()
        if any(field.related_model is Organization for field in model._meta.fields)
    ]
    assert set(pointing) == set(tenant_models())


def test_every_row_that_hangs_on_a_tenants_row_is_a_tenants():
    hanging = {
        model
        for model in apps.get_models()
        for field in model._meta.fields
        if isinstance(field, models.ForeignKey) and issubclass(field.related_model, TenantModel)
    }
    assert hanging <= set(tenant_models())


CROSSINGS = [
    (DeviceKey, "device_id"),
    (DeviceStatus, "device_id"),
    (Capture, "device_id"),
    (Definition, "device_id"),
    (Label, "device_id"),
    (Label, "capture_id"),
    (Evaluation, "capture_id"),
    (Installation, "device_id"),
    (Installation, "key_id"),
    (Schedule, "device_id"),
    (ScheduleRule, "schedule_id"),
    (Command, "device_id"),
    (Command, "schedule_id"),
    (ServiceBreak, "device_id"),
    (CalendarDay, "device_id"),
    (Rejection, "device_id"),
    (RetentionPolicy, "device_id"),
    (DeletedCapture, "device_id"),
    (IntegrityFinding, "capture_id"),
    (ShareLink, "device_id"),
    (ShareLink, "capture_id"),
    (LinkDay, "link_id"),
    (LinkVisit, "link_id"),
    (LinkReport, "link_id"),
    (PendingUpload, "device_id"),
]


def make_field_rows(device: Device) -> None:
    """One row of each that a camera in the field has: its hardware, schedule, command, day and refused picture."""
    now = timezone.now()
    [label] = make_units(model="Cam", count=1)
    install(unit=label.unit, device=device, acting_user=None)
    schedule = add_schedule(device=device, label="Hourly", interval_seconds=3600, acting_user=None)
    queue_command(device=device, trigger_type="schedule", schedule=schedule, due_at=now)
    ServiceBreak.unscoped.create(org=device.org, device=device, began_at=now, ended_at=now)
    CalendarDay.unscoped.create(org=device.org, device=device, day=now.date(), settled_at=now)
    Rejection.unscoped.create(org=device.org, device=device, code="x", captured_at=now, first_at=now, last_at=now)
    PendingUpload.unscoped.create(org=device.org, device=device, captured_at=now, byte_size=1)


def make_retention_rows(capture: Capture) -> None:
    """One row of each that keeping pictures brings with it."""
    now, rest = timezone.now(), {"org": capture.org}
    RetentionPolicy.unscoped.create(**rest, device=capture.device, days=1)
    IntegrityFinding.unscoped.create(**rest, capture=capture, problem="missing")
    gone = {"capture_id": uuid7(), "record_id": "gone", "sha256": "", "deleted_by": "rule"}
    gone |= {"captured_at": now, "received_at": now, "deleted_at": now}
    DeletedCapture.unscoped.create(**rest, device=capture.device, **gone)


def make_visitor_rows(link: ShareLink) -> None:
    """One row of each that those who open a link leave."""
    now, rest = timezone.now(), {"org_id": link.org_id, "link": link}
    LinkDay.unscoped.create(**rest, day=now.date())
    LinkVisit.unscoped.create(**rest, day=now.date(), visitor="x", counted_at=now)
    LinkReport.unscoped.create(**rest, reason="other")


@pytest.mark.django_db
@pytest.mark.skipif(
    "postgresql" not in settings.DATABASES["default"]["ENGINE"],
    reason="SQLite adds no constraint to a table that is there; one wall stands there, the one in code",
)
@pytest.mark.parametrize(("model", "column"), CROSSINGS)
def test_a_row_of_one_organization_cannot_hang_on_anothers(model, column):
    capture = make_capture(verdict="uncertain")
    make_definition(capture.device)
    make_label(capture)
    make_evaluation(capture)
    make_field_rows(capture.device)
    make_retention_rows(capture)
    make_visitor_rows(make_link(capture))
    strangers = make_capture(make_device(make_org())[0])
    # Theirs has no rule that holds, nor hardware or days: there a row could not go anyway.
    theirs = add_schedule(
        device=strangers.device, label="Off", enabled=False, interval_seconds=3600, acting_user=None
    )
    target = {
        "device_id": strangers.device_id,
        "capture_id": strangers.pk,
        "key_id": strangers.device.keys.get().pk,
        "schedule_id": theirs.pk,
        "link_id": make_link(strangers).pk,
    }[column]
    own = model.unscoped.filter(org=capture.org)
    before = own.values().get()
    # The key of a status is the camera itself: there the organization is moved instead.
    change = {"org_id": strangers.org_id} if model is DeviceStatus else {column: target}
    with pytest.raises(IntegrityError, match="_same_organization"):
        write_at_once(own, change)
    assert own.values().get() == before


def write_at_once(rows: models.QuerySet, change: dict[str, object]) -> None:
    """Write as a whole transaction does, whose end is when the constraints are looked at."""
    with transaction.atomic():
        rows.update(**change)
        connection.check_constraints()


@pytest.mark.django_db
def test_a_camera_knows_only_what_is_its_own():
    """The scoped ways, once: each related manager stays within the organization it started from."""
    ours, theirs = make_capture(), make_capture()
    assert list(ours.org.captures.all()) == [ours]
    assert list(ours.org.devices.all()) == [ours.device]
    assert list(Device.unscoped.filter(captures=theirs)) == [theirs.device]
    assert list(ours.device.captures.all()) == [ours]
