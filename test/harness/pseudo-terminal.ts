import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './project-root.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { waitUntil } from './wait-until.ts'

/** A command of ours in a real pseudo-terminal (by util-linux' `script`), and what its screen shows. */
export interface PseudoTerminal extends AsyncDisposable {
  /** Everything written so far, escape sequences included. */
  raw(): string
  /** What stands on the screen now, a line each, without what is blank at the ends. */
  screen(): readonly string[]
  /** Waits until the screen shows a text or matches; returns the screen. */
  shows(text: string | RegExp): Promise<readonly string[]>
  type(keys: string): void
  resize(columns: number, rows: number): Promise<void>
  /** Settings of the terminal as `stty -a` tells them. */
  settings(): string
  /** Process id of the command itself. */
  readonly pid: number
  /** Exit status of the command; 128 and the signal's number when one ended it. */
  exited(): Promise<number>
}

/**
 * Starts a command of `bin/` in one.
 *
 * @param env beside PATH, TERM and a HOME of its own
 */
export async function pseudoTerminal(
  argv: readonly string[],
  options: {
    readonly columns?: number
    readonly rows?: number
    readonly env?: Readonly<Record<string, string>>
  } = {},
): Promise<PseudoTerminal> {
  const { columns = 80, rows = 24, env = {} } = options
  const folder = await temporaryFolder('terminal')
  const about = join(folder.path, 'about')
  const status = join(folder.path, 'status')
  const quoted = argv.map(each => `'${each.replaceAll("'", String.raw`'\''`)}'`).join(' ')
  // the shell outlives the command: its terminal is there to be looked at afterwards
  const inner = [
    // Ctrl-C is for the command, which does not inherit this
    'trap : INT',
    `stty cols ${columns} rows ${rows}`,
    `sh -c 'echo $$ $(tty) > ${about}.new; mv ${about}.new ${about}; exec "$@"' sh ${quoted}`,
    `echo $? > ${status}.new; mv ${status}.new ${status}`,
    'exec cat > /dev/null',
  ].join('; ')
  const child: ChildProcessWithoutNullStreams = spawn('script', ['-qfc', inner, '/dev/null'], {
    cwd: projectRoot,
    env: {
      PATH: `${join(projectRoot, 'bin')}:${process.env['PATH'] ?? ''}`,
      TERM: 'xterm-256color',
      HOME: folder.path,
      SHELL: '/bin/sh',
      ...env,
    },
  })
  let raw = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    raw += text
  })
  child.stdin.on('error', () => undefined)
  const closed = new Promise<void>(resolve => child.on('close', () => resolve()))
  const read = (path: string) => {
    try {
      return readFileSync(path, 'utf8').trim()
    } catch {
      return ''
    }
  }
  const [pid = '', tty = ''] = (await waitUntil(() => read(about), { what: 'the command to start' })).split(
    ' ',
  )
  let size = { columns, rows }
  const screen = () => painted(raw, size)
  return {
    raw: () => raw,
    screen,
    shows: async text => {
      const seen = () =>
        screen().some(line => (typeof text === 'string' ? line.includes(text) : text.test(line)))
      await waitUntil(seen, { what: `${text} on the screen`, timeout: 30_000 }).catch((error: unknown) => {
        throw new Error(`${String(error)}; it shows:\n${screen().join('\n')}`)
      })
      return screen()
    },
    type: keys => void child.stdin.write(keys),
    resize: async (newColumns, newRows) => {
      size = { columns: newColumns, rows: newRows }
      execFileSync('stty', ['-F', tty, 'cols', String(newColumns), 'rows', String(newRows)])
    },
    settings: () => execFileSync('stty', ['-F', tty, '-a'], { encoding: 'utf8' }),
    pid: Number(pid),
    exited: async () =>
      Number(await waitUntil(() => read(status), { what: 'the command to end', timeout: 30_000 })),
    [Symbol.asyncDispose]: async () => {
      child.stdin.destroy()
      child.kill('SIGKILL')
      await closed
      await folder.remove()
    },
  }
}

/** What a terminal of that size shows after such output: the few sequences our screens are made of. */
function painted(output: string, { columns, rows }: { columns: number; rows: number }): readonly string[] {
  let main: string[][] = []
  let cells: string[][] = []
  let [x, y] = [0, 0]
  const row = () => {
    cells[y] ??= []
    return cells[y] as string[]
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what terminals are told by
  for (const token of output.match(/\u001b\[[?0-9;]*[A-Za-z]|\u001b.|[\s\S]/gu) ?? []) {
    if (token === '\u001b[?1049h') [main, cells, x, y] = [cells, [], 0, 0]
    else if (token === '\u001b[?1049l') [cells, x, y] = [main, 0, main.length]
    else if (token === '\u001b[H') [x, y] = [0, 0]
    else if (token === '\u001b[K') row().length = Math.min(row().length, x)
    else if (token === '\u001b[J') {
      row().length = Math.min(row().length, x)
      cells.length = Math.min(cells.length, y + 1)
    } else if (token === '\r') x = 0
    else if (token === '\n') y = Math.min(y + 1, rows * 100)
    else if (!token.startsWith('\u001b') && x < columns) row()[x++] = token
  }
  return cells.slice(-rows).map(line =>
    Array.from(line, cell => cell ?? ' ')
      .join('')
      .trimEnd(),
  )
}
