-- Everything before the watermark is loaded. It never moves back. Bound: source, stream, watermark, now, run_id.
MERGE INTO meta.watermarks AS old
USING (SELECT $source AS source, $stream AS stream, CAST($watermark AS TIMESTAMPTZ) AS watermark) AS new
ON old.source = new.source AND old.stream = new.stream
WHEN MATCHED THEN UPDATE SET
    watermark = greatest(old.watermark, new.watermark), updated_at = $now, run_id = $run_id
WHEN NOT MATCHED THEN INSERT (source, stream, watermark, updated_at, run_id)
    VALUES (new.source, new.stream, new.watermark, $now, $run_id);
