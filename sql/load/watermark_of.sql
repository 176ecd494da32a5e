-- Everything of a stream before this moment is loaded. Bound: source, stream.
SELECT watermark FROM meta.watermarks WHERE source = $source AND stream = $stream;
