import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { AppError } from '../../../shared/errors/index.ts'
import type { AuditRecord } from '../../store/records.ts'
import { rowLine } from './row-line.ts'
import { type Facility, priorityOf } from './syslog-message.ts'

/**
 * Writes events to a socket of datagrams, as `/dev/log` is: Node opens none, `logger` of util-linux does. It gets the
 * events by its standard input, nothing by its arguments or environment.
 */
export async function sendByLogger(
  path: string,
  rows: readonly AuditRecord[],
  facility: Facility,
  signal: AbortSignal,
): Promise<void> {
  const options = [
    '--prio-prefix',
    '--socket',
    path,
    '--socket-errors=on',
    '--size',
    '64KiB',
    '--tag',
    'holdfast',
  ]
  const child = spawn('logger', options, {
    signal,
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, 500)
  })
  child.stdin.on('error', () => undefined)
  child.stdin.end(rows.map(row => `<${priorityOf(row, facility)}>${rowLine(row)}\n`).join(''))
  const [code] = (await once(child, 'close')) as [number | null]
  // it warns of a message that was not taken, and exits with 0 all the same
  if (code !== 0 || said !== '')
    throw new AppError('audit.not-shipped', {
      context: { detail: said.trim() || `logger ended with ${code}` },
    })
}
