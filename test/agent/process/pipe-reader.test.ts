import { spawn } from 'node:child_process'
import { closeSync, fstatSync, writeSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openPipes } from '../../../agent/process/kernel-pipe.ts'
import { PipeReader } from '../../../agent/process/pipe-reader.ts'

async function pipe() {
  const [opened] = await openPipes(1, '/usr/bin/mkfifo')
  if (opened === undefined) throw new Error('no pipe')
  closeSync(opened.witness)
  return { reader: new PipeReader(opened.reader), fd: opened.reader, writer: opened.writer }
}
const isOpen = (fd: number) => {
  try {
    return fstatSync(fd).isFIFO()
  } catch {
    return false
  }
}

describe('the reader of a pipe', () => {
  it('lends one buffer, in order, and reads no further while a taker waits', async () => {
    const { reader, writer } = await pipe()
    const child = spawn('seq', ['1', '200000'], { stdio: ['ignore', writer, 'ignore'] })
    closeSync(writer)
    const seen = new Set<ArrayBufferLike>()
    let [text, busy] = ['', false]
    await reader.drain(bytes => {
      expect(busy).toBe(false)
      seen.add(bytes.buffer)
      const kept = String(bytes)
      busy = true
      return new Promise(resolve =>
        setImmediate(() => {
          text += kept
          busy = false
          resolve()
        }),
      )
    })
    expect(child.exitCode ?? 0).toBe(0)
    expect(text).toBe(Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join(''))
    expect(seen.size).toBe(1)
  })

  it('waits for the taker of the last bytes', async () => {
    const { reader, writer } = await pipe()
    writeSync(writer, 'end')
    closeSync(writer)
    let taken = false
    await reader.drain(async () => {
      await new Promise(resolve => setImmediate(resolve))
      taken = true
    })
    expect(taken).toBe(true)
  })

  it('what a taker throws, at once or later, ends it and closes the pipe', async () => {
    for (const taker of [
      () => {
        throw new Error('full')
      },
      () => Promise.reject(new Error('full')),
    ]) {
      const { reader, fd, writer } = await pipe()
      writeSync(writer, 'some')
      await expect(reader.drain(taker)).rejects.toThrow('full')
      await expect.poll(() => isOpen(fd)).toBe(false)
      closeSync(writer)
    }
  })

  it('destroyed before or while it reads is no end of the stream, and leaves no descriptor', async () => {
    const before = await pipe()
    before.reader.destroy()
    before.reader.destroy()
    await expect(before.reader.drain(() => undefined)).rejects.toThrow('closed before its end')
    expect(isOpen(before.fd)).toBe(false)
    closeSync(before.writer)
    const meanwhile = await pipe()
    writeSync(meanwhile.writer, 'some')
    await expect(
      meanwhile.reader.drain(() => {
        meanwhile.reader.destroy()
        return undefined
      }),
    ).rejects.toThrow('closed before its end')
    await expect.poll(() => isOpen(meanwhile.fd)).toBe(false)
    closeSync(meanwhile.writer)
  })
})
