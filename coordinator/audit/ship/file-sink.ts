import { type FileHandle, open } from 'node:fs/promises'
import type { AuditRecord } from '../../store/records.ts'
import { rowLine } from './row-line.ts'
import type { AuditSink } from './sink.ts'

const lookBack = 64 * 1024

/**
 * Appends events to a file. It is opened by its name for each batch, so that one that was moved away is followed by a new
 * one without any signal, and closed only once the disk has what was written. A line that was begun and not finished
 * (a full disk, a killed process) is taken out again: its event comes whole.
 */
export function fileSink(path: string): AuditSink {
  return {
    kind: 'file',
    to: path,
    send: async rows => {
      await using file = await open(path, 'a+', 0o600)
      const end = await wholeLines(file)
      try {
        await file.appendFile(text(rows))
        await file.datasync()
      } catch (thrown) {
        await file.truncate(end).catch(() => undefined)
        throw thrown
      }
    },
  }
}

function text(rows: readonly AuditRecord[]): string {
  return rows.map(row => `${rowLine(row)}\n`).join('')
}

/** Where the last whole line ends; what is behind it is removed, or ended where nothing may be removed. */
async function wholeLines(file: FileHandle): Promise<number> {
  const { size } = await file.stat()
  let position = size
  while (position > 0) {
    const length = Math.min(lookBack, position)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position - length)
    const newline = buffer.subarray(0, bytesRead).lastIndexOf(0x0a)
    if (newline >= 0) {
      position = position - length + newline + 1
      break
    }
    position -= length
  }
  if (position < size)
    await file.truncate(position).catch(async () => {
      await file.appendFile('\n')
      position = size + 1
    })
  return position
}
