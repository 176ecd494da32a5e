-- Letters that are new come in, known ones are seen again. Bound: source, stream, now, run_id.
-- Reads `letters` (record_key, reason, pointer, raw, cursor).
MERGE INTO meta.dead_letters AS old
USING letters AS new
ON old.source = $source AND old.stream = $stream AND old.record_key = new.record_key
WHEN MATCHED THEN UPDATE SET
    reason = new.reason, pointer = new.pointer, raw = new.raw, cursor = new.cursor,
    last_seen_at = $now, run_id = $run_id
WHEN NOT MATCHED THEN INSERT (
    source, stream, record_key, reason, pointer, raw, cursor, first_seen_at, last_seen_at, run_id
) VALUES (
    $source, $stream, new.record_key, new.reason, new.pointer, new.raw, new.cursor, $now, $now, $run_id
);
