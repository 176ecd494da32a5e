-- evaluagent's tables, and the rest of Voki's. Ids are text, unique within (source, tenant).
-- `_checked_at` is the source's clock when it last gave the row, changed or not: in the warehouse only, because a
-- Parquet file that changed with every look at its rows could never be linked from the snapshot before.
ALTER TABLE core.evaluations ADD COLUMN _checked_at TIMESTAMPTZ;
UPDATE core.evaluations SET _checked_at = _observed_at;

CREATE TABLE core.calls (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    call_id          VARCHAR     NOT NULL,
    status           VARCHAR     NOT NULL,      -- queued, active, completed, missed, cancelled
    department_id    VARCHAR,
    department_name  VARCHAR,
    agent_id         VARCHAR,
    agent_name       VARCHAR,
    customer_name    VARCHAR,
    customer_email   VARCHAR,
    customer_phone   VARCHAR,
    duration         INTEGER,                   -- seconds
    wait_time        INTEGER,                   -- seconds
    started_at       TIMESTAMPTZ,
    completed_at     TIMESTAMPTZ,
    created_at       TIMESTAMPTZ NOT NULL,
    extra            VARCHAR,
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,
    _observed_at     TIMESTAMPTZ NOT NULL,
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ,
    _checked_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.departments (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    department_id    VARCHAR     NOT NULL,
    name             VARCHAR     NOT NULL,
    identifier       VARCHAR,
    description      VARCHAR,
    active           BOOLEAN,
    sector_id        VARCHAR,
    max_queue_size   INTEGER,
    max_wait_time    INTEGER,                   -- seconds
    user_count       INTEGER,
    created_at       TIMESTAMPTZ,
    updated_at       TIMESTAMPTZ,
    extra            VARCHAR,
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,
    _observed_at     TIMESTAMPTZ NOT NULL,
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ,
    _checked_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.voki_users (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    user_id          VARCHAR     NOT NULL,
    name             VARCHAR     NOT NULL,
    email            VARCHAR,
    role             VARCHAR,
    active           BOOLEAN,
    avatar_url       VARCHAR,
    mfa_enabled      BOOLEAN,
    locale           VARCHAR,
    created_at       TIMESTAMPTZ,
    updated_at       TIMESTAMPTZ,
    extra            VARCHAR,
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,
    _observed_at     TIMESTAMPTZ NOT NULL,
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ,
    _checked_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.quality_evaluations (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    evaluation_id    VARCHAR     NOT NULL,
    outcome          VARCHAR,
    score            DOUBLE,                    -- percent
    scorecard_id     VARCHAR,
    agent_id         VARCHAR,
    evaluator_id     VARCHAR,
    auto_failed      BOOLEAN,
    line_items       VARCHAR,                   -- JSON array of {name, outcome, weight}
    evaluated_at     TIMESTAMPTZ,
    published_at     TIMESTAMPTZ NOT NULL,
    extra            VARCHAR,
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,
    _observed_at     TIMESTAMPTZ NOT NULL,
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ,
    _checked_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.quality_contacts (
    source            VARCHAR     NOT NULL,
    tenant            VARCHAR     NOT NULL,
    contact_id        VARCHAR     NOT NULL,
    evaluation_id     VARCHAR     NOT NULL,
    contact_reference VARCHAR,
    channel           VARCHAR,
    contact_date      TIMESTAMPTZ,
    published_at      TIMESTAMPTZ NOT NULL,
    extra             VARCHAR,
    _first_loaded_at  TIMESTAMPTZ NOT NULL,
    _loaded_at        TIMESTAMPTZ NOT NULL,
    _observed_at      TIMESTAMPTZ NOT NULL,
    _run_id           VARCHAR     NOT NULL,
    _deleted_at       TIMESTAMPTZ,
    _checked_at       TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.agents (
    source              VARCHAR     NOT NULL,
    tenant              VARCHAR     NOT NULL,
    agent_id            VARCHAR     NOT NULL,
    forename            VARCHAR,
    surname             VARCHAR,
    fullname            VARCHAR,
    username            VARCHAR,
    email               VARCHAR,
    active              BOOLEAN,
    allow_login         BOOLEAN,
    reporting_access_id VARCHAR,
    third_party_id      VARCHAR,
    start_date          DATE,
    group_id            VARCHAR,                   -- the relationship agent-team
    role_ids            VARCHAR,                   -- JSON array
    extra               VARCHAR,
    _first_loaded_at    TIMESTAMPTZ NOT NULL,
    _loaded_at          TIMESTAMPTZ NOT NULL,
    _observed_at        TIMESTAMPTZ NOT NULL,
    _run_id             VARCHAR     NOT NULL,
    _deleted_at         TIMESTAMPTZ,
    _checked_at         TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.groups (
    source                    VARCHAR     NOT NULL,
    tenant                    VARCHAR     NOT NULL,
    group_id                  VARCHAR     NOT NULL,
    name                      VARCHAR,
    level                     VARCHAR,
    parent                    VARCHAR,
    active                    BOOLEAN,
    has_children              BOOLEAN,
    is_custom_reporting_group BOOLEAN,
    extra                     VARCHAR,
    _first_loaded_at          TIMESTAMPTZ NOT NULL,
    _loaded_at                TIMESTAMPTZ NOT NULL,
    _observed_at              TIMESTAMPTZ NOT NULL,
    _run_id                   VARCHAR     NOT NULL,
    _deleted_at               TIMESTAMPTZ,
    _checked_at               TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.roles (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    role_id          VARCHAR     NOT NULL,
    name             VARCHAR,
    title            VARCHAR,
    abilities        VARCHAR,                   -- JSON array of {id, title}
    extra            VARCHAR,
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,
    _observed_at     TIMESTAMPTZ NOT NULL,
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ,
    _checked_at      TIMESTAMPTZ NOT NULL
);

CREATE TABLE core.conversations (
    source            VARCHAR     NOT NULL,
    tenant            VARCHAR     NOT NULL,
    conversation_id   VARCHAR     NOT NULL,
    integration       VARCHAR     NOT NULL,
    contact_reference VARCHAR,
    extra             VARCHAR,
    _first_loaded_at  TIMESTAMPTZ NOT NULL,
    _loaded_at        TIMESTAMPTZ NOT NULL,
    _observed_at      TIMESTAMPTZ NOT NULL,
    _run_id           VARCHAR     NOT NULL,
    _deleted_at       TIMESTAMPTZ,
    _checked_at       TIMESTAMPTZ NOT NULL
);

CREATE TABLE meta.agents (                   -- the mapping file `agents` of config.yaml, as it stands there
    voki_user VARCHAR NOT NULL,              -- id or e-mail of a user at Voki
    agent     VARCHAR NOT NULL               -- id or e-mail of an agent at evaluagent
);
