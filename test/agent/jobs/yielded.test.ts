import { describe, expect, it } from 'vitest'
import type { Yielder } from '../../../agent/host/yielder.ts'
import { together } from '../../../agent/jobs/together.ts'
import type { Manifest } from '../../../shared/model/manifest.ts'
import { requireServers, temporaryFolder } from '../../harness/index.ts'
import { conducted } from './conducted.ts'
import { fakeEngine } from './fake-engine.ts'
import { backupSpec, folders, makeWorld } from './world.ts'

const servers = await requireServers('yielding of the agent', 'pv')

describe('streams of a host under pressure', () => {
  it('begin one after the other, and beside each other again once there is room', async () => {
    const pressed = Promise.withResolvers<void>()
    let room: Promise<void> | undefined = pressed.promise
    let running = 0
    const most: number[] = []
    const ends: (() => void)[] = []
    const task = () => {
      most.push(++running)
      return new Promise<string>(resolve =>
        ends.push(() => {
          running--
          resolve('done')
        }),
      )
    }
    const all = together(
      Array.from({ length: 5 }, () => task),
      3,
      new AbortController().signal,
      () => room,
    )
    const turn = () => new Promise(resolve => setImmediate(resolve))
    await turn()
    ends.shift()?.()
    await turn()
    expect(most).toEqual([1, 1])
    room = undefined
    pressed.resolve()
    await turn()
    expect(most).toEqual([1, 1, 2, 3])
    while (ends.length > 0) {
      ends.shift()?.()
      await turn()
    }
    expect(await all).toHaveLength(5)
  })

  it('end all the same when there never is room, and when one of them fails', async () => {
    const pressed = () => new Promise<void>(() => {})
    const done = async () => 'done'
    expect(await together([done, done, done], 3, new AbortController().signal, pressed)).toHaveLength(3)
    const failing = async () => {
      throw new Error('the first')
    }
    await expect(
      together([failing, failing, failing], 3, AbortSignal.abort(new Error('before')), pressed),
    ).rejects.toThrow('the first')
    await expect(together([failing, done, done], 3, new AbortController().signal, pressed)).rejects.toThrow(
      'the first',
    )
  })
})

describe.skipIf(servers.missing)('a backup that stood back', () => {
  it('says for how long in its manifest', async () => {
    await using folder = await temporaryFolder('yielded')
    const places = await folders(folder.path)
    let asked = 0
    const yielding: Pick<Yielder, 'room' | 'yieldedMs'> = {
      room: () => undefined,
      get yieldedMs() {
        return 1_000 + asked++ * 2_500
      },
    }
    const world = await makeWorld(places, { yielding, engine: fakeEngine({ streams: ['seq 1 3000'] }) })
    const { result } = await conducted(backupSpec(places.bucket), world)
    expect(result.outcome).toBe('succeeded')
    const manifest = JSON.parse(Buffer.from(result.manifest ?? '', 'base64').toString('utf8')) as Manifest
    expect(manifest.observed?.yielded_ms).toBe(2_500)
  })
})
