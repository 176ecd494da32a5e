-- One row per Parquet file of the lake: source and month of the rating, with a version that changes whenever a
-- row of it changes.
SELECT
    source,
    strftime(created_at, '%Y-%m') AS month,
    count(*) AS rows,
    concat(count(*), ':', bit_xor(hash(tenant, evaluation_id, _loaded_at, _deleted_at))) AS version
FROM core.evaluations
GROUP BY source, month
ORDER BY source, month;
