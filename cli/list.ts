import type { Command } from 'commander'
import { AppError } from '../shared/errors/index.ts'
import { formatFilter } from '../shared/model/filter.ts'
import type { Session } from './command.ts'
import { atWords } from './print/table.ts'
import { watchOption } from './watch.ts'

/** The paging options every list has. */
export function paged(command: Command): Command {
  return watchOption(command)
    .option('--limit <n>', 'rows to show', '50')
    .option('--page-token <token>', 'continue where a former page ended')
    .option('--all', 'show every row, page by page')
}

const ofServers = 'cluster, service, datacenter, engine, tag'
const ofDatabases = `${ofServers}, database, exclude`
const ofAlerts = 'kind, severity, alert, datacenter, service, engine, database, host, destination'

/** The option of lists that can be narrowed to a part of the fleet; the coordinator narrows before it pages. */
export function selected(command: Command, of: 'servers' | 'databases' | 'alerts' = 'databases'): Command {
  const keys = { servers: ofServers, databases: ofDatabases, alerts: ofAlerts }[of]
  return command.option('--selector <selector>', `only these: key=pattern joined by commas, of ${keys}`)
}

/** What it says, as a list's filter takes it. */
export function selectorOf(options: Readonly<Record<string, string | boolean | undefined>>) {
  return { selector: typeof options.selector === 'string' ? options.selector : undefined }
}

/** The order a list is asked for; undefined for its own. @throws AppError `usage.invalid` */
export function orderOf(
  options: Readonly<Record<string, string | boolean | undefined>>,
  orders: readonly string[],
): string | undefined {
  const sort = String(options.sort)
  if (!orders.includes(sort))
    throw new AppError('usage.invalid', {
      message: `--sort: \`${sort}\` is no order of this list`,
      hint: `There are ${orders.join(', ')}.`,
    })
  return sort === orders[0] ? undefined : sort
}

/** What a list asks the coordinator for. */
export interface ListRequest {
  readonly pageSize: number
  readonly pageToken: string
  readonly filter: string
}

/**
 * Walks a paged list as the options say and prints it: one page, or all under `--all`. A table that goes on
 * says so on stderr, with the token; JSON carries it in `next_page_token`.
 *
 * @returns the rows shown
 */
export async function list<A extends { nextPageToken: string }, R>(
  session: Session,
  options: Readonly<Record<string, string | boolean | undefined>>,
  filter: Readonly<Record<string, string | undefined>>,
  ask: (request: ListRequest) => Promise<A>,
  about: {
    readonly rowsOf: (answer: A) => readonly R[]
    readonly key: string
    readonly table: (rows: readonly R[]) => string
    readonly none: string
    /** Said when there is nothing that the filter lets through. */
    readonly noneSuch?: string
    /** A row with every field, such as `Agent.fromPartial({})`: the headings of a CSV without rows. */
    readonly like: R
  },
): Promise<readonly R[]> {
  const limit = Number(options.limit)
  if (!Number.isInteger(limit) || limit < 1)
    throw new AppError('usage.invalid', {
      message: '--limit must be a whole number from 1',
      context: { limit: String(options.limit) },
    })
  const rows: R[] = []
  let pageToken = String(options.pageToken ?? '')
  const text = formatFilter(filter)
  do {
    const pageSize = options.all === true ? 500 : Math.min(limit - rows.length, 500)
    const answer = await ask({ pageSize, pageToken, filter: text })
    rows.push(...about.rowsOf(answer))
    pageToken = answer.nextPageToken
  } while (pageToken !== '' && (options.all === true || rows.length < limit))
  session.print(
    { [about.key]: rows, nextPageToken: pageToken },
    () =>
      rows.length > 0 ? about.table(rows) : text === '' ? about.none : (about.noneSuch ?? 'nothing matches'),
    rows,
    about.like,
  )
  // a row of CSV has no place for the token: whoever reads it must not take a page for the whole
  if (pageToken !== '' && (session.forPeople || options.output === 'csv'))
    session.terminal.err(
      `${atWords(`more rows: --all, or --page-token ${pageToken}`, session.terminal.width).join('\n')}\n`,
    )
  return rows
}
