"""The audit log in a PostgreSQL database, and delivery keys that come of the seed.

A session says who it is in `simulated.who`, and each write transaction what time it is in `simulated.now`.
Its search path begins with the schema `simulated`, so that its `gen_random_uuid` is the one made here.
"""

from __future__ import annotations

SCRIPT = """
CREATE SCHEMA simulated;
SET search_path = simulated, pg_catalog;
CREATE SEQUENCE numbers;
CREATE FUNCTION gen_random_uuid() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT md5(current_setting('simulated.keys') || nextval('simulated.numbers'))::uuid
$$;
CREATE FUNCTION stored(of_row timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT to_char(of_row AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')
$$;
CREATE TABLE audit (
    number bigserial, who text, at text, id bigint,
    old_status text, old_lease_token text, old_lease_expires_at text, old_attempts int, old_run_id text,
    new_status text, new_lease_token text, new_lease_expires_at text, new_attempts int, new_run_id text
);
CREATE TABLE states (number bigserial, who text, provider text, state text);
CREATE FUNCTION note_update() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO simulated.audit VALUES (
        nextval('simulated.audit_number_seq'),
        current_setting('simulated.who'), current_setting('simulated.now'), NEW.id,
        OLD.status, OLD.lease_token, simulated.stored(OLD.lease_expires_at), OLD.attempts, OLD.run_id,
        NEW.status, NEW.lease_token, simulated.stored(NEW.lease_expires_at), NEW.attempts, NEW.run_id
    );
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
READ = """
SELECT who, at, id,
    old_status, old_lease_token, old_lease_expires_at, old_attempts, old_run_id,
    new_status, new_lease_token, new_lease_expires_at, new_attempts, new_run_id
FROM simulated.audit ORDER BY number
"""
READ_STATES = "SELECT who, provider, state FROM simulated.states ORDER BY number"
