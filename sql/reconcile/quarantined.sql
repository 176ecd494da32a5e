-- Dead letters of a window, and those whose place in time cannot be read. Bound: source, stream, from, to.
SELECT count(*)
FROM meta.dead_letters
WHERE source = $source
  AND stream = $stream
  AND (cursor IS NULL OR (cursor >= $from AND cursor < $to));
