import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { zstdDecompressSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PartBudget } from '../../../agent/pipeline/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { Bench, requireTools, sha256 } from './bench.ts'

const tools = await requireTools('the pipeline: backup-stream')

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open(4)
})
afterEach(async () => {
  const reserved = bench.budget.total - bench.budget.free
  await bench.remove()
  expect(reserved, 'part buffers still reserved').toBe(0)
})

/** The backup fails, and nothing it opened is left. */
async function failure(running: Promise<unknown>): Promise<AppError> {
  const thrown = await running.then(
    () => new Error('it succeeded'),
    error => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect(await bench.openUploads()).toEqual([])
  expect(bench.aborted.map(({ uploadId }) => uploadId).sort()).toEqual(
    bench.opened.map(({ uploadId }) => uploadId).sort(),
  )
  return thrown
}

describe.skipIf(tools.missing)('a backup stream fails, with every upload aborted (P2, P4), when', () => {
  it('the dump exits 1 after its last byte', async () => {
    const error = await failure(bench.backup('seq 1 100000; echo "lost connection" >&2; exit 1'))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.failed',
      context: { stage: 'dump', status: 1, stderr: 'lost connection' },
    })
  })

  it('the dump says nothing for too long: it is the one named', async () => {
    const error = await failure(bench.backup('seq 1 100000; sleep 600', { idleTimeoutMs: 1_500 }))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.silent',
      context: { stage: 'dump', idle_timeout_ms: 1_500, raw_bytes: 588_895 },
    })
    expect(error.traits.retry).toBe('backoff')
  })

  it('the compressor stands still with its input full: not the dump is named', async () => {
    const zstd = await bench.scripts.script(
      'zstd-stuck',
      '[ "$1" = --version ] && exit; head -c 1000 >/dev/null; exec sleep 600',
    )
    const error = await failure(bench.backup('cat /dev/zero', { idleTimeoutMs: 3_500 }, { zstd }))
    expect(error.toFailure()).toMatchObject({ code: 'stage.silent', context: { stage: 'zstd' } })
  })

  it.each([
    ['the copy to the tap loses bytes', { tee: '/usr/bin/tail -c +11 | /usr/bin/tee "$2"' }],
    ['the counter of the head is killed', { dd: 'kill -9 $$' }],
    ['the counter of the head loses bytes', { dd: '/usr/bin/dd "$@" | /usr/bin/tail -c +11' }],
    ['the counter of the rest loses bytes', { pv: '/usr/bin/head -c 10 > /dev/null; exec /usr/bin/cat' }],
  ])('the head goes to a tap and %s, though every status is 0', async (_how, broken) => {
    const paths: Record<string, string> = {}
    for (const [name, body] of Object.entries(broken)) paths[name] = await bench.scripts.script(name, body)
    const list = await bench.command('list', 'cat > /dev/null')
    const tap = { command: list, take: () => {}, headBytes: 100_000 }
    const error = await failure(bench.backup('seq 1 300000', { tap }, paths))
    expect(error.code).toBe('stage.bytes-lost')
  })

  it('it is cancelled while a throttle lets nothing through', async () => {
    const stop = new AbortController()
    const limit = {
      take: (_bytes: number, signal: AbortSignal) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
          stop.abort(new AppError('job.cancelled'))
        }),
    }
    const error = await failure(bench.backup('cat /dev/zero', { limit, signal: stop.signal, codec: 'none' }))
    expect(error.code).toBe('job.cancelled')
  })

  it('the dump dies while a throttle lets nothing through', async () => {
    const limit = {
      take: (_bytes: number, signal: AbortSignal) =>
        new Promise<void>((_, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason))
        }),
    }
    const error = await failure(bench.backup('echo some; exit 4', { limit, codec: 'none' }))
    expect(error.context).toMatchObject({ stage: 'dump', status: 4 })
  })

  it('the dump is killed', async () => {
    const error = await failure(bench.backup('seq 1 100000; kill -KILL $$'))
    expect(error.context).toMatchObject({ stage: 'dump', signal: 'SIGKILL' })
  })

  it('the compressor is killed', async () => {
    const zstd = await bench.scripts.script('zstd-killed', 'head -c 300000 >/dev/null; kill -KILL $$')
    const error = await failure(bench.backup('cat /dev/zero', {}, { zstd }))
    expect(error.context).toMatchObject({ stage: 'zstd', signal: 'SIGKILL' })
  })

  it('the compressor exits 0 half-way', async () => {
    const zstd = await bench.scripts.script('zstd-half', 'head -c 1000000 | zstd "$@"; exit 0')
    const error = await failure(bench.backup('head -c 2000000 /dev/urandom', {}, { zstd }))
    expect(error.code).toBe('stage.bytes-lost')
  })

  it.each([10_000, 1])('the compressor exits 0 %i bytes before the end', async missing => {
    const zstd = await bench.scripts.script(
      'zstd-short',
      `head -c ${2_000_000 - missing} | zstd "$@"; sleep 0.3; exit 0`,
    )
    const error = await failure(bench.backup('head -c 2000000 /dev/urandom', {}, { zstd }))
    expect(error.toFailure()).toMatchObject({ code: 'stage.bytes-lost', context: { stage: 'zstd' } })
  })

  it('the compressor read everything but compressed less, and says so with exit 0', async () => {
    const zstd = await bench.scripts.script(
      'zstd-drops',
      'head -c 1990000 | zstd "$@"; cat >/dev/null; exit 0',
    )
    const error = await failure(bench.backup('head -c 2000000 /dev/urandom', {}, { zstd }))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.bytes-lost',
      context: { from: 'meter', wrote_bytes: 2_000_000, to: 'zstd', read_bytes: 1_990_000 },
    })
  })

  it('the compressor’s output lost bytes on its way although it says otherwise', async () => {
    const zstd = await bench.scripts.script('zstd-cut', 'zstd "$@" | head -c 5000; exit 0')
    const error = await failure(bench.backup('head -c 5100 /dev/urandom', {}, { zstd }))
    expect(error.context).toMatchObject({ from: 'zstd', to: 'the uploader', read_bytes: 5000 })
  })

  it('the compressor does not report its totals', async () => {
    const zstd = await bench.scripts.script('zstd-mute', 'exec zstd -q -c')
    const error = await failure(bench.backup('seq 1 1000', {}, { zstd }))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.bytes-lost',
      message: 'zstd did not report how many bytes it handled',
    })
  })

  it('the meter exits 0 early, the rest lying unread', async () => {
    const pv = await bench.scripts.script(
      'pv-early',
      'dd bs=1000 count=1 2>/dev/null; echo 1000 >&2; sleep 0.3',
    )
    const error = await failure(bench.backup('head -c 20000 /dev/zero', {}, { pv }))
    expect(error.toFailure()).toMatchObject({ code: 'stage.bytes-lost', context: { stage: 'meter' } })
  })

  it.each(['zstd', 'none'] as const)('a textual dump ends without its footer (codec %s)', async codec => {
    const footer = /^-- Dump completed/
    const error = await failure(
      bench.backup('seq 1 100000; echo "-- Dump completed on today"; echo "INSERT"', { footer, codec }),
    )
    expect(error.code).toBe('dump.incomplete')
  })

  it('it is cancelled while the dump hangs, with the cause that was given', async () => {
    const controller = new AbortController()
    const running = bench.backup('trap "" TERM; echo x; while :; do sleep 0.05; done', {
      signal: controller.signal,
      onChildren: () => controller.abort(new AppError('job.cancelled')),
    })
    expect((await failure(running)).code).toBe('job.cancelled')
  })

  it('the store refuses a part while the dump is silent', async () => {
    bench.store.uploadPart = async () => {
      throw new AppError('object-store.denied')
    }
    const error = await failure(bench.backup('seq 1 200000; sleep 600', { codec: 'none' }))
    expect(error.code).toBe('object-store.denied')
  })

  it('the store refuses to open an upload: then no process is started', async () => {
    bench.store.createUpload = async () => {
      throw new AppError('object-store.bucket-missing')
    }
    let children = 0
    const running = bench.backup('seq 1 10', { onChildren: () => void children++ })
    expect((await failure(running)).code).toBe('object-store.bucket-missing')
    expect(children).toBe(0)
  })

  it('the journal cannot take the opened upload', async () => {
    const thrown = await bench
      .backup('seq 1 10', {
        onUploadOpened: async () => {
          throw new AppError('agent.state-unwritable')
        },
      })
      .catch(error => error)
    expect(thrown.code).toBe('agent.state-unwritable')
    expect(await bench.openUploads()).toEqual([])
  })

  it('a tool is missing, before anything is opened', async () => {
    const error = await failure(bench.backup('seq 1 10', {}, { zstd: '/nonexistent/zstd' }))
    expect(error.code).toBe('tool.missing')
    expect(bench.opened).toEqual([])
  })

  it('an upload was opened although its reply was lost', async () => {
    const create = bench.store.createUpload.bind(bench.store)
    bench.store.createUpload = async (key, signal) => {
      await create(key, signal)
      throw new AppError('object-store.unreachable')
    }
    const error = await bench.backup('seq 1 10').catch(thrown => thrown)
    expect(error.code).toBe('object-store.unreachable')
    expect(await bench.openUploads()).toEqual([])
  })

  it('the uploads cannot be aborted either: then it says which are left', async () => {
    bench.store.abortUpload = async () => {
      throw new AppError('object-store.unreachable')
    }
    const error = await bench.backup('exit 4').catch(thrown => thrown)
    expect(error.code).toBe('stage.failed')
    expect(error.context.left_open).toEqual([bench.opened[0]?.key])
    expect(bench.aborted).toEqual([])
  })
})

describe.skipIf(tools.missing)('a backup stream', () => {
  it('stores every byte although something is awaited between the spawns', async () => {
    const outcome = await bench.backup('seq 1 300000', { betweenSpawns: () => pause(120) })
    const stored: Buffer[] = []
    for (const { key } of await bench.complete(outcome)) stored.push(await bench.stored(key))
    const raw = zstdDecompressSync(Buffer.concat(stored))
    const expected = Buffer.from(Array.from({ length: 300_000 }, (_, n) => `${n + 1}\n`).join(''))
    expect(sha256(raw)).toBe(sha256(expected))
    expect(outcome.rawBytes).toBe(expected.length)
  })

  it('rolls to further objects at the store’s part limit, all parts of one size but the last', async () => {
    const size = 64 * 1024
    const outcome = await bench.backup(`head -c ${size * 9 + 5} /dev/urandom`, { codec: 'none' })
    expect(outcome.objects.map(({ parts }) => parts.map(part => part.size))).toEqual([
      [size, size, size, size],
      [size, size, size, size],
      [size, 5],
    ])
    expect(outcome.objects.map(object => object.size)).toEqual([4 * size, 4 * size, size + 5])
    expect(bench.opened).toHaveLength(3)
    expect(outcome.storedBytes).toBe(outcome.rawBytes)
    await bench.complete(outcome)
  })

  it('makes no empty object or part when the bytes end exactly at a limit', async () => {
    const size = 64 * 1024
    const outcome = await bench.backup(`head -c ${size * 4} /dev/zero`, { codec: 'none' })
    expect(outcome.objects.map(({ parts }) => parts.length)).toEqual([4])
  })

  it.each(['zstd', 'none'] as const)('of an empty dump is one object (codec %s)', async codec => {
    const outcome = await bench.backup('true', { codec })
    expect(outcome.rawBytes).toBe(0)
    expect(outcome.objects).toHaveLength(1)
    expect(outcome.objects[0]?.parts).toHaveLength(1)
    const [object] = await bench.complete(outcome)
    expect((await bench.stored(object?.key ?? '')).length).toBe(outcome.storedBytes)
  })

  it('accepts a footer followed by blank and bare comment lines, as pg_dumpall ends', async () => {
    const outcome = await bench.backup(
      'seq 1 5000; printf -- "--\\n-- PostgreSQL database cluster dump complete\\n--\\n\\n"',
      {
        footer: /^-- PostgreSQL database cluster dump complete$/,
      },
    )
    expect(outcome.stages.map(({ name }) => name)).toEqual(['dump', 'meter', 'tee', 'tail', 'zstd'])
  })

  it('reports every stage with its exact bytes, and the producer’s last words', async () => {
    const outcome = await bench.backup('echo "password=hunter2" >&2; seq 1 1000')
    const bytes = outcome.stages.map(({ name, bytesIn, bytesOut }) => [name, bytesIn, bytesOut])
    expect(bytes).toEqual([
      ['dump', undefined, 3893],
      ['meter', 3893, 3893],
      ['zstd', 3893, outcome.storedBytes],
    ])
    expect(outcome.stderrTail).toBe('password=[redacted]')
    expect(outcome.stages.every(({ termination }) => termination.kind === 'exited')).toBe(true)
  })

  it('is held back by its limit byte for byte, is not silent meanwhile, and tells its time and peak memory', async () => {
    let taken = 0
    const limit = {
      take: async (bytes: number) => {
        if (taken === 0) await pause(1_700)
        taken += bytes
      },
    }
    const outcome = await bench.backup('head -c 3000000 /dev/urandom', {
      limit,
      idleTimeoutMs: 1_500,
      codec: 'none',
    })
    expect(taken).toBe(3_000_000)
    expect(outcome.durationMs).toBeGreaterThanOrEqual(1_700)
    expect(outcome.stages.find(({ name }) => name === 'meter')?.peakRssBytes).toBeGreaterThan(100_000)
  })

  it.each([
    ['the two parts it reserved', 2, 1],
    ['the two, while a third would leave too little', 2.9, 1],
    ['what the budget has to spare', 5, 4],
    ['eight parts on their way, however much there is', 100, 8],
  ])('is held back by a slow store and keeps its memory flat: %s', async (_what, parts, sent) => {
    const budget = new PartBudget(Math.floor(parts * 64 * 1024))
    const gate = Promise.withResolvers<void>()
    const upload = bench.store.uploadPart.bind(bench.store)
    let waiting = 0
    bench.store.uploadPart = async (...args) => {
      waiting++
      await gate.promise
      return upload(...args)
    }
    let dump = 0
    const running = bench.backup('exec head -c 8000000 /dev/urandom', {
      codec: 'none',
      budget,
      onChildren: records => {
        dump = records.find(({ name }) => name === 'dump')?.pid ?? 0
      },
    })
    try {
      const written = () =>
        Number(/^wchar: (\d+)$/m.exec(dump === 0 ? '' : readFileSync(`/proc/${dump}/io`, 'utf8'))?.[1] ?? 0)
      // Two buffers and what the kernel holds are full when the dump has stood still for a while.
      let seen = { bytes: 0, times: 0 }
      await expect
        .poll(
          () => {
            const bytes = written()
            seen = { bytes, times: bytes > 0 && bytes === seen.bytes ? seen.times + 1 : 0 }
            return seen.times
          },
          { timeout: 10_000, interval: 30 },
        )
        .toBeGreaterThan(8)
      expect(waiting).toBe(sent) // all buffers but one are on their way, that one is full
      expect(budget.free).toBe(budget.total - (sent + 1) * 64 * 1024)
      expect(seen.bytes).toBeLessThan(1_500_000)
    } finally {
      gate.resolve()
    }
    expect((await running).rawBytes).toBe(8_000_000)
    expect(budget.free).toBe(budget.total)
  })

  it('says when its dump has ended, while its last parts are still on their way', async () => {
    const gate = Promise.withResolvers<void>()
    const dumped = Promise.withResolvers<void>()
    const upload = bench.store.uploadPart.bind(bench.store)
    bench.store.uploadPart = async (...args) => {
      await gate.promise
      return upload(...args)
    }
    const running = bench.backup('seq 1 20000', { codec: 'none', onDumped: () => dumped.resolve() })
    await dumped.promise
    gate.resolve()
    expect((await running).rawBytes).toBe(108_894)
  })

  it('keeps the order of parts that arrive in another one, over several objects', async () => {
    const upload = bench.store.uploadPart.bind(bench.store)
    const held: (() => void)[] = []
    let asked = 0
    bench.store.uploadPart = async (...args) => {
      // the first of every three waits for the other two
      if (asked++ % 3 === 0) await new Promise<void>(resolve => held.push(resolve))
      const receipt = await upload(...args)
      if (asked % 3 === 0 || asked > 27) for (const go of held.splice(0)) go()
      return receipt
    }
    const outcome = await bench.backup('seq 1 300000', { codec: 'none' })
    const stored: Buffer[] = []
    for (const { key } of await bench.complete(outcome)) stored.push(await bench.stored(key))
    expect(outcome.objects.length).toBeGreaterThan(7)
    expect(sha256(Buffer.concat(stored))).toBe(
      sha256(Buffer.from(Array.from({ length: 300_000 }, (_, n) => `${n + 1}\n`).join(''))),
    )
  })

  it('aborts cleanly with several parts on their way, whatever becomes of them', async () => {
    const gate = Promise.withResolvers<void>()
    const upload = bench.store.uploadPart.bind(bench.store)
    let asked = 0
    bench.store.uploadPart = async (...args) => {
      if (++asked < 4) {
        await gate.promise
        return upload(...args)
      }
      setTimeout(() => gate.resolve(), 50)
      throw new AppError('object-store.denied')
    }
    const error = await failure(bench.backup('exec cat /dev/zero', { codec: 'none' }))
    expect(error.code).toBe('object-store.denied')
    expect(asked).toBe(4)
  })

  it('gives way: a stream that waits for its two parts gets those another one had to spare', async () => {
    const budget = new PartBudget(5 * 64 * 1024)
    const gate = Promise.withResolvers<void>()
    const upload = bench.store.uploadPart.bind(bench.store)
    let waiting = 0
    bench.store.uploadPart = async (...args) => {
      waiting++
      await gate.promise
      return upload(...args)
    }
    const size = 64 * 1024
    const first = bench.backup(`exec head -c ${size * 12} /dev/zero`, { codec: 'none', budget })
    await expect.poll(() => waiting).toBe(4)
    const second = bench.backup('echo small', { codec: 'none', budget })
    gate.resolve()
    expect((await second).rawBytes).toBe(6)
    expect((await first).rawBytes).toBe(size * 12)
    expect(budget.free).toBe(budget.total)
  })

  it('waits for its part buffers, and gives them back', async () => {
    const budget = new PartBudget(128 * 1024)
    const held = await budget.reserve(128 * 1024, new AbortController().signal)
    const order: string[] = []
    const running = bench.backup('seq 1 10', { budget, onChildren: () => void order.push('started') })
    await pause(50)
    expect(order).toEqual([])
    held.release()
    await running
    expect(order).toEqual(['started'])
    expect(budget.free).toBe(budget.total)
  })
})
