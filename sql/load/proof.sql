-- One comparison of a window with the source. Bound: every column.
INSERT INTO meta.proofs (
    run_id, source, stream, "from", "to", source_total, loaded_total, figures, state, reason, checked_at
) VALUES (
    $run_id, $source, $stream, $from, $to, $source_total, $loaded_total, $figures, $state, $reason, $checked_at
);
