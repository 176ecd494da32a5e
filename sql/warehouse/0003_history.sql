-- Earlier versions of every row: what it was from `valid_from` until it changed or was marked deleted at `valid_to`.
-- Both are the warehouse's own times: with them any mart can be asked as of a day.

CREATE TABLE core.evaluations_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.evaluations LIMIT 0;

CREATE TABLE core.calls_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.calls LIMIT 0;

CREATE TABLE core.departments_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.departments LIMIT 0;

CREATE TABLE core.voki_users_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.voki_users LIMIT 0;

CREATE TABLE core.quality_evaluations_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.quality_evaluations LIMIT 0;

CREATE TABLE core.quality_contacts_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.quality_contacts LIMIT 0;

CREATE TABLE core.agents_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.agents LIMIT 0;

CREATE TABLE core.groups_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.groups LIMIT 0;

CREATE TABLE core.roles_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.roles LIMIT 0;

CREATE TABLE core.conversations_history AS
SELECT * EXCLUDE (_checked_at), _loaded_at AS valid_from, _loaded_at AS valid_to FROM core.conversations LIMIT 0;
