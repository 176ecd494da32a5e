-- The dead letters of a stream, to be tried again. Bound: source, stream.
SELECT raw, last_seen_at FROM meta.dead_letters WHERE source = $source AND stream = $stream ORDER BY last_seen_at;
