import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTimeOf } from '../../../agent/process/child-record.ts'
import {
  type ChildRecord,
  createToolFinder,
  type JoinedStage,
  type JoinRequest,
  joinProcesses,
} from '../../../agent/process/index.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { Scripts } from './scripts.ts'

const tools = createToolFinder()
let scripts: Scripts
beforeAll(async () => {
  scripts = await Scripts.open()
})
afterAll(() => scripts.remove())

async function stage(name: string, body: string, more: Partial<JoinedStage> = {}): Promise<JoinedStage> {
  return { command: await scripts.command(name, body), ...more }
}

async function run(stages: readonly JoinedStage[], more: Partial<JoinRequest> = {}) {
  const records: ChildRecord[] = []
  const joined = await joinProcesses({
    stages,
    input: false,
    output: true,
    tools,
    signal: new AbortController().signal,
    graceMs: 300,
    onChildren: found => records.push(...found),
    ...more,
  })
  const hash = createHash('sha256')
  let bytes = 0
  try {
    await joined.output?.drain(chunk => {
      hash.update(chunk)
      bytes += chunk.length
      return undefined
    })
  } catch {
    // A broken-off output: the end says why.
  }
  const end = await joined.ended
  return { ...end, bytes, sha256: hash.digest('hex'), records }
}

describe('joined processes', () => {
  it('lose no byte of the head although something is awaited between the spawns', async () => {
    const seq = 'seq 1 600000'
    const expected = createHash('sha256')
    let length = 0
    for (let n = 1; n <= 600_000; n += 1_000) {
      const text = Array.from({ length: 1_000 }, (_, index) => `${n + index}\n`).join('')
      expected.update(text)
      length += text.length
    }
    const sha256 = expected.digest('hex')
    const end = await run(
      [await stage('seq', seq), await stage('cat', 'exec cat'), await stage('cat2', 'exec cat')],
      { betweenSpawns: () => pause(120) },
    )
    expect(end.cause).toBeUndefined()
    expect({ bytes: end.bytes, sha256: end.sha256 }).toEqual({ bytes: length, sha256 })
  })

  it('tell a producer that exits 1 after its last byte from a success', async () => {
    const end = await run([
      await stage('dump', 'head -c 300000 /dev/zero; echo "lost connection" >&2; exit 1'),
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause?.toFailure()).toMatchObject({
      code: 'stage.failed',
      context: { stage: 'dump', status: 1, stderr: 'lost connection' },
    })
  })

  it('name the killed consumer as the cause, not the producer whose pipe broke', async () => {
    const end = await run([
      await stage('dump', 'cat /dev/zero'),
      await stage('compressor', 'head -c 200000; kill -KILL $$'),
    ])
    expect(end.cause?.context).toMatchObject({ stage: 'compressor', signal: 'SIGKILL' })
  })

  it('end a producer that never writes when its consumer dies', async () => {
    const end = await run([await stage('dump', 'sleep 600'), await stage('compressor', 'exit 3')])
    expect(end.cause?.context).toMatchObject({ stage: 'compressor', status: 3 })
    expect(end.stages[0]?.termination).toEqual({ kind: 'signalled', signal: 'SIGTERM' })
  })

  it('fail when a consumer exits 0 early while the producer still writes', async () => {
    const end = await run([await stage('dump', 'exec cat /dev/zero'), await stage('early', 'head -c 1000')])
    expect(end.cause?.toFailure()).toMatchObject({ code: 'stage.bytes-lost', context: { stage: 'early' } })
  })

  it('see what a consumer left unread although every status is 0 and no pipe broke', async () => {
    const early = 'dd bs=1000 count=1 of=/dev/null 2>/dev/null; sleep 0.3' // the producer is done by then
    const end = await run([await stage('dump', 'head -c 20000 /dev/zero'), await stage('early', early)])
    expect(end.stages.every(({ ok }) => ok)).toBe(true)
    expect(end.cause?.code).toBe('stage.bytes-lost')
    expect(end.cause?.context['stage']).toBe('early')
  })

  it('do not take a consumer for early that read everything and exited before its producer', async () => {
    const end = await run([
      await stage('dump', 'head -c 1000 /dev/zero; sleep 0.2'),
      await stage('exact', 'dd bs=1000 count=1 iflag=fullblock 2>/dev/null'),
    ])
    expect(end.cause).toBeUndefined()
    expect(end.bytes).toBe(1000)
  })

  it('take in a megabyte of stderr without blocking and keep its end, secrets removed', async () => {
    const end = await run([
      await stage(
        'dump',
        'head -c 1048576 /dev/zero | tr "\\0" x >&2; echo >&2; echo "password=hunter2 postgresql://u:hunter2@h/d" >&2; echo done >&2; echo out',
      ),
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause).toBeUndefined()
    const text = end.stages[0]?.stderr.text ?? ''
    expect(text.length).toBeLessThanOrEqual(4200)
    expect(text).toMatch(/done$/)
    expect(text).not.toContain('hunter2')
    expect(text).toContain('[redacted]')
  })

  it('report a program that is not there as not started', async () => {
    const end = await run([
      await stage('dump', 'echo x'),
      { command: { name: 'ghost', program: '/nonexistent/ghost', args: [] } },
    ])
    expect(end.stages.find(({ name }) => name === 'ghost')?.termination.kind).toBe('spawn-failed')
    expect(end.cause?.message).toBe('ghost could not be started')
  })

  it('keep the first cause when aborted, kill what ignores SIGTERM, and wait until all are gone', async () => {
    const controller = new AbortController()
    const started = Promise.withResolvers<void>()
    const running = run(
      [
        await stage('dump', 'trap "" TERM; while :; do sleep 0.05; done', {}),
        await stage('hung', 'trap "" TERM; echo up; sleep 600'),
      ],
      { signal: controller.signal, onChildren: () => started.resolve() },
    )
    await started.promise
    controller.abort(new AppError('job.cancelled'))
    const end = await running
    expect(end.cause?.code).toBe('job.cancelled')
    expect(end.stages.map(({ termination }) => termination.kind)).toEqual(['signalled', 'signalled'])
  })

  it('record each child so that it can be told from a later process of the same pid', async () => {
    const end = await run([await stage('dump', 'sleep 0.2; echo x'), await stage('cat', 'exec cat')])
    expect(end.records.map(({ name }) => name).sort()).toEqual(['cat', 'dump'])
    for (const record of end.records) {
      expect(record.startTime).toMatch(/^\d+$/)
      expect(startTimeOf(record.pid)).not.toBe(record.startTime) // gone
    }
  })

  it('give a tap the whole raw stream and hand the same bytes on', async () => {
    const end = await run([
      await stage('dump', 'seq 1 200000'),
      {
        command: { name: 'tee', program: '/usr/bin/tee', args: ['/proc/self/fd/3'] },
        tap: { name: 'tail', program: '/usr/bin/tail', args: ['-c', '7'] },
      },
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause).toBeUndefined()
    expect(end.taps.get('tee')?.toString()).toBe('200000\n')
    expect(end.stages.map(({ name }) => name)).toEqual(['dump', 'tee', 'tail', 'cat'])
  })

  it('let a tap end before the stream does, whatever it has said by then', async () => {
    let said = 0
    const end = await run([
      await stage('dump', 'seq 1 400000'),
      {
        command: { name: 'tee', program: '/usr/bin/tee', args: ['-p', '/proc/self/fd/3'] },
        tap: { name: 'head', program: '/usr/bin/head', args: ['-c', '200000'] },
        onTap: chunk => {
          said += chunk.length
        },
      },
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause).toBeUndefined()
    expect(said).toBe(200_000)
    expect(end.taps.get('tee')?.length).toBe(0)
    expect(end.stages.find(({ name }) => name === 'tee')?.ok).toBe(true)
  })

  it('name the stage that failed, not the tap that could not read what it left', async () => {
    const end = await run([
      await stage('dump', 'echo half; exit 3'),
      {
        command: { name: 'tee', program: '/usr/bin/tee', args: ['-p', '/proc/self/fd/3'] },
        tap: await scripts.command('tap', 'read x; read y || exit 1'),
      },
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause).toMatchObject({ code: 'stage.failed', context: { stage: 'dump', status: 3 } })
  })

  it('fail for a tap that alone fails', async () => {
    const end = await run([
      await stage('dump', 'echo whole'),
      {
        command: { name: 'tee', program: '/usr/bin/tee', args: ['-p', '/proc/self/fd/3'] },
        tap: await scripts.command('tap', 'cat > /dev/null; exit 4'),
      },
      await stage('cat', 'exec cat'),
    ])
    expect(end.cause).toMatchObject({ code: 'stage.failed', context: { stage: 'tap', status: 4 } })
  })

  it('give children a minimal environment', async () => {
    process.env['HOLDFAST_TEST_SECRET'] = 'must not pass'
    const stages = [await stage('dump', 'env | sort'), await stage('cat', 'exec cat')]
    const joined = await joinProcesses({
      stages,
      input: false,
      output: true,
      tools,
      signal: new AbortController().signal,
    })
    let text = ''
    await joined.output?.drain(chunk => {
      text += String(chunk)
      return undefined
    })
    await joined.ended
    delete process.env['HOLDFAST_TEST_SECRET']
    const names = text
      .split('\n')
      .map(line => line.split('=')[0])
      .filter(name => !/^(PWD|OLDPWD|SHLVL|_|)$/.test(name ?? ''))
    expect(names).toEqual(['LC_ALL', 'PATH', 'TZ'])
  })
})
