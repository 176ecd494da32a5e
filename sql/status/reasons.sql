-- The dead letters by what is wrong with them, the most frequent first.
SELECT source, stream, pointer, reason, count(*) AS records, min(first_seen_at) AS first_seen_at
FROM meta.dead_letters
GROUP BY source, stream, pointer, reason
ORDER BY records DESC, source, stream, pointer, reason;
