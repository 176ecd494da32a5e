-- For each stream and beginning of a window, the newest comparison with the source: those that reach back to the
-- beginning of history tell how it stands as a whole.
SELECT source, stream, "from", "to", state, reason, checked_at
FROM meta.proofs
QUALIFY row_number() OVER (PARTITION BY source, stream, "from" ORDER BY checked_at DESC, "to" DESC) = 1
ORDER BY checked_at DESC, "to" DESC;
