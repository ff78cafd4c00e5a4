-- A business of mixed data: psql -v mib=1024 -f mixed.sql makes some `mib` MiB of raw dump. One table is far larger than the others. The same size
-- always gives the same rows: hashes of row numbers, nothing from random(). zstd -3 makes it about four times smaller.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET timezone = 'UTC';
SET work_mem = '64MB';
SET maintenance_work_mem = '256MB';
SET jit = off;

SELECT greatest(1, (:mib * 1404)::int) AS events,
       greatest(1, (:mib * 98)::int) AS documents,
       greatest(1, (:mib * 1071)::int) AS orders,
       greatest(1, (:mib * 333)::int) AS customers,
       greatest(1, (:mib * 6.2)::int) AS images
\gset

CREATE FUNCTION pick(seed bigint, below int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT ((hashint8extended(seed, 42) & 4611686018427387903) % below)::int $$;
CREATE FUNCTION word(seed bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
  $$ SELECT (ARRAY['the order was', 'delivered to', 'a customer who', 'asked for', 'another invoice', 'because', 'of the missing', 'signature',
     'on page two', 'and therefore', 'we have sent', 'it again', 'with kind regards', 'from the office', 'in Zürich', 'regarding', 'your letter',
     'of last month', 'please note', 'that payment', 'is due within', 'thirty days', 'unless', 'otherwise agreed', 'in writing', 'by both parties',
     'the goods', 'remain ours', 'until then', 'naïve façade', 'smörgåsbord', 'as per contract'])[(seed & 31) + 1] $$;

CREATE TABLE customers (
  id bigint NOT NULL, uid uuid NOT NULL, name text NOT NULL, email text, street text, town text, country char(2) NOT NULL, born date, credit numeric(12, 2),
  consent boolean, joined timestamptz NOT NULL, settings jsonb NOT NULL
);
INSERT INTO customers
  SELECT i, md5('customer' || i)::uuid, (ARRAY['Ada', 'Zoë', 'Łukasz', '李', 'O''Brien', 'Nina', 'Gül', 'Renée'])[i % 8 + 1] || ' ' || initcap(substr(md5(i::text), 1, 9)),
    CASE WHEN i % 17 > 0 THEN substr(md5(i::text), 1, 10) || '@example.org' END, 'Straße ' || i % 400,
    (ARRAY['Köln', 'São Paulo', '東京', 'Tromsø', 'Leeds'])[i % 5 + 1], (ARRAY['DE', 'BR', 'JP', 'NO', 'GB'])[i % 5 + 1], date '1930-01-01' + pick(i, 30000),
    pick(i + 5, 10000000) / 100.0, CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, timestamptz '2019-01-01 00:00:00+00' + make_interval(secs => i * 97.25),
    jsonb_build_object('language', (ARRAY['de', 'pt', 'ja', 'nb', 'en'])[i % 5 + 1], 'newsletter', i % 4 = 0, 'theme', 'light', 'limit', pick(i, 5000))
  FROM generate_series(1, :customers) i;

CREATE TABLE orders (
  id bigint NOT NULL, customer bigint NOT NULL, placed timestamptz NOT NULL, state text NOT NULL, net numeric(14, 2) NOT NULL, tax numeric(14, 4) NOT NULL,
  weight double precision, reference text NOT NULL, note text
);
INSERT INTO orders
  SELECT i, pick(i, :customers) + 1, timestamptz '2025-01-01 00:00:00+00' + make_interval(secs => i * 31), (ARRAY['paid', 'sent', 'returned', 'open'])[pick(i + 1, 4) + 1],
    pick(i + 2, 20000000) / 100.0, pick(i + 2, 20000000) / 100.0 * 0.19, CASE WHEN i % 3 > 0 THEN pick(i + 3, 90000) / 7.0 END, 'R-' || upper(substr(md5(i::text), 1, 8)),
    CASE WHEN i % 4 = 0 THEN word(i) || ' ' || word(i / 32) || ' ' || word(pick(i, 1000000)) END
  FROM generate_series(1, :orders) i;

CREATE TABLE events (
  id bigint NOT NULL, at timestamptz NOT NULL, kind text NOT NULL, session uuid NOT NULL, took numeric(10, 3), payload jsonb NOT NULL
);
INSERT INTO events
  SELECT i, timestamptz '2026-01-01 00:00:00+00' + make_interval(secs => i * 1.7), (ARRAY['view', 'search', 'basket', 'login', 'pay', 'error'])[h % 6 + 1], md5((i / 12)::text)::uuid,
    (h % 900000) / 1000.0,
    ('{"path": "/' || word(h) || '/' || h % 5000 || '", "agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1' || h % 40
      || '.0.0.0", "status": ' || CASE WHEN h % 50 = 0 THEN 404 ELSE 200 END || ', "address": "10.' || h % 250 || '.' || h % 199 || '.' || h % 97
      || '", "trace": "' || md5(i::text) || '", "bytes": ' || h % 100000 || ', "flags": [' || h % 2 || ', ' || h % 3 || ', null]}')::jsonb
  FROM (SELECT i, pick(i, 2000000000) AS h FROM generate_series(1, :events) i) x;

CREATE TABLE documents (id bigint NOT NULL, customer bigint NOT NULL, title text NOT NULL, body text NOT NULL);
INSERT INTO documents
  SELECT i, pick(i, :customers) + 1, initcap(word(i)) || ' № ' || i,
    (SELECT string_agg(word(h) || ' ' || word(h / 32) || ' ' || word(h / 1024) || ' ' || word(h / 32768) || ' ' || word(h / 1048576) || ' ' || (h % 10000), E'.\n')
      FROM (SELECT pick(i * 1000 + j, 2000000000) AS h FROM generate_series(1, 12 + pick(i, 40)) j) x)
  FROM generate_series(1, :documents) i;

CREATE TABLE images (id int NOT NULL, customer bigint NOT NULL, media text NOT NULL, bytes bytea NOT NULL);
ALTER TABLE images ALTER COLUMN bytes SET STORAGE EXTERNAL;
INSERT INTO images
  SELECT i, pick(i, :customers) + 1, 'image/jpeg', (SELECT string_agg(sha256((i || ':' || j)::bytea), ''::bytea) FROM generate_series(1, 200 + pick(i, 400)) j)
  FROM generate_series(1, :images) i;

SELECT format('CREATE TABLE settings_%s AS SELECT i AS id, md5(i::text) AS name, i * 1.5 AS value FROM generate_series(1, %s) i', n, 20 * n) FROM generate_series(1, 20) n
\gexec

ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE events ADD PRIMARY KEY (id);
ALTER TABLE documents ADD PRIMARY KEY (id);
ALTER TABLE images ADD PRIMARY KEY (id);
CREATE INDEX ON customers (email);
CREATE INDEX ON orders (customer);
CREATE INDEX ON orders (placed);
CREATE INDEX ON events (at);
CREATE INDEX ON events (session);
ALTER TABLE orders ADD FOREIGN KEY (customer) REFERENCES customers;
ALTER TABLE documents ADD FOREIGN KEY (customer) REFERENCES customers;
VACUUM (FREEZE, ANALYZE);
