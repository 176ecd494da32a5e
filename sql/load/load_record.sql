-- The guard against loading a package twice, and what the load did. Bound: every column.
INSERT INTO meta.loads (
    source, stream, pass_id, first_page, last_page, run_id, fetched, valid, inserted, updated, unchanged,
    deleted, dead_letters, duplicates, loaded_at
) VALUES (
    $source, $stream, $pass_id, $first_page, $last_page, $run_id, $fetched, $valid, $inserted, $updated,
    $unchanged, $deleted, $dead_letters, $duplicates, $now
);
