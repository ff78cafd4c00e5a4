-- Much to dump, little to make: psql -v mib=5120 -f bulk.sql makes some `mib` MiB of raw dump in `tables` tables, four unless told. Values are long repetitions, which the server
-- keeps compressed (TOAST), so that the database itself is small and soon made; every byte of the dump still goes the whole way.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET jit = off;

\if :{?tables}
\else
\set tables 4
\endif
SELECT greatest(1, (:mib * 16 / :tables)::int) AS rows
\gset
SELECT format('CREATE TABLE bulk_%s AS SELECT i AS id, repeat(md5(%s::text || i), 2047) AS value FROM generate_series(1, %s) i', n, n, :rows) FROM generate_series(1, :tables) n
\gexec
SELECT format('ALTER TABLE bulk_%s ADD PRIMARY KEY (id)', n) FROM generate_series(1, :tables) n
\gexec
VACUUM (FREEZE, ANALYZE);
