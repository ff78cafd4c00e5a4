const redacted = '[redacted]'
/** Lines and characters that are passed on at most. */
const mostLines = 6
const longestLine = 500

/** What begins a message of a tool or, through it, of the server. Everything else continues one, or is a row. */
const messageStart = /^(\S*(pg_dump|pg_restore|pg_dumpall|psql)\S*: |(ERROR|FATAL|PANIC|WARNING): {1,2})/

/** Words before a quoted name of a thing, as the server's messages have them (`relation "app.customer"`). */
const namesBefore =
  /(?:\b(?:relation|table|column|constraint|index|view|sequence|schema|database|role|user|type|domain|function|procedure|operator|trigger|rule|policy|extension|language|collation|tablespace|publication|subscription|server|host|at|parameter|option|encoding|file|library|module|section|provider|locale|snapshot|savepoint|directory|class|aggregate|cast|object|partition|attribute|from|to|in|for|of|on|socket) )$/i

/**
 * The lines of a tool's stderr that may be passed on (failures, logs): what went wrong and where, no rows of
 * anybody's. Only the head of each message is kept: `DETAIL: Key (email)=(…)`, `CONTEXT: COPY t, line 3, column
 * a: "…"` and the failed statement hold values, and continuation lines may be a COPY's data. Of the head, quoted
 * words stay when they name a thing; other quotes are values (`invalid input syntax for type integer: "…"`).
 * What a function of the user raised is the user's own text and goes altogether: its CONTEXT gives it away.
 */
export function presentable(stderr: string): string {
  const messages = messagesOf(stderr)
  return messages
    .map(({ head, rest }) => (raisedByUser(rest) ? withoutText(head) : withoutValues(head)))
    .map(line => line.slice(0, longestLine))
    .slice(-mostLines)
    .join('\n')
}

function messagesOf(stderr: string): readonly { readonly head: string; readonly rest: readonly string[] }[] {
  const messages: { head: string; rest: string[] }[] = []
  for (const line of stderr.split('\n')) {
    if (detail.test(line)) messages.at(-1)?.rest.push(line)
    else if (messageStart.test(line)) messages.push({ head: line, rest: [] })
    else messages.at(-1)?.rest.push(line)
  }
  return messages
}

/** What PostgreSQL's tools print below a message, with or without their own name before it. */
const detail =
  /^(\S*pg_\w+: )?(detail|hint|DETAIL|HINT|CONTEXT|QUERY|STATEMENT|LOCATION|LINE \d+|Command was): ?/

function raisedByUser(rest: readonly string[]): boolean {
  return rest.some(line => /\bfunction\b/.test(line) && /^(\S*pg_\w+: )?CONTEXT:|^\S+ function /.test(line))
}

/** The server's part begins with its severity; ours before it names the object. */
function withoutText(head: string): string {
  const severity = /\b(ERROR|FATAL|WARNING): {1,2}/.exec(head)
  return severity === null
    ? withoutValues(head)
    : `${withoutValues(head.slice(0, severity.index))}${severity[0]}${redacted}`
}

function withoutValues(line: string): string {
  let shown = ''
  let rest = line
  for (let quote = /"/.exec(rest); quote !== null; quote = /"/.exec(rest)) {
    const before = rest.slice(0, quote.index)
    const name = /^"((?:[^"]|"")*)"/.exec(rest.slice(quote.index))
    if (!namesBefore.test(before) || name === null) return `${shown}${withoutHex(before)}${redacted}`
    shown += withoutHex(before) + name[0]
    rest = rest.slice(quote.index + name[0].length)
  }
  return shown + withoutHex(rest)
}

/** `invalid byte sequence for encoding "UTF8": 0xe9 0x72` shows bytes of a row; single quotes hold values too. */
function withoutHex(text: string): string {
  return text.replace(/(?:0x[0-9a-f]{2}[ ]?)+/gi, redacted).replace(/'[^']*'/g, redacted)
}
