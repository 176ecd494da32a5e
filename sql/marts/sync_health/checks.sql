-- Also catches a second watermark of a stream, which would double its row.
SELECT
    'fail' AS severity,
    'key_is_unique' AS check_name,
    source || '/' || stream || ': ' || CAST(count(*) AS VARCHAR) || ' rows' AS detail
FROM marts.sync_health
GROUP BY source, stream
HAVING count(*) > 1;

SELECT
    'fail' AS severity,
    'every_stream_that_ran_is_here' AS check_name,
    r.source || '/' || r.stream || ' has runs and no row' AS detail
FROM (SELECT DISTINCT source, stream FROM meta.stream_runs) AS r
LEFT JOIN marts.sync_health AS h ON h.source = r.source AND h.stream = r.stream
WHERE h.source IS NULL;

SELECT
    'fail' AS severity,
    'times_are_in_order' AS check_name,
    source || '/' || stream || ': last ok run after the last run' AS detail
FROM marts.sync_health
WHERE last_ok_at > last_finished_at
   OR (last_outcome = 'ok' AND last_ok_at IS NULL);

SELECT
    'fail' AS severity,
    'proven_totals_are_equal' AS check_name,
    source || '/' || stream || ': called proven with '
        || coalesce(CAST(proof_source_total AS VARCHAR), 'no total') || ' at the source and '
        || CAST(proof_loaded_total AS VARCHAR) || ' loaded' AS detail
FROM marts.sync_health
WHERE proof_state = 'proven'
  AND (proof_source_total IS NULL OR proof_source_total <> proof_loaded_total);

-- Rows are never removed, only marked: either the table was emptied, or loaded_rows does not know the stream.
SELECT
    'warn' AS severity,
    'loaded_rows_are_counted' AS check_name,
    h.source || '/' || h.stream || ': ' || CAST(r.inserted AS VARCHAR) || ' rows loaded, none found' AS detail
FROM marts.sync_health AS h
INNER JOIN (
    SELECT source, stream, sum(inserted) AS inserted
    FROM meta.stream_runs
    GROUP BY source, stream
) AS r ON r.source = h.source AND r.stream = h.stream
WHERE r.inserted > 0 AND h.rows_present + h.rows_deleted = 0;

SELECT
    'warn' AS severity,
    'newest_proof_holds' AS check_name,
    source || '/' || stream || ': ' || coalesce(CAST(proof_source_total AS VARCHAR), 'unknown')
        || ' at the source, ' || CAST(proof_loaded_total AS VARCHAR) || ' loaded' AS detail
FROM marts.sync_health
WHERE proof_state = 'unproven';
