import pg from 'pg'

/** Where to ask, as `pg` takes it. */
export interface QueryTarget {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
}

/** Asks a server without starting psql, which takes ten times the processor time of the question. */
export interface Querier {
  /** psql's output for these statements (`-At`), or undefined when they can only be told to psql itself. Throws with the server's message. */
  ask(sql: string, database: string): Promise<string | undefined>
  /** Ends the connection that is kept. */
  close(): Promise<void>
}

/** The connection is kept in the database that no test drops or renames; it ends when nobody has asked for so long. */
const kept = { database: 'postgres', idleMs: 1_000 }

// Values as the server writes them, which is how psql shows them
const asText = { getTypeParser: () => (value: string) => value }

/** A querier of one server; connects at the first question. */
export function createQuerier(target: QueryTarget): Querier {
  let idle: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined

  const forget = (client: pg.Client) => {
    if (idle === client) idle = undefined
  }
  const connect = async (database: string) => {
    const client = new pg.Client({
      ...target,
      database,
      ssl: false,
      application_name: 'psql',
      types: asText as never,
    })
    // What breaks while nothing is asked is found at the next question
    client.on('error', () => forget(client))
    client.on('end', () => forget(client))
    try {
      await client.connect()
    } catch {
      await client.end().catch(() => undefined)
      return undefined
    }
    return client
  }
  const close = async () => {
    clearTimeout(timer)
    const client = idle
    idle = undefined
    await client?.end().catch(() => undefined)
  }
  return {
    ask: async (sql, database) => {
      const statements = statementsOf(sql)
      if (statements === undefined) return undefined
      const keeps = database === kept.database
      clearTimeout(timer)
      const waiting = keeps ? idle : undefined
      if (waiting !== undefined) idle = undefined
      // psql says best why there is no connection, and knows more ways to one
      const client = waiting ?? (await connect(database))
      if (client === undefined) return undefined
      let broken = true
      try {
        const lines: string[] = []
        for (const text of statements) lines.push(...rowsOf(await client.query({ text, rowMode: 'array' })))
        broken = !plain.test(sql)
        return lines.join('\n').trim()
      } catch (error) {
        throw told(error)
      } finally {
        if (keeps && !broken && idle === undefined) {
          idle = client
          timer = setTimeout(() => void close(), kept.idleMs).unref()
        } else await client.end().catch(() => undefined)
      }
    },
    close,
  }
}

/** What leaves nothing behind in a session: only after this is it kept. */
const plain =
  /^\s*(select|table|values|show|create\s+(database|role|user)|drop\s+(database|role|user))\b(?![\s\S]*\b(set_config|advisory)\b)/i

const token =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$[\s\S]*?\$\1\$|--[^\n]*|\/\*[\s\S]*?\*\/|;|[^;'"$/-]+|[^;]/g

/** Statements one by one, as psql sends them; undefined for what only psql understands (backslashes, COPY's data, bodies without quotes). */
export function statementsOf(sql: string): readonly string[] | undefined {
  if (/\\|\bfrom\s+stdin\b|\bto\s+stdout\b|\bbegin\s+atomic\b/i.test(sql)) return undefined
  const statements = ['']
  for (const [part] of sql.matchAll(token))
    if (part === ';') statements.push('')
    else if (!part.startsWith('--') && !part.startsWith('/*')) statements[statements.length - 1] += part
    else statements[statements.length - 1] += ' '
  return statements.map(text => text.trim()).filter(text => text !== '')
}

function rowsOf(result: pg.QueryArrayResult<(string | null)[]>): string[] {
  return result.fields.length === 0 ? [] : result.rows.map(row => row.map(value => value ?? '').join('|'))
}

function told(error: unknown): Error {
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error ? error : new Error(String(error))
  const { severity, message, detail, hint } = error
  const lines = [`${severity}:  ${message}`, detail && `DETAIL:  ${detail}`, hint && `HINT:  ${hint}`]
  return new Error(lines.filter(Boolean).join('\n'), { cause: error })
}
