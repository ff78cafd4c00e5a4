const colours: Readonly<Record<string, string>> = { debug: '2', info: '36', warn: '33', error: '31' }
const shownApart = new Set(['time', 'level', 'name', 'msg'])

/** Turns one line of JSON into one line for a person; whatever is no JSON passes unchanged. */
export function prettyLine(line: string, colour: boolean): string {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(line) as Record<string, unknown>
  } catch {
    return line
  }
  const level = String(record.level)
  const paint = (code: string, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text)
  const time = String(record.time).slice(11, 23)
  const fields = Object.entries(record)
    .filter(([key]) => !shownApart.has(key))
    .map(
      ([key, value]) =>
        `${paint('2', `${key}=`)}${typeof value === 'string' ? word(value) : JSON.stringify(value)}`,
    )
  const head = `${paint('2', time)} ${paint(colours[level] ?? '0', level.padEnd(5))} ${String(record.msg)}`
  return `${[head, ...fields].join(' ')}\n`
}

function word(text: string): string {
  return /^[\w./:@~+-]+$/.test(text) ? text : JSON.stringify(text)
}
