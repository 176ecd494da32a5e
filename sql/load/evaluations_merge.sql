-- One row per key: new rows in, changed rows updated, rows that came back alive again. A version older than
-- the one that is there changes nothing. Bound: source, tenant, now, run_id. Reads `staging`.
MERGE INTO core.evaluations AS old
USING staging AS new
ON old.source = $source AND old.tenant = $tenant AND old.evaluation_id = new.evaluation_id
WHEN MATCHED AND old._observed_at <= new._observed_at AND (
    old._deleted_at IS NOT NULL
    OR (old.call_id, old.rating, old.comment, old.has_comment, old.customer_name, old.agent_name,
        old.department_name, old.created_at, old.extra)
    IS DISTINCT FROM
       (new.call_id, new.rating, new.comment, new.has_comment, new.customer_name, new.agent_name,
        new.department_name, new.created_at, new.extra)
) THEN UPDATE SET
    call_id = new.call_id,
    rating = new.rating,
    comment = new.comment,
    has_comment = new.has_comment,
    customer_name = new.customer_name,
    agent_name = new.agent_name,
    department_name = new.department_name,
    created_at = new.created_at,
    extra = new.extra,
    _loaded_at = $now,
    _observed_at = new._observed_at,
    _run_id = $run_id,
    _deleted_at = NULL
WHEN NOT MATCHED THEN INSERT (
    source, tenant, evaluation_id, call_id, rating, comment, has_comment, customer_name, agent_name,
    department_name, created_at, extra, _first_loaded_at, _loaded_at, _observed_at, _run_id, _deleted_at
) VALUES (
    $source, $tenant, new.evaluation_id, new.call_id, new.rating, new.comment, new.has_comment,
    new.customer_name, new.agent_name, new.department_name, new.created_at, new.extra,
    $now, $now, new._observed_at, $run_id, NULL
)
RETURNING merge_action;
