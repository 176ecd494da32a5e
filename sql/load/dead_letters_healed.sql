-- A record that is valid now, or gone from a proven range, is no dead letter any more.
-- Bound: source, stream. Reads `healed` (key), `tiles`, `letters`.
DELETE FROM meta.dead_letters AS old
WHERE old.source = $source
  AND old.stream = $stream
  AND (
      old.record_key IN (SELECT healed.key FROM healed)
      OR (
          old.record_key NOT IN (SELECT letters.record_key FROM letters)
          AND EXISTS (
              SELECT 1 FROM tiles
              WHERE old.cursor >= tiles."from" AND old.cursor < tiles."to"
          )
      )
  );
