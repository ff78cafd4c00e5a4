import { type MariadbAccess, mariadb } from '../data/mariadb.ts'
import { type Comparison, compareFacts, type Fact, type TableFact } from './difference.ts'

// Names and bodies come as JSON, one object a line, so that no name can be mistaken for a separator.
// View definitions carry the database's name; it is taken out, since the copy has another.
const catalogue = `
SET NAMES utf8mb4; SET time_zone = '+00:00'; SET SESSION group_concat_max_len = 1048576;
SELECT JSON_OBJECT('table', t.TABLE_NAME, 'columns', JSON_ARRAYAGG(JSON_OBJECT('name', c.COLUMN_NAME, 'type', c.DATA_TYPE) ORDER BY c.ORDINAL_POSITION))
  FROM information_schema.TABLES t JOIN information_schema.COLUMNS c USING (TABLE_SCHEMA, TABLE_NAME)
  WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') GROUP BY t.TABLE_NAME;
SELECT JSON_OBJECT('other', CONCAT('column ', TABLE_NAME, ' ', COLUMN_NAME), 'value', CONCAT_WS(' ', COLUMN_TYPE, IFNULL(CHARACTER_SET_NAME, ''), IFNULL(COLLATION_NAME, ''), IS_NULLABLE, EXTRA, IFNULL(COLUMN_DEFAULT, ''), IFNULL(GENERATION_EXPRESSION, '')))
  FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE();
SELECT JSON_OBJECT('other', CONCAT('options of ', TABLE_NAME), 'value', CONCAT_WS(' ', ENGINE, TABLE_COLLATION, IFNULL(AUTO_INCREMENT, ''), TABLE_COMMENT))
  FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE <> 'VIEW';
SELECT JSON_OBJECT('other', CONCAT('view ', TABLE_NAME), 'value', REPLACE(VIEW_DEFINITION, CONCAT('\`', REPLACE(DATABASE(), '\`', '\`\`'), '\`.'), ''))
  FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE();
SELECT JSON_OBJECT('other', CONCAT('trigger ', TRIGGER_NAME), 'value', CONCAT_WS(' ', ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_STATEMENT))
  FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();
SELECT JSON_OBJECT('other', CONCAT(LOWER(ROUTINE_TYPE), ' ', ROUTINE_NAME), 'value', CONCAT_WS(' ', DTD_IDENTIFIER, SQL_DATA_ACCESS, ROUTINE_DEFINITION))
  FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE();
SELECT JSON_OBJECT('other', CONCAT('event ', EVENT_NAME), 'value', CONCAT_WS(' ', EVENT_TYPE, INTERVAL_VALUE, INTERVAL_FIELD, STARTS, EVENT_DEFINITION))
  FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE();
SELECT JSON_OBJECT('other', CONCAT('index ', TABLE_NAME, ' ', INDEX_NAME), 'value', GROUP_CONCAT(CONCAT_WS(' ', COLUMN_NAME, SUB_PART, INDEX_TYPE, NON_UNIQUE) ORDER BY SEQ_IN_INDEX))
  FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() GROUP BY TABLE_NAME, INDEX_NAME;
SELECT JSON_OBJECT('other', CONCAT('foreign key ', CONSTRAINT_NAME), 'value', CONCAT_WS(' ', TABLE_NAME, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE))
  FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE();
`

type Line =
  | { readonly table: string; readonly columns: readonly { readonly name: string; readonly type: string }[] }
  | { readonly other: string; readonly value: string }

/**
 * Compares two MariaDB databases: every table's row count and an order-independent checksum of its rows, and the definitions around them.
 * Nothing else may write meanwhile, or the writing is a difference.
 */
export async function compareMariadb(
  first: { readonly server: MariadbAccess; readonly database: string },
  second: { readonly server: MariadbAccess; readonly database: string },
): Promise<Comparison> {
  const [left, right] = await Promise.all([
    factsOf(first.server, first.database),
    factsOf(second.server, second.database),
  ])
  return compareFacts(left, right)
}

async function factsOf(
  server: MariadbAccess,
  database: string,
): Promise<{ tables: TableFact[]; others: Fact[] }> {
  const lines = jsonLines<Line>(await mariadb(server, database, catalogue))
  const sums = lines.flatMap(line => ('table' in line ? [checksum(line.table, line.columns)] : []))
  const set = "SET NAMES utf8mb4; SET time_zone = '+00:00';\n"
  const output = sums.length === 0 ? '' : await mariadb(server, database, set + sums.join('\n'))
  return {
    tables: jsonLines<{ table: string; rows: number; sum: string }>(output).map(({ table, rows, sum }) => ({
      subject: `table ${table}`,
      rows,
      value: `${rows} rows with sum ${sum}`,
    })),
    others: lines.flatMap(line => ('other' in line ? [{ subject: line.other, value: line.value }] : [])),
  }
}

// CHECKSUM TABLE depends on the row format and, for some engines, on the order. Here: every value as hex (so nothing can run into its
// neighbour, and no collation or character set interferes), NULL apart, the row hashed to 60 bits, summed as DECIMAL.
function checksum(table: string, columns: readonly { name: string; type: string }[]): string {
  const binary = new Set([
    'binary',
    'varbinary',
    'tinyblob',
    'blob',
    'mediumblob',
    'longblob',
    'geometry',
    'point',
    'polygon',
    'linestring',
  ])
  const value = ({ name, type }: { name: string; type: string }) => {
    const column = quote(name)
    if (type === 'bit') return `HEX(CAST(${column} + 0 AS CHAR))`
    // HEX of a number would round it to a whole one
    return binary.has(type) ? `HEX(${column})` : `HEX(CONVERT(CAST(${column} AS CHAR) USING utf8mb4))`
  }
  const row = columns.map(column => `IFNULL(${value(column)}, 'NULL')`).join(', ')
  const hash = `CAST(CONV(LEFT(SHA1(CONCAT_WS(',', ${row})), 15), 16, 10) AS UNSIGNED)`
  const name = `'${table.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
  return `SELECT JSON_OBJECT('table', ${name}, 'rows', COUNT(*), 'sum', CAST(IFNULL(SUM(${hash}), 0) AS CHAR)) FROM ${quote(table)};`
}

function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

function jsonLines<T>(text: string): T[] {
  return text
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as T)
}
