"""What the services that change access write into the audit; ``test_audit_coverage.py`` runs each scenario.

One is two lines: the decorator says what must be written, the function prepares what the service needs and returns
the call.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import cached_property, partial
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from captures.evaluation.teaching import activate_imported, change_definition, import_definition, learn_again
from captures.leaving.services import ask_for_export, fetch_export, make_next_export
from captures.models import Capture
from captures.retention.deleting import delete_capture, hold_capture, release_capture
from captures.retention.policies import remove_policy, set_policy, set_policy_and_limit
from captures.retention.rules import Rule
from devices.models import Device, Schedule, Unit
from devices.services.camera_settings import change_device, configure_device
from devices.services.claims import claim_camera, claim_unit, hand_out_key, replace_hardware
from devices.services.devices import add_device, register_device, rename_device
from devices.services.installations import end_installation, revoke_keys
from devices.services.keys import finish_rotation, issue_key, keep_key, revoke_key
from devices.services.labels import Claim
from devices.services.lifecycle import reinstate_device, resume_device, retire_device, suspend_device
from devices.services.rotation import rotate_key
from devices.services.schedules import add_schedule, change_schedule, remove_schedule
from devices.services.units import make_units, retire_unit
from orgs.models import ApiToken, Invitation, Membership, Organization, OwnershipTransfer, Role, User
from orgs.services import (
    accounts,
    addresses,
    deletions,
    invitations,
    links,
    logins,
    memberships,
    oversight,
    ownership,
    recovery,
    tokens,
)
from orgs.services.imports import import_member, import_organization
from orgs.services.organizations import change_organization, create_organization, found_organization
from orgs.services.plans import make_activation_code, redeem_code
from sharing.models import LinkKind
from sharing.services.imports import import_link
from sharing.services.links import change_link, create_link, revoke_all, revoke_link, revoke_links
from sharing.services.policies import set_sharing_policy
from sharing.services.reports import resume_link, suspend_link
from tests.builders import (
    PASSWORD,
    make_capture,
    make_definition,
    make_device,
    make_link,
    make_member,
    make_operator,
    make_org,
    make_token,
    owner_of,
)

NEW_PASSWORD = "a staple for the battery"


class World:
    """An organization with its people and a camera, made when first asked for."""

    @cached_property
    def org(self) -> Organization:
        return make_org()

    @cached_property
    def owner(self) -> User:
        return owner_of(self.org)

    @cached_property
    def acting(self) -> Membership:
        """The owner's membership."""
        return self.org.memberships.get(role=Role.OWNER)

    @cached_property
    def member(self) -> Membership:
        return make_member(self.org).memberships.get()

    @cached_property
    def device(self) -> Device:
        return make_device(self.org)[0]

    @cached_property
    def capture(self) -> Capture:
        return make_capture(self.device)

    @cached_property
    def claim(self) -> Claim:
        """What the label of a new unit says."""
        return Claim(make_units(model="Cam", count=1)[0].code)

    @cached_property
    def served(self) -> tuple[Device, Unit]:
        """A camera with its hardware, which has fetched its key."""
        [label] = make_units(model="Cam", count=1)
        device = claim_camera(org=self.org, claim=Claim(label.code), name="Served", acting_user=self.owner)
        hand_out_key(serial=label.unit.serial, code=label.code)
        return device, label.unit

    @cached_property
    def token(self) -> ApiToken:
        return make_token(self.acting)[0]

    @cached_property
    def invitation(self) -> Invitation:
        return invitations.invite(acting_membership=self.acting, role=Role.MEMBER, email="new@example.org")[0]

    @cached_property
    def transfer(self) -> OwnershipTransfer:
        return ownership.offer_ownership(membership=self.member, acting_membership=self.acting)

    @cached_property
    def operator(self) -> User:
        return make_operator()


Call = Callable[[], object]
AUDITED: dict[str, tuple[tuple[str, ...], Callable[[World], Call]]] = {}


def audited(service: str, *expected: str) -> Callable[[Callable[[World], Call]], None]:
    """Register the scenario of a service: its call must write exactly ``expected``, each "action target_kind"."""

    def register(scenario: Callable[[World], Call]) -> None:
        AUDITED[service] = (expected, scenario)

    return register


# --- the services of pictures and how long they are kept


@audited("captures.retention.deleting.delete_capture", "capture.deleted capture")
def _(world: World) -> Call:
    return partial(delete_capture, capture=world.capture, acting_user=world.owner)


@audited("captures.retention.deleting.hold_capture", "capture.held capture")
def _(world: World) -> Call:
    return partial(hold_capture, capture=world.capture, acting_user=world.owner)


@audited("captures.retention.deleting.release_capture", "capture.released capture")
def _(world: World) -> Call:
    hold_capture(capture=world.capture, acting_user=world.owner)
    return partial(release_capture, capture=world.capture, acting_user=world.owner)


@audited("captures.retention.policies.set_policy", "retention.changed organization")
def _(world: World) -> Call:
    return partial(set_policy, org=world.org, rule=Rule(days=30), acting_user=world.owner)


@audited(
    "captures.retention.policies.set_policy_and_limit",
    "retention.changed organization",
    "organization.changed organization",
)
def _(world: World) -> Call:
    return partial(set_policy_and_limit, org=world.org, rule=Rule(days=30), most_days=40, acting_user=world.owner)


@audited("captures.retention.policies.remove_policy", "retention.removed device")
def _(world: World) -> Call:
    set_policy(org=world.org, rule=Rule(days=30), device=world.device, acting_user=world.owner)
    return partial(remove_policy, device=world.device, acting_user=world.owner)


# --- the services of cameras and of what is normal


@audited("devices.services.devices.add_device", "camera.added device", "key.issued devicekey")
def _(world: World) -> Call:
    return partial(add_device, org=world.org, name="New", acting_user=world.owner)


@audited("devices.services.devices.register_device", "camera.added device")
def _(world: World) -> Call:
    return partial(register_device, org=world.org, name="New", acting_user=world.owner)


@audited("devices.services.camera_settings.change_device", "camera.renamed device", "camera.configured device")
def _(world: World) -> Call:
    return partial(
        change_device, device=world.device, name="Renamed", time_zone="Asia/Tokyo", acting_user=world.owner
    )


@audited("devices.services.claims.claim_camera", "camera.added device", "camera.claimed device")
def _(world: World) -> Call:
    return partial(claim_camera, org=world.org, claim=world.claim, name="New", acting_user=world.owner)


@audited("devices.services.claims.claim_unit", "camera.added device", "camera.claimed device")
def _(world: World) -> Call:
    return partial(claim_unit, org=world.org, claim=world.claim, name="New", acting_user=world.owner)


@audited("devices.services.claims.replace_hardware", "key.revoked devicekey", "camera.hardware_changed device")
def _(world: World) -> Call:
    device, _ = world.served
    return partial(replace_hardware, device=device, claim=world.claim, acting_user=world.owner)


@audited("devices.services.claims.hand_out_key", "key.issued devicekey")
def _(world: World) -> Call:
    [label] = make_units(model="Cam", count=1)
    claim_camera(org=world.org, claim=Claim(label.code), name="New", acting_user=world.owner)
    return partial(hand_out_key, serial=label.unit.serial, code=label.code)


@audited("devices.services.installations.end_installation", "key.revoked devicekey")
def _(world: World) -> Call:
    device, _ = world.served
    return partial(end_installation, installation=device.installation, acting_user=world.owner)


@audited("devices.services.installations.revoke_keys", "key.revoked devicekey")
def _(world: World) -> Call:
    device, _ = world.served
    return partial(revoke_keys, installation=device.installation, acting_user=world.owner)


@audited("devices.services.units.retire_unit", "key.revoked devicekey", "camera.hardware_removed device")
def _(world: World) -> Call:
    _, unit = world.served
    return partial(retire_unit, unit=unit, acting_user=world.operator)


def scheduled(world: World) -> Schedule:
    return add_schedule(device=world.device, label="Round", interval_seconds=600, acting_user=None)


@audited("devices.services.schedules.add_schedule", "schedule.added schedule")
def _(world: World) -> Call:
    return partial(add_schedule, device=world.device, label="Round", interval_seconds=600, acting_user=world.owner)


@audited("devices.services.schedules.change_schedule", "schedule.changed schedule")
def _(world: World) -> Call:
    return partial(change_schedule, schedule=scheduled(world), cron="0 8 * * *", acting_user=world.owner)


@audited("devices.services.schedules.remove_schedule", "schedule.removed schedule")
def _(world: World) -> Call:
    return partial(remove_schedule, schedule=scheduled(world), acting_user=world.owner)


@audited("devices.services.lifecycle.suspend_device", "camera.suspended device")
def _(world: World) -> Call:
    return partial(suspend_device, device=world.device, acting_user=world.owner)


@audited("devices.services.lifecycle.resume_device", "camera.resumed device")
def _(world: World) -> Call:
    suspend_device(device=world.device, acting_user=world.owner)
    return partial(resume_device, device=world.device, acting_user=world.owner)


@audited("devices.services.lifecycle.retire_device", "camera.retired device")
def _(world: World) -> Call:
    return partial(retire_device, device=world.device, acting_user=world.owner)


@audited("devices.services.lifecycle.reinstate_device", "camera.reinstated device")
def _(world: World) -> Call:
    retire_device(device=world.device, acting_user=world.owner)
    return partial(reinstate_device, device=world.device, acting_user=world.owner)


@audited("devices.services.devices.rename_device", "camera.renamed device")
def _(world: World) -> Call:
    return partial(rename_device, device=world.device, name="Renamed", acting_user=world.owner)


@audited("devices.services.keys.issue_key", "key.issued devicekey")
def _(world: World) -> Call:
    return partial(issue_key, device=world.device, acting_user=world.owner)


@audited("orgs.services.imports.import_organization", "organization.founded organization")
def _(world: World) -> Call:
    return partial(import_organization, name="Old", owner=world.owner, external_id="1", created_at=None)


@audited("orgs.services.imports.import_member", "membership.imported membership")
def _(world: World) -> Call:
    return partial(import_member, org=make_org(), user=world.owner, role=Role.VIEWER)


@audited("sharing.services.imports.import_link", "share.imported sharelink")
def _(world: World) -> Call:
    kind = LinkKind.DEVICE
    return partial(import_link, device=world.device, token="x" * 20, kind=kind, capture=None, created_by=None)


@audited("sharing.services.links.create_link", "share.created sharelink")
def _(world: World) -> Call:
    new = {"device": world.device, "kind": LinkKind.DEVICE, "password": "a password"}
    return partial(create_link, membership=world.acting, **new)


@audited("sharing.services.links.change_link", "share.changed sharelink")
def _(world: World) -> Call:
    return partial(change_link, link=make_link(world.capture), membership=world.acting, max_views=3)


@audited("sharing.services.links.revoke_link", "share.revoked sharelink")
def _(world: World) -> Call:
    return partial(revoke_link, link=make_link(world.capture), membership=world.acting)


@audited("sharing.services.links.revoke_links", "share.revoked sharelink")
def _(world: World) -> Call:
    links = make_link(world.capture).org.share_links.all()
    return partial(revoke_links, links=links, acting_user=None)


@audited("sharing.services.links.revoke_all", "share.revoked sharelink")
def _(world: World) -> Call:
    make_link(world.capture)
    return partial(revoke_all, membership=world.acting)


@audited("sharing.services.policies.set_sharing_policy", "share.policy_changed organization")
def _(world: World) -> Call:
    return partial(set_sharing_policy, membership=world.acting, enabled=False)


@audited("sharing.services.reports.suspend_link", "share.suspended sharelink")
def _(world: World) -> Call:
    return partial(suspend_link, link=make_link(world.capture), acting_user=world.operator, reason="Reported.")


@audited("sharing.services.reports.resume_link", "share.resumed sharelink")
def _(world: World) -> Call:
    link = make_link(world.capture, suspended_at=timezone.now())
    return partial(resume_link, link=link, acting_user=world.operator)


@audited("devices.services.keys.keep_key", "key.kept devicekey")
def _(world: World) -> Call:
    return partial(keep_key, device=world.device, text="an-earlier-systems-key", acting_user=world.owner)


@audited("devices.services.keys.revoke_key", "key.revoked devicekey")
def _(world: World) -> Call:
    return partial(revoke_key, key=world.device.keys.get(), acting_user=world.owner)


@audited("devices.services.rotation.rotate_key", "key.rotation_begun devicekey")
def _(world: World) -> Call:
    return partial(rotate_key, device=world.device, acting_user=world.owner)


@audited("devices.services.keys.finish_rotation", "key.rotated devicekey")
def _(world: World) -> Call:
    return partial(finish_rotation, rotate_key(device=world.device, acting_user=world.owner))


@audited("devices.services.camera_settings.configure_device", "camera.configured device")
def _(world: World) -> Call:
    return partial(configure_device, device=world.device, acting_user=world.owner, poll_seconds=60)


@audited("captures.evaluation.teaching.change_definition", "definition.changed definition")
def _(world: World) -> Call:
    make_definition(world.device)
    shapes: dict[str, Any] = {"regions": [], "ignore_regions": []}
    return partial(change_definition, device=world.device, text="New", acting_user=world.owner, **shapes)


@audited("captures.evaluation.teaching.import_definition", "definition.imported definition")
def _(world: World) -> Call:
    return partial(import_definition, device=world.device, text="An empty yard.", acting_user=world.owner)


@audited("captures.evaluation.teaching.activate_imported", "definition.changed definition")
def _(world: World) -> Call:
    version = import_definition(device=world.device, text="An empty yard.", acting_user=None)
    return partial(activate_imported, device=world.device, definition=version, acting_user=world.owner)


@audited("captures.evaluation.teaching.learn_again", "definition.learn_again definition")
def _(world: World) -> Call:
    return partial(learn_again, device=world.device, acting_user=world.owner)


# --- organizations, and what operators do to them


@audited("orgs.services.organizations.create_organization", "organization.founded organization")
def _(world: World) -> Call:
    fields = {"name": "Founded", "owner_email": "founder@example.org", "owner_password": PASSWORD}
    return partial(create_organization, acting_user=world.operator, **fields)


@audited("orgs.services.oversight.suspend_organization", "organization.suspended organization")
def _(world: World) -> Call:
    return partial(oversight.suspend_organization, org=world.org, reason="Unpaid.", acting_user=world.operator)


@audited("orgs.services.oversight.resume_organization", "organization.resumed organization")
def _(world: World) -> Call:
    oversight.suspend_organization(org=world.org, reason="Unpaid.", acting_user=world.operator)
    return partial(oversight.resume_organization, org=world.org, acting_user=world.operator)


@audited("orgs.services.oversight.extend_trial", "plan.trial_extended organization")
def _(world: World) -> Call:
    world.org.trial_ends_at = timezone.now() + timedelta(days=3)
    world.org.save()
    return partial(oversight.extend_trial, org=world.org, days=7, acting_user=world.operator)


@audited("orgs.services.oversight.change_limits", "plan.limits_changed organization")
def _(world: World) -> Call:
    limits: dict[str, Any] = {"device_limit": 3, "byte_limit": None, "evaluation_limit": 9, "retention_days": 30}
    return partial(oversight.change_limits, org=world.org, acting_user=world.operator, **limits)


@audited("orgs.services.oversight.note_look", "operator.looked device")
def _(world: World) -> Call:
    return partial(oversight.note_look, target=world.device, acting_user=world.operator)


@audited("orgs.services.oversight.note_look_with_reason", "operator.looked device")
def _(world: World) -> Call:
    call = oversight.note_look_with_reason
    return partial(call, target=world.device, acting_user=world.operator, reason="Ticket 12")


@audited("orgs.services.plans.redeem_code", "plan.code_redeemed activationcode")
def _(world: World) -> Call:
    world.org.device_limit = 3
    world.org.save()
    _, text = make_activation_code(acting_user=world.operator, device_slots=2)
    return partial(redeem_code, org=world.org, code=text, acting_user=world.owner)


# --- people: accounts, logins and links


@audited("orgs.services.accounts.sign_up", "organization.founded organization")
def _(world: World) -> Call:
    return partial(accounts.sign_up, email="new@example.org", password=PASSWORD, name="New")


@audited("orgs.services.accounts.found_workspace", "organization.founded organization")
def _(world: World) -> Call:
    return partial(accounts.found_workspace, user=world.owner)


@audited("orgs.services.accounts.change_password", "password.changed user")
def _(world: World) -> Call:
    return partial(accounts.change_password, user=world.owner, password=NEW_PASSWORD, acting_user=world.owner)


@audited("orgs.services.accounts.reset_password", "password.reset user", "token.revoked apitoken")
def _(world: World) -> Call:
    make_token(world.acting)
    return partial(accounts.reset_password, user=world.owner, password=NEW_PASSWORD)


@audited("orgs.services.accounts.revoke_personal_tokens", "token.revoked apitoken")
def _(world: World) -> Call:
    make_token(world.acting)
    return partial(accounts.revoke_personal_tokens, user=world.owner, acting_user=world.owner)


@audited("orgs.services.tokens.revoke_tokens_of", "token.revoked apitoken")
def _(world: World) -> Call:
    make_token(world.acting)
    return partial(tokens.revoke_tokens_of, membership=world.acting, acting_user=world.owner)


@audited(
    "orgs.services.recovery.claim_account",
    *("password.removed user", "mfa.disabled user", "sso.disconnected user", "token.revoked apitoken"),
)
def _(world: World) -> Call:
    EmailAddress.objects.create(user=world.owner, email=world.owner.email, primary=True)
    Authenticator.objects.create(user=world.owner, type=Authenticator.Type.TOTP, data={})
    SocialAccount.objects.create(user=world.owner, provider="sso", uid="1")
    make_token(world.acting)
    return partial(recovery.claim_account, user=world.owner)


@audited("orgs.services.accounts.rename_person", "profile.changed user")
def _(world: World) -> Call:
    return partial(accounts.rename_person, user=world.owner, name="Renamed", acting_user=world.owner)


@audited("orgs.services.accounts.record_for_person", "mfa.enabled user")
def _(world: World) -> Call:
    return partial(accounts.record_for_person, "mfa.enabled", user=world.owner, acting_user=world.owner)


@audited("orgs.services.accounts.remove_second_factor", "mfa.disabled user")
def _(world: World) -> Call:
    Authenticator.objects.create(user=world.owner, type=Authenticator.Type.TOTP, data={})
    return partial(accounts.remove_second_factor, user=world.owner, acting_user=world.operator)


@audited("orgs.services.addresses.note_change_of_address", "email.changed user")
def _(world: World) -> Call:
    return partial(addresses.note_change_of_address, user=world.owner, email="moved@example.org")


@audited("orgs.services.links.link_to_reset", "password.link_made user")
def _(world: World) -> Call:
    return partial(links.link_to_reset, email=world.owner.email, acting_user=world.operator)


@audited("orgs.services.links.link_to_verify", "email.link_made user")
def _(world: World) -> Call:
    addresses.ask_for_address(user=world.owner, email="moved@example.org")
    return partial(links.link_to_verify, email=world.owner.email, acting_user=world.operator)


@audited("orgs.services.logins.change_own_password", "password.changed user")
def _(world: World) -> Call:
    change = logins.change_own_password
    return partial(change, user=world.owner, membership=world.acting, present=PASSWORD, new=NEW_PASSWORD)


@audited("orgs.services.links.choose_password", "password.reset user")
def _(world: World) -> Call:
    return partial(links.choose_password, key=links.reset_key(world.owner), password=NEW_PASSWORD)


@audited("orgs.services.logins.sign_up_and_log_in", "organization.founded organization")
def _(world: World) -> Call:
    return partial(logins.sign_up_and_log_in, email="new@example.org", password=PASSWORD, name="New")


@audited("orgs.services.oversight.change_account", "account.changed user")
def _(world: World) -> Call:
    return partial(oversight.change_account, user=world.owner, acting_user=world.operator, is_active=False)


@audited("orgs.services.oversight.note_password_set", "account.password_set user")
def _(world: World) -> Call:
    return partial(oversight.note_password_set, user=world.owner, acting_user=world.operator)


# --- members, invitations, ownership, tokens


@audited("orgs.services.organizations.found_organization", "organization.founded organization")
def _(world: World) -> Call:
    return partial(found_organization, name="Founded", owner=world.owner, acting_user=world.owner)


@audited("orgs.services.organizations.change_organization", "organization.changed organization")
def _(world: World) -> Call:
    fields: dict[str, Any] = {"name": "Renamed", "slug": "renamed", "time_zone": "UTC", "retention_days": 30}
    return partial(change_organization, org=world.org, acting_user=world.owner, **fields)


@audited("orgs.services.invitations.invite", "invitation.created invitation")
def _(world: World) -> Call:
    return partial(invitations.invite, acting_membership=world.acting, role=Role.ADMIN, email="new@example.org")


@audited("orgs.services.invitations.resend_invitation", "invitation.resent invitation")
def _(world: World) -> Call:
    call = invitations.resend_invitation
    return partial(call, invitation=world.invitation, acting_membership=world.acting)


@audited("orgs.services.invitations.revoke_invitation", "invitation.revoked invitation")
def _(world: World) -> Call:
    return partial(invitations.revoke_invitation, invitation=world.invitation, acting_membership=world.acting)


@audited("orgs.services.invitations.accept_invitation", "invitation.accepted invitation")
def _(world: World) -> Call:
    _, token = invitations.invite(acting_membership=world.acting, role=Role.MEMBER)
    return partial(invitations.accept_invitation, token=token, user=owner_of(make_org()))


@audited(
    "orgs.services.memberships.change_membership", "membership.role_changed user", "membership.limits_changed user"
)
def _(world: World) -> Call:
    cameras = [world.device.pk]
    change = partial(memberships.change_membership, membership=world.member, acting_membership=world.acting)
    return partial(change, role=Role.VIEWER, camera_ids=cameras)


@audited("orgs.services.memberships.remove_member", "token.revoked apitoken", "membership.removed user")
def _(world: World) -> Call:
    make_token(world.member)
    return partial(memberships.remove_member, membership=world.member, acting_membership=world.acting)


@audited("orgs.services.memberships.leave_organization", "token.revoked apitoken", "membership.left user")
def _(world: World) -> Call:
    make_token(world.member)
    return partial(memberships.leave_organization, membership=world.member)


@audited("orgs.services.ownership.offer_ownership", "ownership.offered ownershiptransfer")
def _(world: World) -> Call:
    return partial(ownership.offer_ownership, membership=world.member, acting_membership=world.acting)


@audited("orgs.services.ownership.accept_ownership", "ownership.accepted ownershiptransfer")
def _(world: World) -> Call:
    return partial(ownership.accept_ownership, transfer=world.transfer, acting_user=world.member.user)


@audited("orgs.services.ownership.cancel_ownership", "ownership.cancelled ownershiptransfer")
def _(world: World) -> Call:
    return partial(ownership.cancel_ownership, transfer=world.transfer, acting_user=world.owner)


@audited("orgs.services.deletions.ask_for_deletion", "organization.deletion_asked organization")
def _(world: World) -> Call:
    return partial(deletions.ask_for_deletion, org=world.org, typed_name=world.org.name, acting_user=world.owner)


@audited("orgs.services.deletions.take_back_deletion", "organization.deletion_taken_back organization")
def _(world: World) -> Call:
    deletions.ask_for_deletion(org=world.org, typed_name=world.org.name, acting_user=world.owner)
    return partial(deletions.take_back_deletion, org=world.org, acting_user=world.owner)


@audited("captures.leaving.services.ask_for_export", "organization.export_asked organization")
def _(world: World) -> Call:
    return partial(ask_for_export, org=world.org, acting_user=world.owner)


@audited("captures.leaving.services.fetch_export", "organization.export_fetched organization")
def _(world: World) -> Call:
    export = ask_for_export(org=world.org, acting_user=world.owner)
    make_next_export()
    export.refresh_from_db()
    return partial(fetch_export, export=export, acting_user=world.owner)


@audited("orgs.services.tokens.create_token", "token.created apitoken")
def _(world: World) -> Call:
    return partial(tokens.create_token, membership=world.acting, name="Script")


@audited("orgs.services.tokens.rename_token", "token.renamed apitoken")
def _(world: World) -> Call:
    return partial(tokens.rename_token, token=world.token, name="Renamed", acting_user=world.owner)


@audited("orgs.services.tokens.revoke_token", "token.revoked apitoken")
def _(world: World) -> Call:
    return partial(tokens.revoke_token, token=world.token, acting_user=world.owner)
