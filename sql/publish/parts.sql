-- One row per Parquet file of a table: source and month, with a version that changes whenever a row of it changes.
-- Reads `kept`. A table without a place in time has all its rows in 1970-01.
SELECT
    source,
    strftime(_moment, '%Y-%m') AS month,
    count(*) AS rows,
    concat(count(*), ':', bit_xor(hash(tenant, _key, _loaded_at, _deleted_at))) AS version
FROM kept
GROUP BY source, month
ORDER BY source, month;
