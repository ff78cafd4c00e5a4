import { join } from 'node:path'

import { run } from '../../test/harness/run.ts'
import { type PostgresAccess, postgresEnvironment } from '../data/postgres.ts'
import { type Comparison, compareFacts, type Fact, type TableFact } from './difference.ts'

// Each row as text, hashed to 64 bits, summed as numeric: no order, nothing overflows, rows that occur twice count twice.
// Partitioned tables are compared at their root (rows of hash partitions may come back in another leaf); ordinary tables without their
// children, which are tables of their own. Materialised views by definition and population only: a restore refreshes them.
const facts = String.raw`
\set ON_ERROR_STOP on
SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
SET row_security = off; SET search_path = ''; SET client_encoding = 'UTF8'; SET xmloption = 'content';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT format('SELECT json_build_object(''table'', %L, ''rows'', count(*), ''sum'', coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text) FROM %s %I.%I t',
    format('%I.%I', n.nspname, c.relname), CASE c.relkind WHEN 'r' THEN 'ONLY' ELSE '' END, n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  ORDER BY pg_table_size(c.oid) DESC
\gexec
SELECT json_build_object('other', 'large objects', 'value', format('%s with sum %s', count(*), coalesce(sum(hashtextextended(oid || ':' || encode(lo_get(oid), 'hex'), 0)::numeric), 0)))
  FROM pg_largeobject_metadata;
SELECT json_build_object('other', 'sequence ' || format('%I.%I', schemaname, sequencename), 'value', format('last %s, step %s, start %s', last_value, increment_by, start_value))
  FROM pg_sequences;
SELECT json_build_object('other', 'materialised view ' || format('%I.%I', schemaname, matviewname), 'value', format('populated %s: %s', ispopulated, md5(definition)))
  FROM pg_matviews;
SELECT json_build_object('other', 'view ' || format('%I.%I', schemaname, viewname), 'value', md5(definition))
  FROM pg_views WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema';
SELECT json_build_object('other', 'index ' || format('%I.%I', schemaname, indexname), 'value', indexdef)
  FROM pg_indexes WHERE schemaname !~ '^pg_' AND schemaname <> 'information_schema';
SELECT json_build_object('other', 'constraint ' || conrelid::regclass || ' ' || conname, 'value', pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' not valid' END)
  FROM pg_constraint WHERE connamespace::regnamespace::text !~ '^pg_|^information_schema$' AND conrelid <> 0;
SELECT json_build_object('other', 'trigger ' || tgrelid::regclass || ' ' || tgname, 'value', pg_get_triggerdef(oid)) FROM pg_trigger WHERE NOT tgisinternal;
SELECT json_build_object('other', 'function ' || oid::regprocedure, 'value', md5(pg_get_functiondef(oid)))
  FROM pg_proc WHERE pronamespace::regnamespace::text !~ '^pg_|^information_schema$' AND prokind IN ('f', 'p');
SELECT json_build_object('other', 'enum ' || enumtypid::regtype, 'value', string_agg(enumlabel, ', ' ORDER BY enumsortorder)) FROM pg_enum GROUP BY enumtypid;
SELECT json_build_object('other', 'column ' || attrelid::regclass || ' ' || quote_ident(attname), 'value', format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' not null' ELSE '' END)
  FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
  WHERE attnum > 0 AND NOT attisdropped AND relkind IN ('r', 'p', 'v', 'm', 'c') AND relnamespace::regnamespace::text !~ '^pg_|^information_schema$';
SELECT json_build_object('other', 'comment on ' || pg_describe_object(classoid, objoid, objsubid), 'value', description) FROM pg_description WHERE objoid >= 16384;
SELECT json_build_object('other', 'grants on ' || c.oid::regclass, 'value', (SELECT string_agg(a::text, ', ' ORDER BY a::text) FROM unnest(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) a))
  FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND relnamespace::regnamespace::text !~ '^pg_|^information_schema$';
COMMIT;
`

type Line = { table: string; rows: number; sum: string } | { other: string; value: string }

/**
 * Compares two PostgreSQL databases: every table's row count and an order-independent checksum of its rows, large objects, sequences, and the
 * definitions around them. Both users must be superusers. Nothing else may write meanwhile, or the writing is a difference.
 */
export async function comparePostgres(
  first: { readonly server: PostgresAccess; readonly database: string },
  second: { readonly server: PostgresAccess; readonly database: string },
): Promise<Comparison> {
  const [left, right] = await Promise.all([
    factsOf(first.server, first.database),
    factsOf(second.server, second.database),
  ])
  return compareFacts(left, right)
}

async function factsOf(
  server: PostgresAccess,
  database: string,
): Promise<{ tables: TableFact[]; others: Fact[] }> {
  const env = postgresEnvironment(server, database)
  const { stdout } = await run(join(server.bin, 'psql'), ['-X', '-A', '-t', '-q'], { env, input: facts })
  const lines = stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Line)
  const tables: TableFact[] = []
  const others: Fact[] = []
  for (const line of lines) {
    if ('other' in line) others.push({ subject: line.other, value: line.value })
    else
      tables.push({
        subject: `table ${line.table}`,
        rows: line.rows,
        value: `${line.rows} rows with sum ${line.sum}`,
      })
  }
  return { tables, others }
}
