-- The dead letters, without the records themselves: those are personal data. Bound: source (null: all).
SELECT source, stream, record_key, reason, pointer, first_seen_at, last_seen_at
FROM meta.dead_letters
WHERE $source IS NULL OR source = $source
ORDER BY source, stream, first_seen_at, record_key;
