-- How many packages of a stream are loaded. Bound: source, stream.
SELECT count(*) FROM meta.loads WHERE source = $source AND stream = $stream;
