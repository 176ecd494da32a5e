-- The warehouse's first shape. No primary-key index: MERGE keeps keys unique, and an index costs
-- 2-3 times the time of an upsert and 2.5-3.6 times the file. Ids are text, unique within (source, tenant).
CREATE SCHEMA IF NOT EXISTS core;
CREATE SCHEMA IF NOT EXISTS marts;
CREATE SCHEMA IF NOT EXISTS meta;

CREATE TABLE core.evaluations (
    source           VARCHAR     NOT NULL,
    tenant           VARCHAR     NOT NULL,
    evaluation_id    VARCHAR     NOT NULL,
    call_id          VARCHAR,
    rating           TINYINT     NOT NULL,   -- 1 to 5
    comment          VARCHAR,
    has_comment      BOOLEAN     NOT NULL,   -- survives privacy.comment = drop
    customer_name    VARCHAR,
    agent_name       VARCHAR,
    department_name  VARCHAR,
    created_at       TIMESTAMPTZ NOT NULL,
    extra            VARCHAR,                -- JSON object of the fields that the contract does not know
    _first_loaded_at TIMESTAMPTZ NOT NULL,
    _loaded_at       TIMESTAMPTZ NOT NULL,   -- when this version came, or was marked deleted
    _observed_at     TIMESTAMPTZ NOT NULL,   -- the source's clock when it gave this version
    _run_id          VARCHAR     NOT NULL,
    _deleted_at      TIMESTAMPTZ             -- null: present at the source
);

CREATE TABLE meta.settings (                 -- one row: what the marts need to know of config.yaml
    timezone       VARCHAR NOT NULL,
    satisfied_from TINYINT NOT NULL
);

CREATE TABLE meta.runs (
    run_id      VARCHAR     NOT NULL,
    outcome     VARCHAR     NOT NULL,        -- ok, paused, failed, unproven
    started_at  TIMESTAMPTZ NOT NULL,
    finished_at TIMESTAMPTZ NOT NULL
);

CREATE TABLE meta.stream_runs (              -- what one run did with one stream
    run_id       VARCHAR     NOT NULL,
    source       VARCHAR     NOT NULL,
    stream       VARCHAR     NOT NULL,
    outcome      VARCHAR     NOT NULL,       -- ok, paused, failed, unproven
    requests     BIGINT      NOT NULL,
    fetched      BIGINT      NOT NULL,
    inserted     BIGINT      NOT NULL,
    updated      BIGINT      NOT NULL,
    unchanged    BIGINT      NOT NULL,
    deleted      BIGINT      NOT NULL,
    dead_letters BIGINT      NOT NULL,
    duplicates   BIGINT      NOT NULL,
    error        VARCHAR,
    finished_at  TIMESTAMPTZ NOT NULL
);

CREATE TABLE meta.loads (                    -- one row per loaded package: the guard against loading it twice
    source       VARCHAR     NOT NULL,
    stream       VARCHAR     NOT NULL,
    pass_id      VARCHAR     NOT NULL,
    first_page   INTEGER     NOT NULL,
    last_page    INTEGER     NOT NULL,
    run_id       VARCHAR     NOT NULL,
    fetched      BIGINT      NOT NULL,       -- = valid + dead_letters + duplicates
    valid        BIGINT      NOT NULL,
    inserted     BIGINT      NOT NULL,
    updated      BIGINT      NOT NULL,
    unchanged    BIGINT      NOT NULL,
    deleted      BIGINT      NOT NULL,
    dead_letters BIGINT      NOT NULL,
    duplicates   BIGINT      NOT NULL,
    loaded_at    TIMESTAMPTZ NOT NULL
);

CREATE TABLE meta.watermarks (
    source     VARCHAR     NOT NULL,
    stream     VARCHAR     NOT NULL,
    watermark  TIMESTAMPTZ NOT NULL,         -- everything before it is loaded
    updated_at TIMESTAMPTZ NOT NULL,
    run_id     VARCHAR     NOT NULL
);

CREATE TABLE meta.proofs (
    run_id       VARCHAR     NOT NULL,
    source       VARCHAR     NOT NULL,
    stream       VARCHAR     NOT NULL,
    "from"       TIMESTAMPTZ NOT NULL,       -- the window is ["from", "to")
    "to"         TIMESTAMPTZ NOT NULL,
    source_total BIGINT,
    loaded_total BIGINT      NOT NULL,
    figures      VARCHAR     NOT NULL,       -- JSON: figure -> {source, loaded, state, derived}
    state        VARCHAR     NOT NULL,       -- proven, unproven, not_comparable
    reason       VARCHAR,
    checked_at   TIMESTAMPTZ NOT NULL
);

CREATE TABLE meta.dead_letters (
    source        VARCHAR     NOT NULL,
    stream        VARCHAR     NOT NULL,
    record_key    VARCHAR     NOT NULL,      -- the record's id, or a hash of it where it has none
    reason        VARCHAR     NOT NULL,
    pointer       VARCHAR     NOT NULL,      -- JSON pointer to the field
    raw           VARCHAR     NOT NULL,      -- the record as it came, as ASCII JSON
    cursor        TIMESTAMPTZ,               -- its place in the window, where that could be read
    first_seen_at TIMESTAMPTZ NOT NULL,
    last_seen_at  TIMESTAMPTZ NOT NULL,
    run_id        VARCHAR     NOT NULL
);
