-- How far a pass is loaded. Bound: source, stream, pass_id.
SELECT coalesce(max(last_page), 0)
FROM meta.loads
WHERE source = $source AND stream = $stream AND pass_id = $pass_id;
