import { expect, test } from 'vitest'
import type { DiscoverySnapshot } from '../../../shared/discovery/index.ts'
import { reportChanges } from '../../../shared/discovery/reporter.ts'
import { AppError } from '../../../shared/errors/index.ts'
import { silentLog } from '../../../shared/log/index.ts'

const one = {
  source: 'test',
  serviceId: 'orders',
  serviceName: 'orders',
} as unknown as DiscoverySnapshot['instances'][number]
const ok: DiscoverySnapshot = { source: 'test', instances: [one], health: { kind: 'ok' } }

function reporter() {
  const told: DiscoverySnapshot[] = []
  return { told, report: reportChanges(each => told.push(each), silentLog) }
}

test('the same instances again are not told, the very same ones or others that say the same', () => {
  const { told, report } = reporter()
  report(ok)
  report({ ...ok })
  report({ ...ok, instances: [{ ...one }] })
  expect(told).toHaveLength(1)
})

test('an instance more, less or another is told, and one that comes back, too', () => {
  const { told, report } = reporter()
  const more = [one, { ...one, serviceId: 'shop' }]
  for (const instances of [ok.instances, more, ok.instances, [], ok.instances]) report({ ...ok, instances })
  expect(told.map(each => each.instances.length)).toEqual([1, 2, 1, 0, 1])
})

test('a source that fails while its instances stay is told once, and that it is well again', () => {
  const { told, report } = reporter()
  const failing = { kind: 'failing', error: new AppError('discovery.unavailable') } as const
  for (const health of [ok.health, failing, failing, ok.health]) report({ ...ok, health })
  expect(told.map(each => each.health.kind)).toEqual(['ok', 'failing', 'ok'])
})
