import { AppError, type ErrorCode, type ErrorContext } from '../../../shared/errors/index.ts'

/** Error numbers of server and client → what they mean to us. Source: the servers' error references. */
const byNumber: ReadonlyMap<number, ErrorCode> = new Map(
  (
    [
      ['database.privilege-missing', [1044, 1142, 1143, 1227, 1370, 1419, 1449]],
      ['database.auth-failed', [1045, 1130, 1251, 1524, 1698, 1820, 1862, 2059, 2061, 3118, 3955]],
      ['database.gone', [1049]],
      ['database.unreachable', [1040, 1129, 1203, 2002, 2003, 2005]],
      ['database.tls-failed', [2026, 3159]],
      [
        'database.conflict',
        [1053, 1077, 1205, 1213, 1317, 1412, 1907, 1927, 1969, 2006, 2013, 2055, 3024, 3169, 4031],
      ],
      ['restore.target-exists', [1007]],
      ['restore.requirement-missing', [1115, 1273, 1286]],
    ] as const satisfies readonly (readonly [ErrorCode, readonly number[]])[]
  ).flatMap(([code, numbers]) => numbers.map(number => [number, code] as const)),
)

const redacted = '[redacted]'

/** Errors whose quoted words are names of things; what any other quotes may be a value out of a row. */
const namesOnly: ReadonlySet<number> = new Set([
  ...byNumber.keys(),
  ...[1005, 1008, 1046, 1050, 1051, 1054, 1071, 1072, 1091, 1146, 1193, 1231, 1304, 1305, 1356, 1360, 1418],
])

/** What a client says itself: MariaDB's repeats the failed statement before, between two lines of dashes. */
function ownWordsOf(stderr: string): string {
  return stderr.split(/^-{14}$/m).at(-1) ?? ''
}

/** The first error a client or dump tool printed: `ERROR 1045 (28000)…`, `Got error: 1045: …`, `… (1146)`, `Error 2013: …`. */
export function errorNumberOf(stderr: string): number | undefined {
  const words = ownWordsOf(stderr)
  const match = /(?:ERROR|Got error:|Error:?)\s+(\d{4})\b/.exec(words) ?? /\((\d{4})\)\s*$/m.exec(words)
  return match?.[1] === undefined ? undefined : Number(match[1])
}

/**
 * The lines of stderr that a person needs. The client repeats the statement that failed and its errors quote
 * values (`Duplicate entry '…'`, `near '…'`), which are somebody's data: none of that is passed on.
 */
export function errorLinesOf(stderr: string): string {
  return ownWordsOf(stderr)
    .split('\n')
    .filter(line => /^(ERROR|\S*(mysql|mariadb)\S*: )/.test(line))
    .map(line => withoutValues(line).slice(0, 500))
    .slice(-4)
    .join('\n')
}

function withoutValues(line: string): string {
  const [, start, number] = /^(ERROR (\d+) [^:]*: )/.exec(line) ?? []
  if (start === undefined) return line
  // Text that a trigger or routine of the user made.
  if (number === '1644') return `${start}${redacted}`
  if (!namesOnly.has(Number(number))) return line.replace(/['"].*$/, redacted)
  return line
}

/** Turns the stderr of a client into an error of the registry; `undefined` when it says nothing known. */
export function clientFailure(stderr: string, context: ErrorContext): AppError | undefined {
  const number = errorNumberOf(stderr)
  const code = number === undefined ? undefined : byNumber.get(number)
  if (number === undefined || code === undefined) return undefined
  return new AppError(code, { context: { ...context, detail: errorLinesOf(stderr), code: number } })
}
