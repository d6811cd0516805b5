"""Twenty ways in which a live schema stops being the expected one, for each database."""

from collections.abc import Callable
from typing import NamedTuple

from django.db import connection


class Drift(NamedTuple):
    """``plant`` are statements; ``kind``, ``table``, ``name`` say where the difference must be named."""

    kind: str
    table: str
    name: str
    plant: list[str]


ON_BOTH = {
    "a table is missing": Drift("table", "captures_label", "", ["DROP TABLE captures_label"]),
    "a table is too many": Drift("table", "leftover", "", ["CREATE TABLE leftover (id integer)"]),
    "a column is missing": Drift(
        "column", "captures_capture", "reason", ["ALTER TABLE captures_capture DROP COLUMN reason"]
    ),
    "a column is too many": Drift(
        "column", "captures_capture", "extra", ["ALTER TABLE captures_capture ADD COLUMN extra integer"]
    ),
    "an index is missing": Drift(
        "index", "captures_capture", "captures_capture_org_time", ["DROP INDEX captures_capture_org_time"]
    ),
    "an index is too many": Drift(
        "index",
        "captures_capture",
        "by_hand",
        ["CREATE INDEX by_hand ON captures_capture (sha256)"],
    ),
    "an index lost its predicate": Drift(
        "index",
        "captures_capture",
        "captures_capture_due",
        [
            "DROP INDEX captures_capture_due",
            "CREATE INDEX captures_capture_due ON captures_capture (evaluation_due_at)",
        ],
    ),
    "an index has another order": Drift(
        "index",
        "captures_capture",
        "captures_capture_org_time",
        [
            "DROP INDEX captures_capture_org_time",
            "CREATE INDEX captures_capture_org_time ON captures_capture (org_id, captured_at, id DESC)",
        ],
    ),
    "a conditional unique index is not unique": Drift(
        "index",
        "captures_definition",
        "captures_definition_one_active",
        [
            "DROP INDEX captures_definition_one_active",
            "CREATE INDEX captures_definition_one_active ON captures_definition (device_id) WHERE active",
        ],
    ),
    "a table of many to many is missing": Drift("table", "orgs_user_groups", "", ["DROP TABLE orgs_user_groups"]),
}
ON_POSTGRESQL = {
    "a column has another type": Drift(
        "type", "captures_capture", "sha256", ["ALTER TABLE captures_capture ALTER sha256 TYPE varchar(63)"]
    ),
    "a column may be NULL": Drift(
        "nullability", "captures_capture", "hold", ["ALTER TABLE captures_capture ALTER hold DROP NOT NULL"]
    ),
    "a default is missing": Drift(
        "default",
        "captures_capture",
        "not_judged",
        ["ALTER TABLE captures_capture ALTER not_judged DROP DEFAULT"],
    ),
    "a primary key is missing": Drift(
        "primary key",
        "captures_label",
        "captures_label_pkey",
        ["ALTER TABLE captures_label DROP CONSTRAINT captures_label_pkey"],
    ),
    "a foreign key is missing": Drift(
        "foreign key",
        "captures_capture",
        "captures_capture_device_same_organization",
        ["ALTER TABLE captures_capture DROP CONSTRAINT captures_capture_device_same_organization"],
    ),
    "a foreign key is not deferred": Drift(
        "foreign key",
        "captures_label",
        "captures_label_device_same_organization",
        [
            "ALTER TABLE captures_label ALTER CONSTRAINT captures_label_device_same_organization NOT DEFERRABLE",
        ],
    ),
    "a unique constraint is missing": Drift(
        "unique",
        "captures_capture",
        "captures_capture_record_once",
        ["ALTER TABLE captures_capture DROP CONSTRAINT captures_capture_record_once"],
    ),
    "a check says something else": Drift(
        "check",
        "captures_capture",
        "captures_capture_status_is_known",
        [
            "ALTER TABLE captures_capture DROP CONSTRAINT captures_capture_status_is_known",
            "ALTER TABLE captures_capture ADD CONSTRAINT captures_capture_status_is_known CHECK (true)",
        ],
    ),
    "a check was never validated": Drift(
        "check",
        "captures_label",
        "captures_label_verdict_is_known",
        [
            "ALTER TABLE captures_label DROP CONSTRAINT captures_label_verdict_is_known",
            """
            ALTER TABLE captures_label ADD CONSTRAINT captures_label_verdict_is_known
            CHECK (verdict IN ('normal', 'abnormal')) NOT VALID
            """,
        ],
    ),
    "a policy is missing": Drift(
        "policy",
        "captures_capture",
        "visant_one_organization",
        ["DROP POLICY visant_one_organization ON captures_capture"],
    ),
    "a policy shows everything": Drift(
        "policy",
        "devices_device",
        "visant_one_organization",
        [
            "DROP POLICY visant_one_organization ON devices_device",
            "CREATE POLICY visant_one_organization ON devices_device USING (true)",
        ],
    ),
    "row security does not bind the owner": Drift(
        "row security", "captures_capture", "", ["ALTER TABLE captures_capture NO FORCE ROW LEVEL SECURITY"]
    ),
    "row security is off": Drift(
        "row security", "devices_device", "", ["ALTER TABLE devices_device DISABLE ROW LEVEL SECURITY"]
    ),
    "a trigger is missing": Drift(
        "trigger",
        "orgs_auditentry",
        "orgs_auditentry_append_only",
        ["DROP TRIGGER orgs_auditentry_append_only ON orgs_auditentry"],
    ),
    "a trigger is switched off": Drift(
        "trigger",
        "orgs_auditentry",
        "orgs_auditentry_no_truncate",
        ["ALTER TABLE orgs_auditentry DISABLE TRIGGER orgs_auditentry_no_truncate"],
    ),
    "a function does something else": Drift(
        "function",
        "",
        "orgs_refuse_change_of_audit()",
        [
            """
            CREATE OR REPLACE FUNCTION orgs_refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RETURN NEW; END $$
            """
        ],
    ),
    "an identity is missing": Drift(
        "column", "django_content_type", "id", ["ALTER TABLE django_content_type ALTER id DROP IDENTITY"]
    ),
}


def rewritten(table: str, old: str, new: str) -> list[str]:
    """Return statements that build a SQLite table anew with a part of its SQL changed; its indexes stay."""
    with connection.cursor() as cursor:
        query = "SELECT type, sql FROM sqlite_master WHERE tbl_name = %s AND sql IS NOT NULL"
        rows = cursor.execute(query, [table]).fetchall()
    [made] = [sql for kind, sql in rows if kind == "table"]
    assert old in made, made
    changed = made.replace(old, new, 1).replace(f'"{table}"', f'"new__{table}"', 1)
    rest = [sql for kind, sql in rows if kind != "table"]
    return [changed, f"DROP TABLE {table}", f'ALTER TABLE "new__{table}" RENAME TO "{table}"', *rest]


def _rewriting(kind: str, table: str, name: str, old: str, new: str) -> Callable[[], Drift]:
    return lambda: Drift(kind, table, name, rewritten(table, old, new))


_STATUS = 'CONSTRAINT "captures_capture_status_is_known" CHECK ("evaluation_status" IN (\'pending\', '
_RECORD = ', CONSTRAINT "captures_capture_record_once" UNIQUE ("device_id", "record_id")'
_DEVICE = '"device_id" char(32) NOT NULL REFERENCES "devices_device" ("id")'
ON_SQLITE: dict[str, Callable[[], Drift]] = {
    "a column has another type": _rewriting(
        "type", "captures_capture", "sha256", '"sha256" varchar(64)', '"sha256" varchar(63)'
    ),
    "a column may be NULL": _rewriting(
        "nullability", "captures_capture", "hold", '"hold" bool NOT NULL', '"hold" bool NULL'
    ),
    "a default is missing": _rewriting("default", "captures_capture", "not_judged", "DEFAULT '' ", ""),
    "a primary key is missing": _rewriting("primary key", "captures_label", "", " PRIMARY KEY", ""),
    "a primary key counts otherwise": _rewriting("primary key", "orgs_user_groups", "", " AUTOINCREMENT", ""),
    "a foreign key is missing": _rewriting(
        "foreign key",
        "captures_label",
        "device_id",
        f"{_DEVICE} DEFERRABLE INITIALLY DEFERRED",
        '"device_id" char(32) NOT NULL',
    ),
    "a foreign key is not deferred": _rewriting(
        "foreign key", "captures_label", "device_id", f"{_DEVICE} DEFERRABLE INITIALLY DEFERRED", _DEVICE
    ),
    "a foreign key points elsewhere": _rewriting(
        "foreign key", "captures_label", "device_id", _DEVICE, _DEVICE.replace("devices_device", "devices_unit")
    ),
    "a unique constraint is missing": _rewriting(
        "unique", "captures_capture", "captures_capture_record_once", _RECORD, ""
    ),
    "a unique column is not": _rewriting("unique", "captures_label", "capture_id", " UNIQUE", ""),
    "a check says something else": _rewriting(
        "check",
        "captures_capture",
        "captures_capture_status_is_known",
        _STATUS,
        _STATUS.replace("'pending', ", ""),
    ),
    "a column's check is missing": _rewriting(
        "check", "captures_capture", "byte_size", ' CHECK ("byte_size" >= 0)', ""
    ),
    "a trigger is missing": lambda: Drift(
        "trigger", "orgs_auditentry", "orgs_auditentry_no_delete", ["DROP TRIGGER orgs_auditentry_no_delete"]
    ),
}
