import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mountsOf, readDisks } from '../../../agent/host/disks.ts'
import { hostSenses } from '../../../agent/host/host-senses.ts'
import { type HostSenses, HostWatch } from '../../../agent/host/host-watch.ts'
import { countersOf, ratesOf } from '../../../agent/host/network.ts'
import { readPressure, someOf } from '../../../agent/host/pressure.ts'
import { systemClock } from '../../../shared/clock/index.ts'
import { temporaryFolder } from '../../harness/index.ts'

describe('pressure of a host', () => {
  test('is what some tasks waited in the last ten seconds', () => {
    expect(someOf('some avg10=8.59 avg60=16.14 avg300=8.38 total=5\nfull avg10=99.00 avg60=0.00')).toBe(8.59)
  })

  test.each(['', 'full avg10=1.00', 'some avg10=', 'some avg10=-3.00', 'some avg10=400.00', '\0\0'])(
    'is unknown, not none, where the kernel says %j',
    text => {
      expect(someOf(text)).toBeUndefined()
    },
  )

  test('is unknown without PSI, and in part where a file is missing', async () => {
    await using folder = await temporaryFolder('pressure')
    expect(await readPressure(join(folder.path, 'nowhere'))).toBeUndefined()
    await writeFile(join(folder.path, 'io'), 'some avg10=12.50 avg60=0.00 avg300=0.00 total=1\n')
    expect(await readPressure(folder.path)).toEqual({ cpu: undefined, memory: undefined, io: 12.5 })
  })
})

describe('network of a host', () => {
  const text = (received: number, sent: number) =>
    `Inter-|   Receive  |  Transmit\n face |bytes    packets |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  ifb0: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n  eth0:${received} 1 0 0 0 0 0 0 ${sent} 1 0 0 0 0 0 0\n`

  test('is bytes a second of each interface that carried any, loopback apart', () => {
    expect(ratesOf(countersOf(text(1_000, 500)), countersOf(text(6_000, 2_500)), 2_000)).toEqual([
      { name: 'eth0', receivedBytesPerSecond: 2_500, sentBytesPerSecond: 1_000 },
    ])
  })

  test('says nothing of an interface whose counters went back', () => {
    expect(ratesOf(countersOf(text(6_000, 500)), countersOf(text(10, 600)), 2_000)).toEqual([])
    expect(ratesOf([], countersOf(text(10, 600)), 2_000)).toEqual([])
  })
})

describe('disks of a host', () => {
  test('are read from the mounts as the kernel writes them', () => {
    const mounts = mountsOf(
      '26 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n31 26 0:40 / /mnt/a\\040b rw shared:1 - nfs4 srv:/x rw\ncut off\n',
    )
    expect(mounts).toEqual([
      { device: '254:0', path: '/', local: true },
      { device: '0:40', path: '/mnt/a b', local: false },
    ])
  })

  test('each once, those of our folders first, a folder that is not made yet by what it will be made in', async () => {
    await using folder = await temporaryFolder('disks')
    await mkdir(join(folder.path, 'state'))
    const disks = await readDisks([
      { purpose: 'state', path: join(folder.path, 'state') },
      { purpose: 'staging', path: join(folder.path, 'not', 'yet'), reserveBytes: 7 },
    ])
    expect(disks[0]).toMatchObject({ purposes: ['state', 'staging'], reserveBytes: 7 })
    expect(disks[0]?.totalBytes).toBeGreaterThan(0)
    expect(disks[0]?.freeBytes).toBeLessThanOrEqual(disks[0]?.totalBytes ?? 0)
    expect(new Set(disks.map(each => each.path)).size).toBe(disks.length)
  })

  test('network file systems are never asked, except where a folder of ours is', async () => {
    await using folder = await temporaryFolder('disks')
    const mountinfo = join(folder.path, 'mountinfo')
    await writeFile(
      mountinfo,
      `26 1 254:0 / / rw - ext4 /dev/vda rw\n27 26 0:9 / ${folder.path} rw - nfs4 server:/export rw\n28 26 0:9 / /usr rw - nfs4 server:/export rw\n`,
    )
    const without = await readDisks([], mountinfo)
    expect(without.map(each => each.path)).toEqual(['/'])
    const ours = await readDisks([{ purpose: 'staging', path: join(folder.path, 'staging') }], mountinfo)
    expect(ours.map(each => [each.path, each.purposes])).toEqual([
      [folder.path, ['staging']],
      ['/', ['data']],
    ])
  })
})

describe('the watch over a host', () => {
  test('has nothing to say before it looked, and network rates from the second look on', async () => {
    let received = 1_000
    let mono = 0
    const senses: HostSenses = {
      disks: async () => [],
      counters: async () => [{ name: 'eth0', received, sent: 0 }],
      pressure: async () => undefined,
      load1: () => 1.5,
      cores: () => 4,
      memoryAvailableBytes: () => 5,
    }
    const watch = new HostWatch({ senses, clock: { ...systemClock, now: () => ({ wall: 0, mono }) } })
    expect(watch.latest).toBeUndefined()
    await watch.look()
    expect(watch.latest).toMatchObject({ links: [], pressure: undefined, load1: 1.5 })
    received += 4_000
    mono += 4_000
    await watch.look()
    expect(watch.latest?.links).toEqual([
      { name: 'eth0', receivedBytesPerSecond: 1_000, sentBytesPerSecond: 0 },
    ])
  })

  test('looks at this very host', async () => {
    await using folder = await temporaryFolder('senses')
    const watch = new HostWatch({
      senses: hostSenses([{ purpose: 'state', path: folder.path }]),
      clock: systemClock,
    })
    await watch.look()
    expect(watch.latest?.cores).toBeGreaterThan(0)
    expect(watch.latest?.memoryAvailableBytes).toBeGreaterThan(0)
    expect(watch.latest?.disks[0]?.purposes).toContain('state')
  })
})
