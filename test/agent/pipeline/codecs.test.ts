import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AppError } from '../../../shared/errors/index.ts'
import type { Codec } from '../../../shared/model/engine.ts'
import { requireServers } from '../../harness/index.ts'
import { identityFile } from '../encryption/identities.ts'
import { Bench, requireTools, sha256 } from './bench.ts'

const pipeline = await requireTools('the pipeline: codecs and encryption')
const others = await requireServers('the pipeline: codecs and encryption', 'age', 'xz', 'bzip2')
const missing = pipeline.missing || others.missing

let bench: Bench
beforeEach(async () => {
  bench = await Bench.open(4)
})
afterEach(() => bench.remove())

const random = (bytes: number) => `head -c ${bytes} /dev/urandom`
const decoders = { zstd: 'zstd', gzip: 'gzip', xz: 'xz', bzip2: 'bzip2' } as const
const tooled = Object.keys(decoders) as (keyof typeof decoders)[]
const checked = ['gzip', 'xz'] as const
const identity = () => identityFile(bench.scripts.folder, 'identity')

/** The backup fails, and nothing it opened is left. */
async function failure(running: Promise<unknown>): Promise<AppError> {
  const thrown = await running.then(
    () => new Error('it succeeded'),
    error => error,
  )
  expect(thrown).toBeInstanceOf(AppError)
  expect(await bench.openUploads()).toEqual([])
  return thrown
}

describe.skipIf(missing)('a compressor that exits 0 and is not to be believed is caught (P2):', () => {
  it.each(tooled.flatMap(codec => [10_000, 1].map(short => ({ codec, short }))))(
    '$codec stops $short bytes before the end',
    async ({ codec, short }) => {
      const tool = await bench.scripts.script(
        'short',
        `case "$*" in *-d*) exec ${codec} "$@";; esac; head -c ${500_000 - short} | ${codec} "$@"; sleep 0.1; exit 0`,
      )
      const error = await failure(bench.backup(random(500_000), { codec }, { [codec]: tool }))
      expect(error.toFailure()).toMatchObject({ code: 'stage.bytes-lost', context: { stage: codec } })
    },
  )

  it.each(tooled)('%s reads all and compresses less', async codec => {
    const tool = await bench.scripts.script(
      'drops',
      `case "$*" in *-d*) exec ${codec} "$@";; esac; head -c 490000 | ${codec} "$@"; cat >/dev/null; exit 0`,
    )
    const error = await failure(bench.backup(random(500_000), { codec }, { [codec]: tool }))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.bytes-lost',
      context: { from: 'meter', wrote_bytes: 500_000, to: codec, read_bytes: 490_000 },
    })
  })

  it.each(checked)('%s writes what does not decode', async codec => {
    const tool = await bench.scripts.script(
      'broken',
      `case "$*" in *-d*) exec ${codec} "$@";; esac; ${codec} "$@" | head -c -5; exit 0`,
    )
    const error = await failure(bench.backup(random(500_000), { codec }, { [codec]: tool }))
    expect(error.toFailure()).toMatchObject({
      code: 'stage.failed',
      context: { stage: 'check-decode', status: 1 },
    })
  })

  it.each(checked)('%s is right, and its copy on the way to the store is short', async codec => {
    const tee = await bench.scripts.script('tee-short', 'tee "$1" | (head -c 100000; cat >/dev/null); exit 0')
    const error = await failure(bench.backup(random(500_000), { codec }, { tee }))
    expect(error.code).toBe('stage.bytes-lost')
    expect(error.context).toMatchObject({ from: codec, to: 'the uploader', read_bytes: 100_000 })
  })
})

describe.skipIf(missing)('an encrypted stream is caught (P2) when age', () => {
  it.each([
    ['none', 'stops 10,000 bytes before the end', 'head -c 490000 | age "$@"; sleep 0.1; exit 0'],
    ['zstd', 'stops 10,000 bytes before the end', 'head -c 490000 | age "$@"; sleep 0.1; exit 0'],
    ['none', 'reads all and encrypts less', 'head -c 490000 | age "$@"; cat >/dev/null; exit 0'],
    ['zstd', 'reads all and encrypts less', 'head -c 490000 | age "$@"; cat >/dev/null; exit 0'],
    ['gzip', 'reads all and encrypts less', 'head -c 490000 | age "$@"; cat >/dev/null; exit 0'],
    ['none', 'writes all but the last byte', 'age "$@" | head -c -1; exit 0'],
    ['none', 'writes a whole chunk less', 'age "$@" | head -c -65552; exit 0'],
    ['zstd', 'writes nothing but its header', 'age "$@" | head -c 170; exit 0'],
  ] as const)('(codec %s) %s with exit 0', async (codec, _, body) => {
    const { recipient } = await identity()
    const age = await bench.scripts.script('age-short', body)
    const error = await failure(bench.backup(random(500_000), { codec, recipients: [recipient] }, { age }))
    expect(error.code).toBe('stage.bytes-lost')
  })

  it('is killed', async () => {
    const { recipient } = await identity()
    const age = await bench.scripts.script('age-killed', 'head -c 300000 >/dev/null; kill -KILL $$')
    const error = await failure(
      bench.backup('cat /dev/zero', { codec: 'none', recipients: [recipient] }, { age }),
    )
    expect(error.context).toMatchObject({ stage: 'age', signal: 'SIGKILL' })
  })

  it('would store it in plaintext, passing it on as it came', async () => {
    const { recipient } = await identity()
    const age = await bench.scripts.script('age-not', 'exec cat')
    const error = await failure(
      bench.backup(random(500_000), { codec: 'none', recipients: [recipient] }, { age }),
    )
    expect(error.toFailure()).toMatchObject({
      code: 'stage.bytes-lost',
      message: 'age did not report how many bytes it handled',
    })
  })
})

describe.skipIf(missing)('a stream', () => {
  const every: readonly { codec: Codec; options?: { level: number; long?: number; threads?: number } }[] = [
    { codec: 'zstd', options: { level: 1, long: 27, threads: 2 } },
    { codec: 'zstd', options: { level: 1, long: 28 } },
    { codec: 'gzip', options: { level: 1 } },
    { codec: 'xz', options: { level: 1, threads: 2 } },
    { codec: 'bzip2', options: { level: 1 } },
    { codec: 'none' },
  ]

  it.each(every.flatMap(each => [false, true].map(encrypted => ({ ...each, encrypted }))))(
    'comes back as it was: $codec $options, encrypted: $encrypted',
    async ({ codec, options, encrypted }) => {
      const { path, recipient } = await identity()
      const target = join(bench.scripts.folder, 'back')
      const expected = Buffer.from(Array.from({ length: 60_000 }, (_, n) => `${n + 1}\n`).join(''))
      const outcome = await bench.backup('seq 1 60000', {
        codec,
        ...(options === undefined ? {} : { codecOptions: options }),
        ...(encrypted ? { recipients: [recipient] } : {}),
      })
      expect(outcome.rawBytes).toBe(expected.length)
      const counted = outcome.stages.filter(({ name }) => name === codec || name === 'age')
      expect(counted.map(({ bytesIn }) => bytesIn)).toEqual([
        ...(codec === 'none' ? [] : [expected.length]),
        ...(encrypted ? [codec === 'none' ? expected.length : counted[0]?.bytesOut] : []),
      ])
      expect(counted.at(-1)?.bytesOut ?? outcome.rawBytes).toBe(outcome.storedBytes)
      const objects = await bench.complete(outcome)
      const back = await bench.restore(objects, outcome.rawBytes, `cat > ${target}`, {
        codecs: encrypted ? [codec, 'age'] : [codec],
        identities: [path],
      })
      expect(sha256(await readFile(target))).toBe(sha256(expected))
      expect(back.stages.map(({ name }) => name)).toEqual([
        ...(encrypted ? ['age'] : []),
        ...(codec === 'none' ? [] : [codec]),
        'meter',
        'psql',
      ])
    },
  )

  it.each(tooled)('of nothing at all is one object, encrypted (codec %s)', async codec => {
    const { path, recipient } = await identity()
    const target = join(bench.scripts.folder, 'back')
    const outcome = await bench.backup('true', { codec, recipients: [recipient] })
    expect(outcome.rawBytes).toBe(0)
    await bench.restore(await bench.complete(outcome), 0, `cat > ${target}`, {
      codecs: [codec, 'age'],
      identities: [path],
    })
    expect((await readFile(target)).length).toBe(0)
  })

  it.each(tooled)('is undone by hand with `age -d | %s -d`', async codec => {
    const { path, recipient } = await identity()
    const outcome = await bench.backup('seq 1 60000', { codec, recipients: [recipient] })
    const objects = await bench.complete(outcome)
    const stored = Buffer.concat(await Promise.all(objects.map(({ key }) => bench.stored(key))))
    const decrypted = spawnSync('age', ['-d', '-i', path], { input: stored, maxBuffer: 1 << 26 })
    const raw = spawnSync(decoders[codec], ['-d'], { input: decrypted.stdout, maxBuffer: 1 << 26 })
    expect(raw.stdout.length).toBe(outcome.rawBytes)
  })

  it('is started with a tool that is there, or not at all: every codec, and age', async () => {
    const { recipient } = await identity()
    for (const tool of [...tooled, 'age'] as const) {
      const error = await failure(
        bench.backup(
          'seq 1 10',
          { codec: tool === 'age' ? 'none' : tool, recipients: [recipient] },
          { [tool]: `/nowhere/${tool}` },
        ),
      )
      expect(error.toFailure()).toMatchObject({
        code: 'tool.missing',
        context: { tool, searched: [`/nowhere/${tool}`], package: tool === 'xz' ? 'xz-utils' : tool },
      })
    }
    expect(bench.opened).toEqual([])
  })
})

describe.skipIf(missing)('an encrypted stream is not restored', () => {
  async function stored() {
    const mine = await identity()
    const outcome = await bench.backup(random(300_000), { codec: 'zstd', recipients: [mine.recipient] })
    return { mine, rawBytes: outcome.rawBytes, objects: await bench.complete(outcome) }
  }
  const consumed = () => join(bench.scripts.folder, 'consumed')

  it('with an identity that does not fit, or none: the consumer gets no byte', async () => {
    const { objects, rawBytes } = await stored()
    const stranger = await identityFile(bench.scripts.folder, 'stranger')
    for (const [identities, code] of [
      [[stranger.path], 'encryption.identity-mismatch'],
      [[], 'encryption.identity-missing'],
    ] as const) {
      const running = bench.restore(objects, rawBytes, `cat > ${consumed()}`, {
        codecs: ['zstd', 'age'],
        identities,
      })
      await expect(running).rejects.toMatchObject({ code })
      expect(await readFile(consumed(), 'utf8').catch(() => '')).toBe('')
    }
  })

  it.each(['swapped parts', 'reordered objects', 'a flipped bit', 'a truncated object'] as const)(
    'from %s: backup.corrupt, and nothing of a wrong part is passed on',
    async how => {
      const { mine, objects, rawBytes } = await stored()
      const [first, second] = objects
      if (first === undefined || second === undefined) throw new Error('too few objects')
      const bytes = await bench.stored(first.key)
      const put = (key: string, content: Uint8Array) =>
        bench.store.put(key as Parameters<typeof bench.store.put>[0], content, {})
      const size = first.parts[0]?.size ?? 0
      if (how === 'swapped parts')
        await put(
          first.key,
          Buffer.concat([bytes.subarray(size, 2 * size), bytes.subarray(0, size), bytes.subarray(2 * size)]),
        )
      else if (how === 'a flipped bit') {
        bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1
        await put(first.key, bytes)
      } else if (how === 'a truncated object') await put(first.key, bytes.subarray(0, bytes.length - 1))
      const told =
        how === 'reordered objects'
          ? [
              {
                ...first,
                key: second.key,
                size: second.size,
                parts: first.parts.slice(0, second.parts.length),
              },
              { ...second, key: first.key },
            ]
          : objects
      const running = bench.restore(told, rawBytes, `cat > ${consumed()}`, {
        codecs: ['zstd', 'age'],
        identities: [mine.path],
      })
      const code = how === 'reordered objects' ? /backup\.corrupt|manifest\.invalid/ : /backup\.corrupt/
      await expect(running).rejects.toMatchObject({ code: expect.stringMatching(code) })
    },
  )
})
