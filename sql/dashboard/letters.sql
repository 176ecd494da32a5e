-- Dead letters by reason; never the records themselves: those are personal data.
SELECT
    source,
    stream,
    reason,
    pointer AS field,
    count(*) AS dead_letters,
    min(first_seen_at) AS first_seen_at,
    max(last_seen_at) AS last_seen_at
FROM meta.dead_letters
GROUP BY source, stream, reason, pointer
ORDER BY dead_letters DESC, source, stream, reason
LIMIT $most;
