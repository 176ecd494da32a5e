-- The newest comparisons with the sources: those of the runs, and those of audits, which reach over all of history.
SELECT source, stream, "from", "to", source_total, loaded_total, state, reason, checked_at
FROM meta.proofs
ORDER BY checked_at DESC, source, stream
LIMIT $newest;
