"""The audit log in a PostgreSQL database, and delivery keys that come of the seed.

A session says who it is in `simulated.who`, and each write transaction what time it is in `simulated.now`.
"""

from __future__ import annotations

_COLUMNS = ("status", "lease_token", "lease_expires_at", "attempts", "run_id")
_STORED = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"
_SIGNED = "current_setting('simulated.who'), current_setting('simulated.now')"


def _values(row: str) -> str:
    """The columns of OLD or NEW, with times as SQLite has them."""
    names = (f"{row}.{name}" for name in _COLUMNS)
    return ", ".join(_STORED.format(name) if name.endswith("_at") else name for name in names)


SCRIPT = f"""
CREATE SCHEMA simulated;
SET search_path = simulated, pg_catalog;
CREATE SEQUENCE numbers;
CREATE FUNCTION gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT md5(current_setting('simulated.keys') || nextval('simulated.numbers'))::uuid
$$;
CREATE TABLE audit (
    number bigserial, who text, at text, id bigint,
    old_status text, old_lease_token text, old_lease_expires_at text, old_attempts int, old_run_id text,
    new_status text, new_lease_token text, new_lease_expires_at text, new_attempts int, new_run_id text
);
CREATE TABLE states (number bigserial, who text, provider text, state text);
CREATE FUNCTION note_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO simulated.audit SELECT nextval('simulated.audit_number_seq'),
        {_SIGNED}, NEW.id, {_values("OLD")}, {_values("NEW")};
    RETURN NULL;
END $$;
CREATE FUNCTION note_state() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO simulated.states (who, provider, state)
        VALUES (current_setting('simulated.who'), NEW.provider, NEW.state);
    RETURN NULL;
END $$;
CREATE TRIGGER simulated_updates AFTER UPDATE ON fairmind_sync.outbox
    FOR EACH ROW EXECUTE FUNCTION note_update();
CREATE TRIGGER simulated_states AFTER UPDATE ON fairmind_sync.provider_state
    FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_state();
CREATE TRIGGER simulated_first_states AFTER INSERT ON fairmind_sync.provider_state
    FOR EACH ROW WHEN (NEW.state <> 'ready') EXECUTE FUNCTION note_state();
"""
READ = (
    f"SELECT who, at, id, {', '.join(f'old_{name}' for name in _COLUMNS)},"
    f" {', '.join(f'new_{name}' for name in _COLUMNS)} FROM simulated.audit ORDER BY number"
)
READ_STATES = "SELECT who, provider, state FROM simulated.states ORDER BY number"
