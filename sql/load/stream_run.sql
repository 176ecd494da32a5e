-- What a run did with one stream. Bound: every column.
INSERT INTO meta.stream_runs (
    run_id, source, stream, outcome, requests, fetched, inserted, updated, unchanged, deleted, dead_letters,
    duplicates, error, finished_at
) VALUES (
    $run_id, $source, $stream, $outcome, $requests, $fetched, $inserted, $updated, $unchanged, $deleted,
    $dead_letters, $duplicates, $error, $finished_at
);
