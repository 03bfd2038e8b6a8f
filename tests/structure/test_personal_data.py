"""Whatever is kept about a person is forgotten when they are erased, and told when they ask."""

import pytest

from portal.extensions import db
from portal.users import erasure, export

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

#: What names a person, by our id, by Okta's, or by what people call them.
NAMING = {"user_id", "okta_id", "login", "email", "account", "member", "birthdate"}

#: Tables that name people and that no room needs to clear.
NOT_CLEARED = {
    "users": "becomes the tombstone, in directory.erase itself",
    "outbox_messages": "cleared first of all, in directory.erase itself: later messages must stay",
    "audit_events": "holds the random id alone, and must stay whole",
}
#: Tables that name people and are not told.
NOT_TOLD: dict[str, str] = {}


def tables_that_name_people() -> set[str]:
    return {
        table.name
        for table in db.metadata.sorted_tables
        if NAMING & {column.name for column in table.columns}
        or any(key.column.table.name == "users" for key in table.foreign_keys)
    }


def test_every_table_that_names_people_is_cleared_when_somebody_is_erased(app):
    cleared = {name for entry in erasure.registered(app) for name in entry.tables}
    assert tables_that_name_people() - cleared == set(NOT_CLEARED)
    assert not cleared & set(NOT_CLEARED)


def test_every_table_that_names_people_is_told(app):
    told = {name for part in export.registered(app).values() for name in part.tables}
    assert tables_that_name_people() - told == set(NOT_TOLD)
